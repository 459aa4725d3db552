"""Load the modules of Pulumi's protocol without starting the rest of its SDK."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def skip_sdk_start() -> None:
    """Let ``pulumi.runtime.proto`` load alone, in a process that runs no program.

    The SDK takes 0.3 s of the processor to start, in every process that the engine starts. Where it
    has been imported already, nothing changes. Without the package the process ends with one line.
    """
    if "pulumi" in sys.modules:
        return
    spec = find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("error: this Python has no pulumi package; run 'make setup'")
    folder = Path(spec.submodule_search_locations[0])
    for name, path in (("pulumi", folder), ("pulumi.runtime", folder / "runtime")):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
