"""What two engines must agree on, as one digest: all of the answer but the files it came from."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from containment.trail import Trace


def loaded(path: Path) -> ModuleType:
    """A script or a test file as a module, whatever folder it is in."""
    spec = importlib.util.spec_from_file_location(f"held_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def comparable(answer: Trace) -> dict[str, Any]:
    calls = [
        (traced.credential, call.event_id, call.digest, call.time, call.klass, call.outcome)
        for traced in answer.calls
        for call in [traced.call]
    ]
    return {
        "seed": (answer.seed, answer.seed_kind, answer.seed_principal, asdict(answer.origin)),
        "credentials": [asdict(credential) for credential in answer.credentials],
        "external_trust": sorted(str(asdict(trust)) for trust in answer.external_trust),
        "calls": sorted(calls),
        "resources": sorted(str(asdict(resource)) for resource in answer.resources),
        # Told by the names of files, which a table does not show.
        "gaps": sorted(
            gap.what for gap in answer.gaps if gap.kind not in ("files", "hours", "assumed")
        ),
        "classes": answer.classes,
        "records": answer.records,
    }


def digest(answer: Trace) -> str:
    text = json.dumps(comparable(answer), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
