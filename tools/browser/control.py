"""A page with one fault of every kind: a judge that overlooks one of them is worth nothing."""

from __future__ import annotations

PAGE = """<!doctype html>
<html>
<head><title>control</title><style>
.wide{width:2000px} .faint{color:#aaa;background:#fff} .tiny{font-size:6px}
button:focus{outline:none} .away{position:fixed;left:-4000px}
</style></head>
<body>
<h1>control</h1><h4>skipped a level</h4>
<p class="wide faint">too wide and too pale</p><p class="tiny">too small</p>
<a href="javascript:alert(1)">link</a><input><button class="away"></button>
<img src="http://198.51.100.9/x.png" onerror="alert(2)">
<script>alert(1); console.error("loud"); window.open("about:blank"); fail();</script>
</body>
</html>
"""
# How each fault begins that has to be told of the page.
FAULTS = (
    "a script of the data ran: 1",
    "a script of the data ran: 2",
    "console error: loud",
    "a script failed",
    "a request left the page",
    "a window was opened",
    "no policy",
    "a handler: IMG onerror",
    "an address: A href",
    "2",  # pixels wide: 2016 or so
    "letters too small",
    "the Tab key leaves no mark",
    "the Tab key does not bring it into sight",
    "axe color-contrast",
    "axe html-has-lang",
    "axe heading-order",
    "axe label",
    "axe button-name",
    "axe image-alt",
)


def overlooked(faults: list[str]) -> list[str]:
    """Return the faults of the page that are not among *faults*."""
    return [start for start in FAULTS if not any(fault.startswith(start) for fault in faults)]
