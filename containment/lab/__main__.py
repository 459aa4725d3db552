"""Serve a lab in the foreground: ``python -m containment.lab DIRECTORY PORT``.

``containment lab start --detach`` runs this; people use ``containment lab start``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from containment.errors import ContainmentError
from containment.lab.foreground import noted_in, serve


def main() -> int:
    """Serve until told to stop."""
    try:
        serve(
            Path(sys.argv[1]),
            int(sys.argv[2]),
            announce=lambda _lab: None,
            noted_in=noted_in(os.environ),  # noqa: TID251 -- a program reads its settings
        )
    except ContainmentError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 -- whoever started us reads it
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
