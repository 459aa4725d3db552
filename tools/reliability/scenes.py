"""What is contained in a trial, and which calls of AWS that takes: every action's, once at least.

A scene is a spec over the lab's company. The calls that change something are listed here, so that
a trial can be named before anything runs; a clean run of each scene holds the list to the truth.
An action that changes what no scene does gets one of its own, by how its test module uses it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.guard_role import guard_role
from tests.support.project import spec
from tests.support.sign_ins import PASSWORD, sign_in
from tests.support.subject import subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab
    from tests.support.subject import Subject

# The calls that set a guard, which the engine's run makes.
GUARD_CALLS = ("CreatePolicy", "AttachPolicy")
_BOUNDS_NOTHING = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A spec, the world that it is applied to, and what ``up`` and ``destroy`` change there."""

    name: str
    text: Callable[[World], str]
    up: tuple[str, ...]
    destroy: tuple[str, ...]
    prepare: Callable[[Lab], None] = lambda _lab: None
    profile: Callable[[Lab], str] = lambda _lab: ""


def _user(world: World, rung: str = "deny-all") -> str:
    return f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}], rung: {rung}}}"


def _role(world: World, rung: str) -> str:
    return f"{{role: '{world.deploy_role}', rung: {rung}}}"


def _false_alarm(*targets: str, extra: str = "") -> str:
    return spec(*targets, disposition="false-positive", extra=extra)


def _guarded(lab: Lab) -> str:
    """Return the profile of a company that has a guard role; the guard binds at once."""
    return (
        f"guard_role: {guard_role(lab)}\nguard_lag_s: 1\n"
        f"break_glass: ['{lab.world.break_glass_role}']\n"
    )


def _signed_in(lab: Lab) -> None:
    """Sign the user in as ``aws login`` does."""
    iam: Any = lab.client("iam", lab.world.admin)
    iam.create_login_profile(UserName="ci-deploy", Password=PASSWORD)
    sign_in(lab, client="CLI")


def _fill(kind: str, name: str, quota: int) -> Callable[[Lab], None]:
    """Leave *name* no room for a deny: inline policies at their quota, ten policies attached."""

    def fill(lab: Lab) -> None:
        iam: Any = lab.client("iam", lab.world.admin)
        word = kind.capitalize()
        used = sum(
            len(_compact(iam, kind, name, policy))
            for policy in getattr(iam, f"list_{kind}_policies")(**{f"{word}Name": name})[
                "PolicyNames"
            ]
        )
        getattr(iam, f"put_{kind}_policy")(
            **{f"{word}Name": name}, PolicyName="filler", PolicyDocument=_filler(quota - used)
        )
        for number in range(10):
            made = iam.create_policy(
                PolicyName=f"{name}-{number}",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": _BOUNDS_NOTHING}),
            )["Policy"]["Arn"]
            getattr(iam, f"attach_{kind}_policy")(**{f"{word}Name": name}, PolicyArn=made)

    return fill


def _bar(kind: str, name: str, quota: int) -> Callable[[Lab], None]:
    """Leave *name* no room, and the responder no right to attach: a boundary is what is left."""
    statement = {
        "Effect": "Deny",
        "Action": ["iam:AttachUserPolicy", "iam:AttachRolePolicy"],
        "Resource": "*",
    }

    def bar(lab: Lab) -> None:
        _fill(kind, name, quota)(lab)
        iam: Any = lab.client("iam", lab.world.admin)
        iam.put_role_policy(
            RoleName="ContainmentResponder",
            PolicyName="no-attaching",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )

    return bar


def _compact(iam: Any, kind: str, name: str, policy: str) -> str:
    document = getattr(iam, f"get_{kind}_policy")(
        **{f"{kind.capitalize()}Name": name}, PolicyName=policy
    )
    return "".join(json.dumps(document["PolicyDocument"]).split())


def _filler(size: int) -> str:
    """Return a policy that is *size* characters long and allows next to nothing."""
    bare = json.dumps({"Version": "2012-10-17", "Statement": {**_BOUNDS_NOTHING, "Sid": ""}})
    document = bare.replace(" ", "")
    return document.replace('"Sid":""', '"Sid":"' + "x" * (size - len(document)) + '"')


def _scene_of(action: type[Any], subject: Subject) -> Scene:
    """Return the scene of an *action* of whose changes none is in a scene yet."""

    def text(world: World) -> str:
        if subject.role:
            return _false_alarm(_role(world, subject.rung))
        return _false_alarm(_user(world, subject.rung))

    declared = [other for item, other in subjects() if subject.declares(item)]
    return Scene(
        action.resource,
        text,
        up=_calls(subject, [call for other in declared for call in other.makes]),
        destroy=_calls(subject, [call for other in declared for call in other.lifts]),
        prepare=lambda lab: subject.prepare(
            lab, lab.world.deploy_role if subject.role else lab.world.ci_user
        ),
    )


