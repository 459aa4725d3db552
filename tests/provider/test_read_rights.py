"""A preview needs rights to read alone; what a change needs besides is asked once, before it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.messages import VARIABLE, Message, MessageFile
from tests.provider.test_wire import deny_inputs, environ, snapshot_inputs
from tests.support.wire import Plugin, plugin, values
from tests.support.workbench import can_list

pytestmark = pytest.mark.wire

USES = ["DenyPolicy", "InactiveCredentials"]


def reader(lab: Lab, policy: str) -> dict[str, str]:
    """Return the environment of somebody new who has one of AWS's policies for reading."""
    iam = lab.client("iam", lab.world.admin)
    iam.create_user(UserName="reader")
    iam.attach_user_policy(UserName="reader", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    other_environ = Credentials(key["AccessKeyId"], key["SecretAccessKey"]).env()
    own_environ = environ(lab)
    del own_environ["AWS_SESSION_TOKEN"]
    return own_environ | other_environ


def previewed(running: Plugin, lab: Lab) -> dict[str, Any]:
    """Check and preview a snapshot and a deny, which have to go through; return the inputs."""
    answer = running.check("PrincipalSnapshot", {**snapshot_inputs(lab), "uses": USES})
    assert list(answer.failures) == []
    inputs = values(answer.inputs)
    shown = values(running.create("PrincipalSnapshot", inputs, preview=True).properties)
    deny = running.check("DenyPolicy", deny_inputs(lab, shown))
    assert list(deny.failures) == []
    running.create("DenyPolicy", values(deny.inputs), preview=True)
    return inputs


def refused(running: Plugin, resource: str, inputs: dict[str, Any]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        running.create(resource, inputs)
    return caught.value.details() or ""


def errors(file: MessageFile) -> list[Message]:
    return [message for message in file.read() if message.is_error]


@pytest.mark.parametrize("policy", ["SecurityAudit", "IAMReadOnlyAccess"])
def test_who_may_only_read_previews_and_is_refused_before_any_change(
    lab: Lab, tmp_path: Path, policy: str
) -> None:
    file = MessageFile.make(tmp_path)
    who = reader(lab, policy) | {VARIABLE: str(file.path)}
    before = lab.status()["mutations"]["total"]
    with plugin(who, tmp_path) as running:
        inputs = previewed(running, lab)
        warnings = [text for _, text in running.log.messages if "iam:PutUserPolicy" in text]
        assert len(warnings) == 1
        assert "responder-policy contain" in warnings[0]
        assert errors(file) == []

        first = refused(running, "PrincipalSnapshot", inputs)
        second = refused(running, "DenyPolicy", snapshot_inputs(lab))

    assert "iam:PutUserPolicy" in first
    assert second == first
    assert [(error.kind, error.call) for error in errors(file)] == [("AccessError", "Create")] * 2
    assert lab.status()["mutations"]["total"] == before
    assert can_list(lab, lab.world.leaked)


def test_simulated_is_the_role_that_will_contain_and_only_a_change_has_to_assume_it(
    lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "containment.yaml").write_text(f"role: {lab.world.responder_role}\n")
    with plugin(reader(lab, "SecurityAudit"), tmp_path) as running:
        inputs = previewed(running, lab)
        messages = [text for _, text in running.log.messages]
        assert not [text for text in messages if "lack" in text]
        assert len([text for text in messages if "a change needs that role" in text]) == 1

        details = refused(running, "PrincipalSnapshot", inputs)
        assert lab.world.responder_role in details
        assert can_list(lab, lab.world.leaked)

    nothing = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="nothing",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [nothing]}),
    )
    with plugin(reader_again(lab), tmp_path) as running:
        previewed(running, lab)
        lacking = [text for _, text in running.log.messages if "lacks" in text]
    assert lab.world.responder_role in lacking[0]
    assert "iam:PutUserPolicy" in lacking[0]


def reader_again(lab: Lab) -> dict[str, str]:
    iam = lab.client("iam", lab.world.admin)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    own_environ = environ(lab)
    del own_environ["AWS_SESSION_TOKEN"]
    return own_environ | Credentials(key["AccessKeyId"], key["SecretAccessKey"]).env()
