"""The company of one run, from outside: who can work, what changed, what time it is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from containment.facets import deny, documents
from containment.lab.scenario import guardduty_finding, inventory

if TYPE_CHECKING:
    from pathlib import Path

    from cli.demo.attacker import Attacker
    from cli.demo.stage import Stage
    from containment.lab.scenario.world import Credentials

USER, ROLE = "ci-deploy", "deploy"


class Company:
    """People at work, and an administrator who only looks."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = world = stage.begin()
        self._workforce = stage.workforce
        self._iam = self._workforce.client("iam", world.admin)
        self.bystanders: dict[str, Credentials] = {
            "alice, her key": world.bystander,
            "release-bot, its key": world.release_key,
            "app, the workload's session": world.app_session,
            "reporting, a running session": world.bystander_session,
        }
        self._owners: dict[str, Credentials] = {
            "deploy, release-bot's old session": self._new_session()
        }

    def at_work(self) -> dict[str, bool]:
        """Return who can read the company's bucket now, somebody with a fresh session included."""
        workers = {
            **self.bystanders,
            **self._owners,
            "deploy, a new session": self._new_session(),
        }
        return {
            name: self._workforce.can_read(credentials) for name, credentials in workers.items()
        }

    def rotate(self, access_key_id: str) -> None:
        """Give the user a new key in place of one of the attacker's, as its owner would."""
        self._owners["ci-deploy, a rotated key"] = self._workforce.new_key(
            self._world.admin, USER, instead_of=access_key_id
        )

    def deactivate_leaked_key_alone(self) -> None:
        """Do what comes to mind first."""
        self._set_leaked_key("Inactive")

    def reactivate_leaked_key(self) -> None:
        """Undo it."""
        self._set_leaked_key("Active")

    def inventory(self) -> inventory.Inventory:
        """Return the whole account, fact by fact."""
        return inventory.take(self._iam)

    def now(self) -> datetime:
        """Return the lab's time."""
        return datetime.fromisoformat(self._stage.lab.control("status")["clock"])

    def advance_past(self, moment: datetime) -> float:
        """Move the lab's clock past *moment* and return by how many seconds."""
        seconds = (moment - self.now() + timedelta(seconds=2)).total_seconds()
        self.advance(seconds)
        return seconds

    def advance(self, seconds: float) -> None:
        """Move the lab's clock."""
        self._stage.lab.control("clock", {"advance_s": seconds})

    def look_into_every_region(self) -> None:
        """List the trails of every Region, as the company's own inventory does now and then."""
        admin = self._world.admin
        regions = self._workforce.client("ec2", admin).describe_regions()["Regions"]
        for region in regions:
            self._workforce.client(
                "cloudtrail", admin, region=region["RegionName"]
            ).describe_trails()

    def changes_by_responder(self) -> int:
        """Return how many calls of the responder have changed something, or tried to."""
        by: dict[str, int] = self._stage.lab.control("status")["mutations"]["by_principal"]
        return sum(count for arn, count in by.items() if "/ContainmentResponder/" in arn)

    def revoked_before(self, incident: str) -> datetime:
        """Return T: the role's tokens from before it are denied."""
        live_deny = deny.read(self._deny_policy(incident), incident)
        return datetime.fromisoformat(live_deny.issued_before or "")

    def statement_of(self, incident: str) -> str:
        """Return the Sid of the statement that denies the role."""
        document = documents.parse(self._deny_policy(incident) or "") or {}
        return str(documents.statements(document)[0]["Sid"])

    def _deny_policy(self, incident: str) -> str | None:
        return self.inventory().get(
            f"role {ROLE}, RolePolicyList containment-{incident}, PolicyDocument"
        )

    def report(self, attacker: Attacker, first_seen: datetime, path: Path) -> str:
        """Write GuardDuty's finding about the leaked key to *path* and return its type."""
        answer: dict[str, Any] = guardduty_finding.leaked_key_used(
            account=self._world.account,
            region=self._world.region,
            access_key_id=attacker.key_ids["leaked key"],
            user_name=USER,
            user_id=self._iam.get_user(UserName=USER)["User"]["UserId"],
            first_seen=first_seen,
            last_seen=self.now(),
        )
        path.write_text(json.dumps(answer, indent=2))
        return str(answer["Findings"][0]["Type"])

    def _set_leaked_key(self, status: str) -> None:
        self._iam.update_access_key(
            UserName=USER, AccessKeyId=self._world.leaked.access_key_id, Status=status
        )

    def _new_session(self) -> Credentials:
        return self._workforce.session(self._world.release_key, self._world.deploy_role)
