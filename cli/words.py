"""What several verbs say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from containment.clock import isoformat

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from enum import StrEnum

    from containment.aws.resolve import Resolved


def word_option(
    name: str, words: type[StrEnum], *, default: StrEnum | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return an option that takes one of *words*."""
    purpose = (words.__doc__ or "").partition(";")[0].strip().rstrip(".")
    return click.option(
        name,
        type=click.Choice([str(word) for word in words]),
        default=str(default) if default else None,
        show_default=default is not None,
        help=f"{purpose}.",
    )


def describe_keys(found: Resolved, leaked: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return a user's access keys as rows of (name, value), the leaked ones named so."""
    if found.principal.kind == "role":
        return []
    rows = [
        (
            "leaked key" if key.access_key_id in leaked else "key",
            f"{key.access_key_id}  {key.status}, made {isoformat(key.created_at)}",
        )
        for key in found.keys
    ]
    gone = set(leaked) - {key.access_key_id for key in found.keys}
    return [*rows, *(("leaked key", f"{key}  not there any more") for key in sorted(gone))]
