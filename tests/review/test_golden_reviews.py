"""A gallery of reviews, made of what the actions really did on the lab; `make golden` renews it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from containment.profile import Profile
from containment.review import Judge, as_comment, as_document, as_html, as_markdown, schema
from containment.review.change import ProposedChange, SpecChange
from containment.review.model import Review
from containment.run.state import Recorded, StackState
from tests.actions.test_golden_runs import LEAKED, Story
from tests.support.golden_verbs import Steady
from tests.support.project import STACK, spec
from tests.support.workbench import Bench

pytestmark = pytest.mark.lab

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
BASE, HEAD = "b" * 40, "c" * 40
WIDE = "review: {principals: 200}\n"
OTHER = "inc-2026-0043"
HOSTILE_PATH, HOSTILE_NAME = "/|`<b>@x/</details>/", "@org+a"


class Court:
    """Reviews of one bench: what stands applied, and by which profile they are judged."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.states: dict[str, StackState | None] = {}

    def review(self, *specs: SpecChange, profile: str = "", others: tuple[str, ...] = ()) -> Review:
        files = {"containment.yaml": profile.encode()} if profile else {}
        change = ProposedChange(BASE, HEAD, specs, others, files)
        return Judge(self.bench.directory, self._states_of, now=lambda: NOW).review(change)

    def _states_of(self, _profile: Profile) -> Callable[[str], StackState | None]:
        return self.states.get


def new(text: str, stack: str = STACK) -> SpecChange:
    return SpecChange(stack, "new", None, text.encode())


def changed(before: str, after: str) -> SpecChange:
    return SpecChange(STACK, "changed", before.encode(), after.encode())


def deleted(text: str) -> SpecChange:
    return SpecChange(STACK, "deleted", text.encode(), None)


def on_terms(state: StackState, disposition: str) -> StackState:
    """Return *state* as if it had been applied with another disposition."""

    def restated(item: Recorded) -> Recorded:
        lift = item.state.lift.model_copy(update={"disposition": disposition})
        return replace(item, state=item.state.model_copy(update={"lift": lift}))

    return StackState(tuple(restated(item) for item in state.resources))


def reviews(bench: Bench) -> Iterator[tuple[str, Review]]:
    """Yield name and review of each page, as one story goes."""
    story, court = Story(bench), Court(bench)
    world = bench.lab.world
    text = story.spec()

    yield "new", court.review(new(text))
    yield (
        "unreadable",
        court.review(new(text.replace("targets:\n  -", "targets:\n  - &a")), others=("Makefile",)),
    )
    yield (
        "break-glass",
        court.review(new(text), profile=f"break_glass: ['{world.deploy_role}']\n"),
    )
    yield "over-limit", court.review(new(text), profile="review: {principals: 1}\n")
    admin = bench.admin()
    admin.create_user(UserName=HOSTILE_NAME, Path=HOSTILE_PATH)
    hostile = f"arn:aws:iam::111122223333:user{HOSTILE_PATH}{HOSTILE_NAME}"
    yield (
        "hostile-names",
        court.review(new(spec(f'user: "{hostile}"')), others=("a\n@org/team </details>`|",)),
    )

    yield "guard-missing", court.review(new(text), profile="guard_required: true\n")
    crowd(admin)
    yield "quota", court.review(new(spec("role: arn:aws:iam::111122223333:role/crowded")))

    yield (
        "many",
        court.review(new(spec(*many(admin), extra="limits: {principals: 200}\n")), profile=WIDE),
    )

    state = court.states[STACK] = story.up(text)
    yield "unchanged", court.review(changed(text, text.replace("cause: ", "cause:  ")))
    yield "rung", court.review(changed(text, story.spec("deny-all")))
    second = text.replace(STACK, OTHER)
    yield "second-incident", court.review(new(second, OTHER))
    yield "renamed", court.review(deleted(text), new(second, OTHER))
    without = spec(f"role: '{world.deploy_role}'")
    yield "lift-suspected", court.review(changed(text, without))
    yield "on-hold", court.review(changed(f"hold: true\n{text}", without))
    yield "deleted", court.review(deleted(text))
    court.states[STACK] = on_terms(state, "confirmed")
    terms = ("disposition: suspected", "disposition: confirmed")
    yield "lift-confirmed", court.review(changed(text.replace(*terms), without.replace(*terms)))
    court.states[STACK] = state
    court.states[STACK] = on_terms(state, "false-positive")
    yield "lift-false-positive", court.review(deleted(text))
    kept = spec(f"user: '{world.release_user}'\n    leaked: [{LEAKED}]")
    contained = court.states[STACK] = story.up(kept)
    admin.untag_user(UserName="release-bot", TagKeys=[f"containment:{STACK}"])
    yield "conflict", court.review(deleted(kept))
    court.states[STACK] = None
    yield "no-state", court.review(deleted(text))
    court.states[STACK] = contained
    admin.delete_user_policy(UserName="release-bot", PolicyName=f"containment-{STACK}")
    yield "drift", court.review(changed(kept, kept.replace("cause: ", "cause:  ")))


