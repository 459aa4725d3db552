"""The append-only record of every change: written before it is made, completed after it.

It survives the loss of the engine's state, proves who did what and when, and gives a lift a second
source beside the claims. One ledger an incident, in a file or in a bucket; anyone can verify it.
"""

from __future__ import annotations

from containment.ledger.chain import Chain, Head
from containment.ledger.journal import Inspection, Journal, Remembered
from containment.ledger.ledger import Ledger, unkept
from containment.ledger.places import LedgerSettings, open_record_store, open_store
from containment.ledger.store import LedgerUnavailableError, Store

__all__ = [
    "Chain",
    "Head",
    "Inspection",
    "Journal",
    "Ledger",
    "LedgerSettings",
    "LedgerUnavailableError",
    "Remembered",
    "Store",
    "open_record_store",
    "open_store",
    "unkept",
]
