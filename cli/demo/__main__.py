"""``python -m cli.demo``: the same as ``containment demo``."""

from __future__ import annotations

import sys

from cli.main import run

sys.exit(run(["demo", *sys.argv[1:]]))
