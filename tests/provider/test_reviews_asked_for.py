"""What the profile lets nobody do without a review, the provider refuses plain ``pulumi`` too."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from containment.clock import utc_now
from containment.lab.testing import Lab
from containment.ledger import Ledger, LedgerSettings, open_store
from containment.lifecycle.oversight import UNRECORDED, VARIABLE
from containment.review.approval.afterwards import declare
from tests.provider.test_handed_over import FILE, engine_up, environ
from tests.support.project import STACK, spec
from tests.support.wire import Plugin, plugin, struct
from tests.support.workbench import can_list

__all__ = ["environ"]

pytestmark = pytest.mark.wire


def test_a_run_that_nothing_let_begin_changes_nothing_and_an_emergency_gives_no_leaked_key_back(
    lab: Lab, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "stacks").mkdir()
    leaked = lab.world.leaked.access_key_id
    user = f"{{user: '{lab.world.ci_user}', leaked: [{leaked}]}}"
    text = spec(user).replace("disposition: suspected", "disposition: false-positive")
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    (tmp_path / "containment.yaml").write_text("review: {required: all}\n", encoding="utf-8")
    before = lab.status()["mutations"]

    with (
        plugin(environ, tmp_path) as running,
        pytest.raises(grpc.RpcError, match="containment up --emergency REASON"),
    ):
        engine_up(running, tmp_path)
    assert lab.status()["mutations"] == before
    assert can_list(lab, lab.world.leaked)

    with plugin({**environ, VARIABLE: str(UNRECORDED)}, tmp_path) as running:
        outputs = engine_up(running, tmp_path)
    assert not can_list(lab, lab.world.leaked)

    last_first = dict(reversed(outputs.items()))
    with (
        plugin(environ, tmp_path) as running,
        pytest.raises(grpc.RpcError, match=f"containment review {STACK} --applied"),
    ):
        delete(running, last_first)
    assert not can_list(lab, lab.world.leaked)

    number = declare_lift(tmp_path)
    with plugin({**environ, VARIABLE: str(number)}, tmp_path) as running:
        delete(running, last_first)
    iam = lab.client("iam", lab.world.admin)
    assert iam.list_user_policies(UserName="ci-deploy")["PolicyNames"] == ["pipeline"]
    (key,) = iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    assert (key["AccessKeyId"], key["Status"]) == (leaked, "Inactive")


def delete(running: Plugin, outputs: dict[str, dict[str, Any]]) -> None:
    """Delete what was made, the last one first, as the engine does."""
    for resource, properties in outputs.items():
        made = SimpleNamespace(id=f"{STACK}/{resource}", properties=struct(properties))
        running.delete(resource, made)


def declare_lift(folder: Path) -> int | None:
    """Put the emergency of a lift on record; return the entry's number."""
    ledger = Ledger(
        lambda one: open_store(LedgerSettings(), folder, one), now=utc_now, say=lambda _line: None
    )
    journal = ledger.journal_of(STACK)
    return declare(
        journal, "lift", "a test of ours", "x", now=utc_now(), within=timedelta(1), spec=""
    )
