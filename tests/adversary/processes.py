"""Four fights between real processes: python -m tests.adversary.processes.

A lab behind a socket, `containment up` with the real engine, `containment hold` and the attacker,
each a process of its own, on the clock on the wall. One seed: what many seeds show is shown on the
lab's clock. Ends with 1 where a guard let somebody through.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab, lab_server
from tests.support.guard_role import guard_role
from tests.support.project import ROOT, STACK, Project, spec
from tests.support.sign_ins import PASSWORD, sign_in

_IAM_S, _SCP_S = 2.0, 4.0
_HOLD_MIN = 0.25
_AFTER_UP_S = 8.0
_MARGIN_S = {"freeze": 2 * _IAM_S + 5, "quarantine": 1.0}
DEFENCES = ("freeze", "quarantine", "hold", "nothing")


def main() -> int:
    """Fight each of them once."""
    lost = 0
    with lab_server() as lab:
        for defence in DEFENCES:
            with TemporaryDirectory(prefix="containment-fight-") as folder:
                row = fought(lab, defence, Path(folder))
            lost += bool(row["late"]) or not row["looks"]
            _say(
                f"{defence}, IAM {_IAM_S:g} s, SCP {_SCP_S:g} s: up ended after {row['up_s']:.0f} s"
                f" with {row['up']}, hold with {row['hold']}; last success after"
                f" {row['last_s']:.1f} s of {row['all_s']:.0f}; {row['made']} users and roles made;"
                f" {row['late']} calls went through after the guard has to hold"
            )
    return 1 if lost else 0


def fought(lab: Lab, defence: str, folder: Path) -> dict[str, Any]:
    """Return what came of one fight."""
    project = _set_out(lab, defence, folder)
    attacker = _attacker(lab, sign_in(lab, user="release-bot", client="CLI"))
    lags = [("iam", _IAM_S), ("scp", _SCP_S)]
    lab.faults(*({"kind": "lag", "seconds": s, "scope": scope} for scope, s in lags))
    began = time.time()
    up = project.start_verb("up", "--yes", STACK)
    up.communicate(timeout=300)
    up_s = time.time() - began
    hold_code: int | str = "none"
    if defence == "nothing":
        time.sleep(_AFTER_UP_S)
    else:
        hold = project.start_verb("hold", STACK, "--extend", "--for", str(_HOLD_MIN))
        hold.communicate(timeout=300)
        hold_code = hold.returncode
    ended = time.time()
    output, _ = attacker.communicate("\n", timeout=60)
    lab.faults()
    report = json.loads(output.splitlines()[-1])
    moments = [moment for moment, _, _ in report["successes"] if moment >= began]
    limit = began + up_s + _MARGIN_S.get(defence, float("inf"))
    return {
        "up": up.returncode,
        "up_s": up_s,
        "hold": hold_code,
        "last_s": max(moments, default=began) - began,
        "all_s": ended - began,
        "made": len(report["made"]),
        "looks": report["looks"],
        "late": sum(moment > limit for moment in moments),
    }


def _set_out(lab: Lab, defence: str, folder: Path) -> Project:
    lab.faults()
    world = lab.reseed()
    admin = lab.client("iam", world.admin)
    admin.attach_user_policy(
        UserName="release-bot", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    admin.create_login_profile(UserName="release-bot", Password=PASSWORD)
    project = Project.make(folder, {**world.responder.env(), "AWS_ENDPOINT_URL": lab.endpoint})
    guarded = defence in _MARGIN_S
    key = world.release_key.access_key_id
    project.spec(
        spec(
            f"{{user: '{world.release_user}', leaked: [{key}]}}",
            f"{{role: '{world.deploy_role}'}}",
            disposition="confirmed",
            extra=f"guard: {{mode: {defence}}}\n" * guarded + "limits: {principals: 12}\n",
        )
    )
    guard = f"guard_role: {guard_role(lab)}\nguard_lag_s: {_SCP_S:g}\n" if guarded else ""
    (project.folder / "containment.yaml").write_text(
        f"{guard}break_glass: ['{world.break_glass_role}']\n", encoding="utf-8"
    )
    return project


def _attacker(lab: Lab, signed_in: Credentials) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.adversary.opponent"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    asked = {
        "endpoint": lab.endpoint,
        "leaked": _keys(lab.world.release_key),
        "signed_in": _keys(signed_in),
        "seed": 1,
        "left_out": ["responder"],
    }
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    return process


def _keys(credentials: Credentials) -> dict[str, str]:
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token or "",
    }


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
