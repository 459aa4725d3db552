"""What `pulumi` prints, shortened to the lines that say what happened to a resource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RESOURCE = re.compile(
    r"\s*(?P<sign>[-+~]+)\s+containment:index:(?P<kind>\w+)\s+(?P<name>\S+)\s+"
    r"(?P<outcome>create|created|update|updated|delete|deleted|replaced?|\*\*\w+ failed\*\*)"
    r"(?P<time>\s\([\d.]+s\))?(?:\s|$)"
)
_MESSAGE = re.compile(r" {4}\S")
_COUNT = re.compile(r"    \S* ?\d+ \w+")


def shortened(lines: Iterable[str], *, resources: bool = True) -> Iterator[str]:
    """Yield the lines of *lines* that a reader wants: resources, their messages, the counts.

    Left out are the lines of work in progress, the headings and the stack's own line; without
    *resources* also the lines of those, whose messages say what was done.
    """
    in_messages = in_counts = False
    for line in lines:
        if line in ("Diagnostics:", "Resources:"):
            in_messages, in_counts = line == "Diagnostics:", line == "Resources:"
        elif (match := _RESOURCE.match(line)) and not (in_messages or in_counts):
            if resources:
                yield (
                    f"{match['sign']} {match['kind']:<20} {match['name']:<28} "
                    f"{match['outcome']}{match['time'] or ''}"
                )
        elif in_messages and _MESSAGE.match(line) and "EMULATED" not in line:
            yield f"  {line.strip()}"
        elif in_counts and _COUNT.match(line):
            yield line.strip()
