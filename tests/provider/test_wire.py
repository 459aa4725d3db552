"""The provider's own executable over gRPC, as the engine speaks with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from containment.lab.testing import Lab
from containment.lifecycle.handover import hand_over
from containment.messages import VARIABLE, MessageFile
from tests.support.processes import lives
from tests.support.wire import EXECUTABLE, Plugin, plugin, struct, values
from tests.support.workbench import can_list

pytestmark = pytest.mark.wire

LIFT = {
    "spec": "stacks/inc-2026-0042.yaml",
    "disposition": "suspected",
    "compromisedAt": "2026-11-01T00:00:00Z",
    "leaked": [],
}


def environ(lab: Lab) -> dict[str, str]:
    return {
        **lab.world.responder.env(),
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nonexistent",
    }


@pytest.fixture
def wired(lab: Lab, tmp_path: Path) -> Iterator[Plugin]:
    with plugin(environ(lab), tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def lasting(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    """One provider for all tests that leave nothing in it: to start one takes a second."""
    lab_process.reseed(seed=42)  # as every test's, and so with the same keys
    with plugin(environ(lab_process), tmp_path_factory.mktemp("provider")) as running:
        yield running


def snapshot_inputs(lab: Lab, arn: str | None = None) -> dict[str, Any]:
    return {"incident": "inc-2026-0042", "principal": arn or lab.world.ci_user, "lift": LIFT}


def deny_inputs(lab: Lab, taken: dict[str, Any]) -> dict[str, Any]:
    return {
        **snapshot_inputs(lab),
        "scope": "all",
        **{name: taken[name] for name in ("principalId", "snapshotId", "endpoint")},
    }


def write_spec(lab: Lab, folder: Path) -> None:
    """Write what bears the lift out: the state alone would not."""
    (folder / "stacks").mkdir()
    (folder / "stacks" / "inc-2026-0042.yaml").write_text(
        f"""\
incident: inc-2026-0042
title: test
compromised_at: 2026-11-01T00:00:00Z
compromised_at_source: test
disposition: suspected
severity: high
cause: unknown
owner: somebody@example.com
review_by: 2026-12-01T00:00:00Z
targets:
  - user: {lab.world.ci_user}
