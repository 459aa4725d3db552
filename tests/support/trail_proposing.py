"""The spec that a trace adds its proposals to, and what was added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from containment.spec import IncidentSpec, Target, load
from containment.trail import trace
from containment.trail.outputs.into_spec import add_to_spec
from containment.trail.outputs.propose import Proposals
from tests.support.trail_composite import Composite

if TYPE_CHECKING:
    from collections.abc import Sequence


IAM = "arn:aws:iam::111122223333:"
SPEC = """\
# kept as it is
incident: inc-2026-0042
title: ci-deploy access key pushed to a public repository
compromised_at: 2026-11-23T21:14:00Z
compromised_at_source: GitHub secret scanning alert 17
disposition: suspected   # for now
severity: high
cause: exposed-in-source
owner: security-oncall@example.com
review_by: 2026-11-25T09:00:00Z
targets:
  - user: arn:aws:iam::111122223333:user/ci/ci-deploy   # the leaked one
    leaked: [AKIAIOSFODNN7EXAMPLE]
break_glass: ["arn:aws:iam::111122223333:role/BreakGlass"]
limits: {principals: 20}
"""


class Proposed:
    """The spec after the trace added to it, read back as ``containment check`` reads it."""

    def __init__(self, path: Path, proposals: Proposals) -> None:
        self.path, self.proposals = path, proposals
        self.text = path.read_text("utf-8")
        self.spec: IncidentSpec = load(path)
        self.targets: dict[str, Target] = {target.named: target for target in self.spec.targets}

    def rung(self, name: str) -> str:
        return str(self.targets[IAM + name].rung)

    def line(self, name: str, word: str = "") -> str:
        """Return the line of the file that names the target, or the one after it with *word*."""
        lines = self.text.splitlines()
        start = next(i for i, line in enumerate(lines) if IAM + name in line)
        return next(line for line in lines[start:] if word in line)


def propose(
    scene: Composite,
    folder: Path,
    *,
    spec: str = SPEC,
    seed: str = "",
    responders: Sequence[str] = (),
) -> Proposed:
    path = folder / "inc-2026-0042.yaml"
    path.write_text(spec, "utf-8")
    logs = scene.write(folder)
    answer = trace(seed or scene.leaked, since=scene.since, logs=[logs], workers=1)
    return Proposed(path, add_to_spec(answer, path, responders))


def open_trust(scene: Composite, role: str, principal: str, seconds: int) -> None:
    statement = {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": principal}}
    request = {"roleName": role, "policyDocument": json.dumps({"Statement": [statement]})}
    scene.call(scene.leaked, scene.user, "UpdateAssumeRolePolicy", seconds, request=request)
