"""Record the demo into README.md, between its markers: ``make record``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- demo: begin -->\n", "<!-- demo: end -->"


def main() -> int:
    """Run the demo; keep what it prints only if everything in it holds."""
    demo = subprocess.run(
        [sys.executable, "-m", "cli.demo"],
        cwd=README.parent,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if demo.returncode:
        print(demo.stdout, file=sys.stderr)
        return demo.returncode
    text = README.read_text(encoding="utf-8")
    recorded = f"{BEGIN}```text\n{demo.stdout}```\n{END}"
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    README.write_text(re.sub(pattern, lambda _: recorded, text, flags=re.DOTALL), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
