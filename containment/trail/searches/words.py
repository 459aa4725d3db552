"""Names of the lineage as words that a search of records' text finds."""

from __future__ import annotations

import re

from containment.trail.spellings import plain, speakable, word_of

# What JSON writes as itself and no search language takes for more than itself within quotes.
_SAFE = re.compile(r"[A-Za-z0-9_+=,.@/:-]+")


def words_of(name: str) -> tuple[str, ...]:
    """Return words that every record with *name* in it holds; empty if it cannot be asked for.

    A name with letters that JSON or a search language may write otherwise is asked for by its
    other parts: too much may be found, never too little.
    """
    if not speakable(name):
        return ()
    word = word_of(name) or plain(name)
    return tuple(_SAFE.findall(word))


def is_whole(name: str, words: tuple[str, ...]) -> bool:
    """Tell whether *words* are all of *name*'s word, and not what is left of it."""
    return len(words) == 1 and words[0] == (word_of(name) or plain(name))
