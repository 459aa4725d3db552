"""``make reliability``: break runs of the engine in every way, and see that nothing is lost."""

from __future__ import annotations

import sys
from pathlib import Path

# What the tests share is shared with these as well.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
