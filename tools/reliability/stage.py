"""What one trial plays on: a company, a project that contains some of it, a relay in between."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from containment.aws.cancellation import is_mutating
from containment.lab.scenario import inventory
from tests.support.project import BIN, STACK, EngineRun, Project
from tests.support.workbench import can_list
from tools.reliability.blow import Run, Strike, bring_back

if TYPE_CHECKING:
    from pathlib import Path

    from containment.lab.scenario.inventory import Inventory
    from containment.lab.testing import Lab
    from tests.support.relay import Passing
    from tools.reliability.scenes import Scene
    from tools.reliability.trial import After, Verb

STATE_BUCKET = "incident-states"
_IMPATIENCE = ((3.0, signal.SIGINT), (2.0, signal.SIGINT), (8.0, signal.SIGKILL))
_MARK = re.compile(r"Containment([A-Z2-7]{12})[0-9a-z]{19}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CLAIM = re.compile(r"(=\w+)? s=\w+ g=\d+")


class LostError(Exception):
    """A trial that did not end as it has to; the text says what differs."""


@dataclass
class Stage:
    """What one trial plays on."""

    scene: Scene
    lab: Lab
    project: Project
    before: Inventory = field(default_factory=dict[str, str])
    calls: list[str] = field(default_factory=list[str])
    strike: Strike | None = None

    @property
    def admin(self) -> Any:
        """IAM, as somebody who may see everything."""
        return self.lab.client("iam", self.lab.world.admin)

    @property
    def state(self) -> Path:
        """Where the state is kept."""
        return self.project.folder.parent / "state"

    @property
    def locked(self) -> bool:
        """Whether a lock was left behind."""
        if self.project.environ["PULUMI_BACKEND_URL"].startswith("s3:"):
            s3 = self.lab.client("s3", self.lab.world.admin)
            kept = s3.list_objects_v2(Bucket=STATE_BUCKET, Prefix=".pulumi/locks/")
            return bool(kept.get("Contents"))
        return any((self.state / ".pulumi" / "locks").rglob("*.json"))

    def arriving(self, passing: Passing) -> bool:
        """See a call before it is carried out."""
        goes_on = self.strike is None or self.strike.arriving(passing)
        changes = is_mutating(passing.operation) and passing.operation != "AssumeRole"
        if goes_on and passing.operation and changes:
            self.calls.append(passing.operation)
        return goes_on

    def answered(self, passing: Passing) -> bool:
        """See a call after it was carried out."""
        return self.strike is None or self.strike.answered(passing)

    def writing(self, passing: Passing) -> bool:
        """See a call to the bucket that holds the state."""
        return self.strike is None or self.strike.writing(passing)

    def interrupted(self, verb: Verb, strike: Strike, after: After) -> int:
        """Run *verb* and let it be struck; return its exit code.

        What comes *after* may come at once, while it lives.
        """
        arguments = ["destroy" if verb == "destroy" else "up", "--yes", "--skip-preview"]
        if verb.startswith("repair"):
            self._tamper()
        if verb == "replace":
            for resource in self.project.resources():
                if resource["type"].rpartition(":")[2] in {"DenyPolicy", "InactiveCredentials"}:
                    arguments += ["--replace", resource["urn"]]
        started = (
            self.start_verb("up", "--yes")
            if verb.endswith("ahead")
            else self.project.start(*arguments)
        )
        strike.run = run = Run(started)
        if after.endswith("at once"):
            self._at_once(strike, after)
        elif strike.blow.who == "nobody":
            self._lose_patience(run, strike)
        code = run.end()
        strike.run, strike.refuses = None, False
        bring_back(self.state)
        return code

    def start_verb(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one of our own verbs and return at once."""
        return subprocess.Popen(
            [BIN / "containment", *arguments, STACK],
            cwd=self.project.folder,
            env=self.project.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def verb(self, *arguments: str) -> EngineRun:
        """Run one of our own verbs, which has to succeed."""
        process = self.start_verb(*arguments)
        output, _ = process.communicate(timeout=180)
        if process.returncode != 0:
            raise LostError(f"containment {' '.join(arguments)} failed\n{output}")
        return EngineRun(process.returncode, output)

    def look(self) -> Inventory:
        """Return every fact of the account, and the control policies that stand on it."""
        organizations: Any = self.lab.client("organizations", self.lab.world.management_admin)
        attached = organizations.list_policies_for_target(
            TargetId=self.lab.world.account, Filter="SERVICE_CONTROL_POLICY"
        )["Policies"]
        made = organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        attached_ids = {one["Id"] for one in attached}
        word_of = {one["Id"]: "attached" if one["Id"] in attached_ids else "loose" for one in made}
        facts = {
            f"control policy {one['Name']}, {word_of[one['Id']]}": (
                organizations.describe_policy(PolicyId=one["Id"])["Policy"]["Content"]
            )
            for one in made
        }
        return {**inventory.take(self.admin), **facts}

    def require_use(self, *, leaked: bool) -> None:
        """Hold the leaked key, and a bystander's, to what they may do."""
        world = self.lab.world
        about_the_key = "role" not in self.scene.name
        if about_the_key and can_list(self.lab, world.leaked) is not leaked:
            raise LostError(f"the leaked key {'does not work' if leaked else 'works'}")
        if not leaked and self._signed_in():
            raise LostError("a sign-in session is active")
        if not can_list(self.lab, world.bystander):
            raise LostError("the bystander lost access")

    def _signed_in(self) -> bool:
        """Tell whether the user has a sign-in session that is active."""
        client: Any = self.lab.client("signin", self.lab.world.admin)
        user = f"arn:aws:iam::{self.lab.world.account}:user/ci-deploy"  # it takes no path
        items = client.list_sessions(principalArn=user)["items"]
        return any(item["status"] == "ACTIVE" for item in items)

    def _tamper(self) -> None:
        """Undo what was done, as an attacker with IAM rights does; or detach a guard."""
        organizations: Any = self.lab.client("organizations", self.lab.world.management_admin)
        account = self.lab.world.account
        for one in organizations.list_policies_for_target(
            TargetId=account, Filter="SERVICE_CONTROL_POLICY"
        )["Policies"]:
            if one["Name"] == f"containment-{STACK}":
                organizations.detach_policy(PolicyId=one["Id"], TargetId=account)
                return
        now = inventory.take(self.admin)
        iam = self.admin
        for kind, name in (("user", "ci-deploy"), ("role", "deploy")):
            if any(fact.startswith(f"{kind} {name}, ") and STACK in fact for fact in now):
                getattr(iam, f"delete_{kind}_policy")(
                    **{f"{kind.capitalize()}Name": name}, PolicyName=f"containment-{STACK}"
                )
        fact = f"user ci-deploy, access key {self.lab.world.leaked.access_key_id}"
        if now[fact] == "Inactive":
            iam.update_access_key(
                UserName="ci-deploy",
                AccessKeyId=self.lab.world.leaked.access_key_id,
                Status="Active",
            )
        trust = "role deploy, AssumeRolePolicyDocument"
        if now[trust] != self.before[trust]:
            iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=self.before[trust])

    def _lose_patience(self, run: Run, strike: Strike) -> None:
        """Stop a run as people do that hangs: the engine tries for minutes to write its state."""
        strike.wait_until_hit(run)
        for wait_s, number in _IMPATIENCE:
            if run.has_ended_within(wait_s):
                return
            run.process.send_signal(number)

    def _at_once(self, strike: Strike, after: After) -> None:
        """Cancel a run that lives, or take its lock away as a cancel from elsewhere does."""
        if strike.run is not None:
            strike.wait_until_hit(strike.run)
        if after == "cancel at once":
            refused = self.project.run("cancel", "--yes")
            if refused.exit_code == 0 or "is being changed right now by" not in refused.output:
                raise LostError(f"a run that lives was cancelled: {refused.output}")
            return
        if after.startswith("refused"):
            verb = after.split()[1]
            refused = self.project.run(verb, "--yes", "--skip-preview")
            strike.released.set()
            if refused.exit_code == 0 or "is currently locked" not in refused.output:
                raise LostError(f"a {verb} began beside a run that lives: {refused.output}")
            return
        for lock in (self.state / ".pulumi" / "locks").rglob("*.json"):
            lock.unlink()
        self.project.destroy()


