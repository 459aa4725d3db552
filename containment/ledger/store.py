"""Where the lines of one ledger are kept, whatever the place is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from containment.errors import UnavailableError
from containment.ledger.chain import Head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What an error calls a chain, unless it is another one.
LEDGER = "ledger"


class LedgerUnavailableError(UnavailableError):
    """The place of a ledger, or of a record, cannot be read or written now."""


class Store(Protocol):
    """Keeps lines in order; several processes may add to it at once."""

    @property
    def location(self) -> str:
        """Where it is, as an operator would write it."""
        ...

    def lines(self) -> Sequence[bytes] | None:
        """Return all lines, or None if there is no ledger there.

        Raises:
            LedgerUnavailableError: it cannot be read.
        """
        ...

    def append(self, make: Callable[[Head], bytes]) -> Head:
        """Add the line that *make* returns for the head it is to follow; return the new head.

        When it returns, the line outlives a crash of the machine. *make* may be called again where
        somebody else was faster.

        Raises:
            LedgerUnavailableError: it cannot be written; nothing was added, or a torn line.
        """
        ...

    def concerns(self) -> list[str]:
        """Return what is wrong with the place itself, in words; it may ask over the network."""
        ...

    def locked(self) -> bool:
        """Tell whether nobody can take an entry out or replace it; it may ask over the network."""
        ...


class Nowhere:
    """A store that keeps nothing."""

    @property
    def location(self) -> str:
        return "nowhere"

    def lines(self) -> None:
        return None

    def append(self, make: Callable[[Head], bytes]) -> Head:
        del make
        return Head()

    def concerns(self) -> list[str]:
        return []

    def locked(self) -> bool:
        return False