def crowd(iam: Any) -> None:
    """Make a role that has no room: its inline policies are full, and ten policies are attached."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    statement = {**trust, "Action": "sts:AssumeRole"}
    trust_policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.create_role(RoleName="crowded", AssumeRolePolicyDocument=trust_policy)
    full = {"Effect": "Allow", "Action": f"s3:{'x' * 10_130}", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": full}, separators=(",", ":"))
    iam.put_role_policy(RoleName="crowded", PolicyName="full", PolicyDocument=document)
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": read})
    for number in range(10):
        made = iam.create_policy(PolicyName=f"crowd-{number}", PolicyDocument=policy)
        iam.attach_role_policy(RoleName="crowded", PolicyArn=made["Policy"]["Arn"])


def many(iam: Any) -> list[str]:
    """Make two hundred roles; return them as targets."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}
    statement = {**trust, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    arns = [
        iam.create_role(RoleName=f"app-{number:03}", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        for number in range(200)
    ]
    return [f"role: '{arn}'" for arn in arns]


def texts(made: Mapping[str, Review]) -> dict[str, str]:
    """Return every golden file: a page each, and one in every form."""
    pages = {f"{name}.md": as_markdown(review) for name, review in made.items() if name != "many"}
    pages["many.md"] = as_comment(made["many"])  # the page is an artefact of two megabytes
    pages["new.html"] = as_html(made["new"])
    pages["hostile-names.html"] = as_html(made["hostile-names"])
    pages["new.json"] = json.dumps(as_document(made["new"]), indent=1) + "\n"
    return pages


EXITS = {
    "new": 0,
    "unreadable": 2,
    "break-glass": 7,
    "over-limit": 7,
    "guard-missing": 9,
    "quota": 0,
    "many": 0,
    "drift": 0,
    "hostile-names": 7,
    "unchanged": 0,
    "rung": 0,
    "second-incident": 0,
    "renamed": 7,
    "deleted": 5,
    "on-hold": 7,
    "lift-suspected": 0,
    "lift-confirmed": 0,
    "lift-false-positive": 5,
    "conflict": 5,
    "no-state": 9,
}


def test_a_review_is_as_reviewed_and_writes_nothing(bench: Bench) -> None:
    steady = Steady()
    made: dict[str, Review] = {}
    for name, review in reviews(bench):
        made[name] = review
        Draft202012Validator(schema()).validate(json.loads(json.dumps(as_document(review))))

    pages = {name: steady(text) for name, text in texts(made).items()}
    if os.environ.get("GOLDEN") == "new":
        for name, text in pages.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    for name, text in pages.items():
        assert (GOLDEN / name).read_text(encoding="utf-8") == text, "look, then 'make golden'"
    assert {path.name for path in GOLDEN.iterdir()} == pages.keys()
    assert {name: review.exit_code for name, review in made.items()} == EXITS