def keep_in_s3(project: Project, lab: Lab, endpoint: str) -> None:
    """Keep the state of *project* in a versioned bucket of the lab, reached at *endpoint*."""
    s3 = lab.client("s3", lab.world.admin)
    s3.create_bucket(Bucket=STATE_BUCKET)
    s3.put_bucket_versioning(Bucket=STATE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="state",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "s3:*",
                    "Resource": [f"arn:aws:s3:::{STATE_BUCKET}", f"arn:aws:s3:::{STATE_BUCKET}/*"],
                },
            }
        ),
    )
    project.environ |= {
        "PULUMI_BACKEND_URL": f"s3://{STATE_BUCKET}?endpoint={endpoint}"
        "&s3ForcePathStyle=true&region=us-east-1",
        "PULUMI_CONFIG_PASSPHRASE": "correct horse battery staple",
    }
    for settings in (project.folder / "stacks").glob("Pulumi.*.yaml"):
        settings.unlink()  # the secrets of the stack that it was copied from
    project.environ.pop("PULUMI_STACK", None)
    project.ok("stack", "init", STACK)
    project.environ["PULUMI_STACK"] = STACK


def plain(before: Inventory, now: Inventory) -> dict[str, str]:
    """Return what differs from *before*, without what is new in every run: ids, times, order."""
    facts: dict[str, str] = {}
    for change in inventory.changes(before, now):
        text = _MARK.sub(r"Containment\1", change.after or "not there")
        text = _CLAIM.sub("", _TIME.sub("<time>", text))
        facts[change.fact] = text
    return facts
