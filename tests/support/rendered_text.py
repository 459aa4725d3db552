"""Look at what was rendered as those who show it do: elements of a page, text outside code."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Elements(HTMLParser):
    """The names of a page's elements; none of them may hold a script in an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.names.add(tag)


def outside_code(markdown: str) -> str:
    """Return *markdown* without its code spans and code blocks, each of which has to be closed."""
    text, rest = "", markdown
    while rest:
        before, tick, after = rest.partition("`")
        text += before
        if not tick:
            break
        run = 1 + len(after) - len(after.lstrip("`"))
        closing = re.search(rf"(?<!`)`{{{run}}}(?!`)", after[run - 1 :])
        assert closing is not None, "a code span is open"
        rest = after[run - 1 :][closing.end() :]
    return text
