"""What people decided, as it is written, read and looked up: strictly."""

from __future__ import annotations

import pytest

from containment.errors import ConflictError, SpecError
from containment.facets import decisions
from containment.facets.decisions import FACETS, WORDS, parse
from containment.identities import parse_principal

pytestmark = pytest.mark.plain

CI = parse_principal("arn:aws:iam::111122223333:user/ci/ci-deploy")
APP = parse_principal("arn:aws:iam::111122223333:role/app")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("facet", FACETS)
def test_each_decision_is_read_back_as_it_is_written(word: str, facet: str) -> None:
    text = f"{word}={facet} {word}={facet}@{CI.arn}"

    assert str(parse(text)) == text
    assert parse(text).on(facet, CI) == word  # type: ignore[arg-type]


def test_the_reason_to_lift_what_nobody_swept_is_read_back_as_it_is_written() -> None:
    made = decisions.decided("force-ours", "sweep:it is ours = the red team's: @eve")

    assert " " not in str(made)
    assert parse(f"{made} keep-theirs=trust").unswept_reason == made.reason
    assert parse("keep-theirs=trust").unswept_reason == ""


@pytest.mark.parametrize(
    "named",
    [
        CI.arn,
        CI.label,
        "arn:aws:iam::111122223333:user/CI-Deploy",
        "111122223333/user/CI-DEPLOY",
    ],
)
def test_a_principal_is_known_by_any_name_of_it(named: str) -> None:
    made = parse(f"force-ours=trust@{named}")

    assert made.on("trust", CI) == "force-ours"
    assert made.on("deny", CI) is None
    assert made.on("trust", APP) is None


def test_a_decision_about_one_principal_goes_before_one_about_all() -> None:
    made = parse(f"keep-theirs=deny force-ours=deny@{CI.label}")

    assert (made.on("deny", CI), made.on("deny", APP)) == ("force-ours", "keep-theirs")


@pytest.mark.parametrize(
    "text",
    [
        "force-ours",
        "force-ours=",
        "force-ours=everything",
        "ours=deny",
        "force-ours:deny",
        "force-ours=deny@",
        "force-ours=deny@nobody",
        "force-ours=deny@111122223333/group/x",
        "force-ours=deny@arn:aws:iam::111122223333:group/x",
        "FORCE-OURS=deny",
        "force-ours=deny keep-theirs=deny",
        f"force-ours=deny@{CI.arn} keep-theirs=deny@{CI.label}",
    ],
)
def test_a_decision_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text)


def test_an_empty_environment_holds_no_decision() -> None:
    assert parse(" ").made == ()
    assert parse("").on("deny", CI) is None
    parse("").require_known([])


def test_a_decision_about_somebody_else_is_refused_and_names_those_there_are() -> None:
    parse("force-ours=deny").require_known([CI])
    with pytest.raises(SpecError, match=f"it holds {CI.label}"):
        parse(f"force-ours=deny@{APP.label}").require_known([CI])


def test_the_way_out_names_commands_that_are_understood() -> None:
    way_out = decisions.way_out("inc-x", "deny", CI, force_ours="a", keep_theirs="b")

    assert ConflictError("", remedy=way_out).remedy == (
        f"decide: 'containment lift inc-x --force-ours deny@{CI.label}' a,"
        f" 'containment lift inc-x --keep-theirs deny@{CI.label}' b"
    )
    assert decisions.decided("force-ours", f"deny@{CI.label}").is_about(CI)