def _calls(subject: Subject, calls: list[str]) -> tuple[str, ...]:
    """Return *calls* as they are made on the kind of principal of *subject*."""
    return tuple(sorted(call.replace("User", "Role") if subject.role else call for call in calls))


def _with_every_action(scenes: dict[str, Scene]) -> dict[str, Scene]:
    """Return *scenes* and one for each action that changes what none of them does."""
    covered = {call for scene in scenes.values() for call in (*scene.up, *scene.destroy)}
    added = [
        _scene_of(action, subject)
        for action, subject in subjects()
        if not {*subject.makes, *subject.lifts} <= covered
    ]
    return scenes | {scene.name: scene for scene in added}


_BY_HAND: dict[str, Scene] = {
    scene.name: scene
    for scene in (
        Scene(
            "user",
            lambda world: _false_alarm(_user(world)),
            up=("PutUserPolicy", "TagUser", "UpdateAccessKey"),
            destroy=("DeleteUserPolicy", "UpdateAccessKey", "UntagUser"),
        ),
        Scene(
            "user, fenced",
            lambda world: spec(_user(world)),
            up=("PutUserPolicy", "TagUser", "UpdateAccessKey"),
            destroy=("PutUserPolicy", "UntagUser"),
        ),
        Scene(
            "role, closed",
            lambda world: _false_alarm(_role(world, "close-trust")),
            up=("UpdateAssumeRolePolicy", "PutRolePolicy"),
            destroy=("DeleteRolePolicy", "UpdateAssumeRolePolicy"),
        ),
        Scene(
            "role, fenced",
            lambda world: spec(_role(world, "revoke-sessions")),
            up=("PutRolePolicy",),
            destroy=("PutRolePolicy",),
        ),
        Scene(
            "user, guarded",
            lambda world: _false_alarm(_user(world), extra="guard: {mode: freeze}\n"),
            up=("PutUserPolicy", "TagUser", "UpdateAccessKey", *GUARD_CALLS),
            destroy=(
                *("DeleteUserPolicy", "UpdateAccessKey", "UntagUser"),
                *("DetachPolicy", "DeletePolicy"),
            ),
            profile=_guarded,
        ),
        Scene(
            "user, signed in",
            lambda world: _false_alarm(_user(world)),
            up=("PutUserPolicy", "BatchRevokeSessions", "TagUser", "UpdateAccessKey"),
            destroy=("DeleteUserPolicy", "UpdateAccessKey", "UntagUser"),
            prepare=_signed_in,
        ),
        Scene(
            "full user",
            lambda world: _false_alarm(_user(world)),
            up=(
                *("AttachUserPolicy", "AttachUserPolicy", "DetachUserPolicy", "PutUserPolicy"),
                *("TagUser", "TagUser", "TagUser", "UpdateAccessKey"),
            ),
            destroy=(
                *("AttachUserPolicy", "DetachUserPolicy"),
                *("UntagUser", "UntagUser", "UpdateAccessKey"),
            ),
            prepare=_fill("user", "ci-deploy", 2048),
        ),
        Scene(
            "full role",
            lambda world: _false_alarm(_role(world, "deny-all")),
            up=(
                *("AttachRolePolicy", "AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy"),
                *("TagRole", "TagRole"),
            ),
            destroy=("AttachRolePolicy", "DetachRolePolicy", "UntagRole"),
            prepare=_fill("role", "deploy", 10240),
        ),
        Scene(
            "barred user",
            lambda world: _false_alarm(_user(world)),
            up=(
                *("AttachUserPolicy", "PutUserPermissionsBoundary", "PutUserPolicy"),
                *("TagUser", "TagUser", "TagUser", "UpdateAccessKey"),
            ),
            destroy=(
                *("DeleteUserPermissionsBoundary", "UntagUser", "UntagUser"),
                "UpdateAccessKey",
            ),
            prepare=_bar("user", "ci-deploy", 2048),
        ),
        Scene(
            "barred role",
            lambda world: _false_alarm(_role(world, "deny-all")),
            up=(
                *("AttachRolePolicy", "PutRolePermissionsBoundary", "PutRolePolicy"),
                *("TagRole", "TagRole"),
            ),
            destroy=("DeleteRolePermissionsBoundary", "UntagRole"),
            prepare=_bar("role", "deploy", 10240),
        ),
        Scene(
            "both",
            lambda world: _false_alarm(_user(world), _role(world, "close-trust")),
            up=(
                "PutRolePolicy",
                "PutUserPolicy",
                "TagUser",
                "UpdateAccessKey",
                "UpdateAssumeRolePolicy",
            ),
            destroy=(
                "DeleteRolePolicy",
                "DeleteUserPolicy",
                "UntagUser",
                "UpdateAccessKey",
                "UpdateAssumeRolePolicy",
            ),
        ),
    )
}

SCENES = _with_every_action(_BY_HAND)