""",
        encoding="utf-8",
    )


def contained(wired: Plugin, lab: Lab) -> tuple[dict[str, Any], Any]:
    inputs = values(wired.check("PrincipalSnapshot", snapshot_inputs(lab)).inputs)
    taken = values(wired.create("PrincipalSnapshot", inputs).properties)
    return taken, wired.create("DenyPolicy", deny_inputs(lab, taken))


def test_a_resource_goes_from_check_to_delete_over_grpc(
    wired: Plugin, lab: Lab, tmp_path: Path
) -> None:
    write_spec(lab, tmp_path)
    assert can_list(lab, lab.world.leaked)
    taken, made = contained(wired, lab)

    assert made.refresh_before_update
    assert values(made.properties)["live"] == "applied"
    assert not can_list(lab, lab.world.leaked)
    assert values(wired.read("DenyPolicy", made).properties)["live"] == "applied"

    wired.delete("DenyPolicy", made)

    assert can_list(lab, lab.world.leaked)
    assert taken["emulated"] is True


def test_the_snapshot_shows_in_preview_all_but_what_only_an_apply_knows(
    wired: Plugin, lab: Lab
) -> None:
    before = lab.status()["mutations"]["total"]
    inputs = values(wired.check("PrincipalSnapshot", snapshot_inputs(lab)).inputs)

    shown = values(wired.create("PrincipalSnapshot", inputs, preview=True).properties)
    unknown = {name for name, value in shown.items() if value == UNKNOWN}
    deny = deny_inputs(lab, shown)
    wired.create("DenyPolicy", values(wired.check("DenyPolicy", deny).inputs), preview=True)

    assert unknown == {"snapshotId", "capturedAt", "ledger"}
    assert shown["accessKeys"][0]["accessKeyId"] == lab.world.leaked.access_key_id
    assert lab.status()["mutations"]["total"] == before


def test_check_is_deterministic_so_that_plans_hold(lasting: Plugin, lab: Lab) -> None:
    first = lasting.check("PrincipalSnapshot", snapshot_inputs(lab))
    second = lasting.check("PrincipalSnapshot", snapshot_inputs(lab))

    assert values(first.inputs) == values(second.inputs)


@pytest.mark.parametrize(
    ("change", "property_"),
    [
        ({"principal": "arn:aws:iam::111122223333:role/ContainmentResponder"}, "principal"),
        ({"principal": "arn:aws:s3:::bucket"}, "principal"),
        ({"lift": {**LIFT, "disposition": "perhaps"}}, "lift.disposition"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_be_used_is_a_check_failure(
    lasting: Plugin, lab: Lab, change: dict[str, Any], property_: str
) -> None:
    answer = lasting.check("PrincipalSnapshot", {**snapshot_inputs(lab), **change})

    assert [failure.property for failure in answer.failures] == [property_]
    assert "Traceback" not in answer.failures[0].reason


def test_an_error_that_changed_nothing_is_one_line_with_the_next_step(
    wired: Plugin, lab: Lab
) -> None:
    inputs = snapshot_inputs(lab, "arn:aws:iam::111122223333:user/nobody")

    with pytest.raises(grpc.RpcError) as caught:
        wired.create("PrincipalSnapshot", inputs)

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    details = caught.value.details() or ""
    assert "containment resolve" in details
    assert "\n" not in details


def test_what_is_unfinished_is_kept_by_the_engine(wired: Plugin, lab: Lab) -> None:
    taken, _ = contained(wired, lab)
    deny_responder(lab, "iam:UpdateAccessKey")
    inputs = {
        **snapshot_inputs(lab),
        "accessKeys": taken["accessKeys"],
        **{name: taken[name] for name in ("principalId", "snapshotId", "endpoint")},
    }

    with pytest.raises(grpc.RpcError) as caught:
        wired.create("InactiveCredentials", inputs)

    detail = init_failed(caught.value)
    assert detail.id == f"inc-2026-0042/{lab.world.ci_user}"
    assert values(detail.properties)["live"] == "unverified"
    assert "live" not in values(detail.inputs)
    assert "UpdateAccessKey" in detail.reasons[0]


def test_read_never_fails(wired: Plugin, lab: Lab) -> None:
    _, made = contained(wired, lab)
    deny_responder(lab, "iam:*")

    response = wired.read("DenyPolicy", made)

    assert values(response.properties)["live"] == "unknown"
    assert any("cannot see" in message for _, message in wired.log.messages)


def test_diff_updates_on_drift_replaces_on_identity_and_else_does_nothing(
    wired: Plugin, lab: Lab
) -> None:
    taken, made = contained(wired, lab)
    old = deny_inputs(lab, taken)

    same = wired.diff("DenyPolicy", made, old, old)
    scope = wired.diff("DenyPolicy", made, old, {**old, "scope": "issued-before"})
    other = wired.diff("DenyPolicy", made, old, {**old, "principalId": "AIDAOTHER"})
    drifted = provider_pb2.CreateResponse(
        id=made.id, properties=struct({**values(made.properties), "live": "missing"})
    )
    drift = wired.diff("DenyPolicy", drifted, old, old)

    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert (list(scope.diffs), list(scope.replaces)) == (["scope"], [])
    assert list(other.replaces) == ["principalId"]
    assert list(drift.diffs) == ["live"]


def test_a_new_configuration_of_the_provider_replaces_no_resource(lasting: Plugin) -> None:
    answer = lasting.stub.DiffConfig(
        provider_pb2.DiffRequest(
            olds=struct({"region": "eu-central-1"}), news=struct({"region": "eu-west-1"})
        )
    )

    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.replaces) == []


def test_an_unknown_setting_is_refused_by_name(lasting: Plugin) -> None:
    answer = lasting.stub.CheckConfig(provider_pb2.CheckRequest(news=struct({"secretKey": "x"})))

    assert answer.failures[0].property == "secretKey"


def test_the_verb_is_handed_what_was_written_and_nothing_of_a_preview(
    lab: Lab, tmp_path: Path
) -> None:
    file = MessageFile.make(tmp_path)
    with plugin(environ(lab) | {VARIABLE: str(file.path)}, tmp_path) as running:
        taken = values(running.create("PrincipalSnapshot", snapshot_inputs(lab)).properties)
        running.create("DenyPolicy", deny_inputs(lab, taken), preview=True)
        assert file.changes() == ()

        running.create("DenyPolicy", deny_inputs(lab, taken))

    (change,) = file.changes()
    assert (change.principal, change.subject) == (
        lab.world.ci_user,
        "inline policy containment-inc-2026-0042",
    )
    assert (change.read, change.before, change.certain) == (True, None, True)
    assert '"Effect":"Deny"' in (change.after or "")


def test_after_cancel_nothing_new_is_started(wired: Plugin, lab: Lab) -> None:
    inputs = values(wired.check("PrincipalSnapshot", snapshot_inputs(lab)).inputs)
    taken = values(wired.create("PrincipalSnapshot", inputs).properties)
    wired.stub.Cancel(Empty())

    with pytest.raises(grpc.RpcError) as caught:
        wired.create("DenyPolicy", deny_inputs(lab, taken))

    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert can_list(lab, lab.world.leaked)


def test_a_key_is_resolved_for_the_program(lasting: Plugin, lab: Lab) -> None:
    answer = lasting.stub.Invoke(
        provider_pb2.InvokeRequest(
            tok="containment:index:resolveAccessKey",
            args=struct({"accessKeyId": lab.world.leaked.access_key_id}),
        )
    )

    assert values(getattr(answer, "return"))["principal"] == lab.world.ci_user


def test_the_schema_names_every_resource(lasting: Plugin) -> None:
    schema = json.loads(lasting.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)

    assert len(schema["resources"]) == 5
    references = json.dumps(schema).count('"$ref"')
    assert references > 0
    for token in schema["types"]:
        assert f"#/types/{token}" in json.dumps(schema["resources"])


def test_the_provider_says_that_it_is_emulated(wired: Plugin, lab: Lab) -> None:
    wired.check("PrincipalSnapshot", snapshot_inputs(lab))

    assert any(message.startswith("EMULATED") for _, message in wired.log.messages)


def test_the_provider_leaves_emulated_out_where_the_command_has_said_it(
    lab: Lab, tmp_path: Path
) -> None:
    with plugin(environ(lab) | {"CONTAINMENT_ANNOUNCED": "1"}, tmp_path) as running:
        running.check("PrincipalSnapshot", snapshot_inputs(lab))

        assert [text for _, text in running.log.messages if "EMULATED" in text] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_provider_ends_at_once_when_nothing_is_in_flight(
    wired: Plugin, number: signal.Signals
) -> None:
    wired.process.send_signal(number)

    assert wired.process.wait(timeout=3) == 0


def test_the_provider_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([{str(EXECUTABLE)!r}, '127.0.0.1:1'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()

    deadline = time.monotonic() + 10
    while lives(orphan) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not lives(orphan)


@pytest.mark.parametrize("is_whole", [None, False])
def test_the_provider_refuses_to_run_without_checkpoints(
    tmp_path: Path, *, is_whole: bool | None
) -> None:
    handed = {} if is_whole is None else hand_over(tmp_path, [], is_whole=is_whole)
    process = subprocess.run(
        [str(EXECUTABLE), "127.0.0.1:1"],
        env={**os.environ, **handed, "PULUMI_SKIP_CHECKPOINTS": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert process.returncode != 0
    assert "PULUMI_SKIP_CHECKPOINTS" in process.stderr
    assert "Traceback" not in process.stderr


def test_without_checkpoints_it_changes_nothing_that_is_not_on_record_first(
    tmp_path: Path, lab: Lab
) -> None:
    handed = hand_over(tmp_path, [], is_whole=True)
    (tmp_path / "ledger").write_text("no folder", encoding="utf-8")
    skips = {**environ(lab), **handed, "PULUMI_SKIP_CHECKPOINTS": "true"}
    before = lab.status()["mutations"]["total"]

    with plugin(skips, tmp_path) as running:
        inputs = values(running.check("PrincipalSnapshot", snapshot_inputs(lab)).inputs)
        with pytest.raises(grpc.RpcError, match="is not on record"):
            running.create("PrincipalSnapshot", inputs)

    assert lab.status()["mutations"]["total"] == before


def init_failed(error: Any) -> Any:
    from google.protobuf.any_pb2 import Any as AnyMessage  # noqa: PLC0415
    from pulumi.runtime.proto import status_pb2  # noqa: PLC0415

    metadata = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    packed: AnyMessage = status.details[0]
    detail = provider_pb2.ErrorResourceInitFailed()
    packed.Unpack(detail)
    return detail


def deny_responder(lab: Lab, action: str) -> None:
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="less",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}],
            }
        ),
    )
