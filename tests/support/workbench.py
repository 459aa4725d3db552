"""A responder at work on a lab, and the questions tests ask about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from botocore.exceptions import ClientError

from containment.actions.closed_trust_policy import ClosedTrustPolicy, TrustInputs
from containment.actions.deny_policy import DenyInputs, DenyPolicy
from containment.actions.inactive_credentials import CredentialsInputs as KeyInputs
from containment.actions.inactive_credentials import InactiveCredentials
from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.aws.cancellation import is_mutating
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.lifecycle.context import Context
from containment.lifecycle.snapshot import Snapshot as SnapshotState
from containment.lifecycle.snapshot import SnapshotInputs
from containment.lifecycle.wire import Lift

_REFUSED = {"AccessDenied", "InvalidClientTokenId", "InvalidAccessKeyId"}
INCIDENT = "inc-2026-0042"
T0 = "2026-11-01T00:00:00Z"


@dataclass
class Bench:
    """One responder at work on one incident, with everything said and called on record."""

    lab: Lab
    context: Context
    cancelled: Event
    directory: Path
    messages: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    incident: str = INCIDENT
    disposition: str = "suspected"
    leaked: tuple[str, ...] = ()

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if is_mutating(call.partition(":")[2])]

    def words(self) -> str:
        return "\n".join(message for _, message in self.messages)

    def lift(self) -> Lift:
        return Lift.model_validate(
            {
                "spec": f"stacks/{self.incident}.yaml",
                "disposition": self.disposition,
                "compromised_at": T0,
                "leaked": self.leaked,
            }
        )

    def common(self, arn: str) -> dict[str, Any]:
        return {"incident": self.incident, "principal": arn, "lift": self.lift()}

    def snapshot_action(self) -> PrincipalSnapshot:
        return PrincipalSnapshot(self.context)

    def snapshot(self, arn: str, uses: tuple[str, ...] = ()) -> SnapshotState:
        action = self.snapshot_action()
        inputs = action.checked(SnapshotInputs(**self.common(arn), uses=uses))
        return action.create(inputs, preview=False)

    def snapshot_inputs(self, taken: SnapshotState) -> dict[str, Any]:
        return {
            **self.common(taken.principal),
            "endpoint": taken.endpoint,
            "principal_id": taken.principal_id,
            "snapshot_id": taken.snapshot_id,
        }

    def deny_action(self) -> DenyPolicy:
        return DenyPolicy(self.context)

    def deny_inputs(self, taken: SnapshotState, scope: str = "all", **more: Any) -> DenyInputs:
        inputs = {"scope": scope, "attached_policies": taken.attached_policies}
        return DenyInputs(**(self.snapshot_inputs(taken) | inputs | more))

    def keys_action(self) -> InactiveCredentials:
        return InactiveCredentials(self.context)

    def keys_inputs(self, taken: SnapshotState, which: str = "all") -> KeyInputs:
        taken_values = taken.model_dump(include={"access_keys", "other_credentials"})
        return KeyInputs(**(self.snapshot_inputs(taken) | {"which": which} | taken_values))

    def trust_action(self) -> ClosedTrustPolicy:
        return ClosedTrustPolicy(self.context)

    def trust_inputs(self, taken: SnapshotState, *break_glass: str) -> TrustInputs:
        return TrustInputs(
            **self.snapshot_inputs(taken), trust_policy=taken.trust_policy, break_glass=break_glass
        )

    def admin(self) -> Any:
        return self.lab.client("iam", self.lab.world.admin)


def allowed(call: Callable[..., object], **values: object) -> bool:
    """Tell whether AWS lets the call through; anything but a refusal is an error of the test."""
    try:
        call(**values)
    except ClientError as error:
        refused = {
            "AccessDenied",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "AccessDeniedException",
        }
        if error.response["Error"]["Code"] not in refused:
            raise
        return False
    return True


def can_list(lab: Lab, credentials: Credentials) -> bool:
    """Tell whether *credentials* can still read the artifacts bucket."""
    return allowed(lab.client("s3", credentials).list_objects_v2, Bucket=lab.world.bucket)


def session_of(
    lab: Lab, credentials: Credentials, role_arn: str, name: str = "work"
) -> Credentials:
    """Assume *role_arn* and return the session."""
    sts = lab.client("sts", credentials)
    issued = sts.assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def minted(lab: Lab, credentials: Credentials) -> Credentials:
    """Return a GetSessionToken session of a user's key."""
    issued = lab.client("sts", credentials).get_session_token()["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def inline(bench: Bench, arn: str, incident: str = INCIDENT) -> dict[str, Any] | None:
    """Return the incident's inline policy on the principal, if there is one."""
    kind, name = ("user" if ":user/" in arn else "role"), arn.rpartition("/")[2]
    iam = bench.admin()
    word = kind.capitalize()
    try:
        answer = getattr(iam, f"get_{kind}_policy")(
            **{f"{word}Name": name}, PolicyName=f"containment-{incident}"
        )
    except iam.exceptions.NoSuchEntityException:
        return None
    document = answer["PolicyDocument"]
    return document if isinstance(document, dict) else json.loads(document)


def write_spec(bench: Bench, arn: str, rung: str | None = None) -> None:
    """Write the spec that a lift reads again, on the bench's terms."""
    folder = bench.directory / "stacks"
    folder.mkdir(exist_ok=True)
    kind = "user" if ":user/" in arn else "role"
    asked = f"    rung: {rung}\n" if rung else ""
    leaked = f"    leaked: [{', '.join(bench.leaked)}]\n" if bench.leaked else ""
    (folder / f"{bench.incident}.yaml").write_text(
        f"""\
incident: {bench.incident}
title: test
compromised_at: 2026-11-01T00:00:00Z
compromised_at_source: test
disposition: {bench.disposition}
severity: high
cause: unknown
owner: somebody@example.com
review_by: 2026-12-01T00:00:00Z
targets:
  - {kind}: {arn}
{asked}{leaked}""",
        encoding="utf-8",
    )
