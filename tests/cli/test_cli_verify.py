"""``containment verify``: the verdict's words, its document, and its exit codes."""

from __future__ import annotations

import pytest

from containment.lab.testing import Lab
from tests.cli.conftest import GOOD, Command
from tests.cli.test_cli_status_held_now import applied
from tests.support.fake_engine import STACK, USER, FakeEngine

pytestmark = pytest.mark.lab


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the two readings as close as the machine can."""
    monkeypatch.setattr("containment.verify.verification.APART_S", 0.0)


def test_nothing_applied_is_not_contained(containment: Command, engine: FakeEngine) -> None:
    engine.exports()

    ran = containment("verify", "--json")

    assert ran.code == 4
    assert "not contained: nothing" in ran.json["error"]["message"]
    assert ran.json["error"]["remedy"] == f"run 'containment up {STACK}'"


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--watch",), "no log to watch"), (("--live", "--logs", "x"), "two sources")],
)
def test_options_that_cannot_be_meant_are_refused(
    containment: Command, options: tuple[str, ...], why: str
) -> None:
    ran = containment("verify", *options, "--json")

    assert ran.code == 2
    assert why in ran.json["error"]["message"]


@pytest.mark.usefixtures("soon")
def test_the_verdict_has_its_exit_code_and_names_what_is_missing_or_open(
    containment: Command, engine: FakeEngine, served: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.reseed(seed=42)
    iam = served.client("iam", served.world.admin)
    unique_id = iam.get_user(UserName="ci-deploy")["User"]["UserId"]
    head, _, _ = GOOD.partition("targets:")
    spec_file = engine.project / "stacks" / f"{STACK}.yaml"
    spec_file.write_text(f"{head}targets:\n  - user: {USER}\n")
    engine.exports(*applied(iam, served, unique_id))
    for name, value in served.world.admin.env().items():
        monkeypatch.setenv(name, value)

    ran = containment("verify", "--json")
    assert (ran.code, ran.json["verdict"], ran.json["verified"]) == (10, "not verified", False)
    assert ran.json["emulated"] is True
    assert ran.json["causes"] == []
    assert {one["level"] for one in ran.json["missing"]} == {"V4+", "V5"}
    assert all(one["next"] for one in ran.json["missing"])
    assert {one["reading"] for one in ran.json["evidence"] if one["level"] == "V1"} == {1, 2}
    assert "user at deny-all" in ran.json["stays_open"]
    assert ran.err.startswith("EMULATED")

    text_run = containment("verify")
    assert text_run.code == 10
    assert text_run.out.startswith("EMULATED")
    assert "\nnot verified\n" in text_run.out
    assert "\ncontained" not in text_run.out
    assert "stays open" in text_run.out

    engine.answer("up")
    up = containment("up", "--verify", "--json")
    assert (up.code, up.json["verified"]) == (10, False)
    assert up.json["verification"]["verdict"] == "not verified"
    assert list((engine.project / "stacks" / f"{STACK}.evidence").iterdir())

    live = containment("verify", "--live", "--json")
    assert (live.code, live.json["verdict"]) == (10, "not verified")
    (covering,) = [one for one in live.json["missing"] if one["level"] == "V5"]
    assert covering["subject"] == "account 111122223333"
    assert "not all of 30 minutes after the containment are covered" in covering["why"]
    assert f"containment verify {STACK} --live" in covering["next"]

    (engine.project / "logs").mkdir()
    (engine.project / "logs" / "empty.json").write_text('{"Records": []}')
    files = containment("verify", "--logs", "logs", "--json")
    assert files.code == 10
    (covering,) = [one for one in files.json["missing"] if one["level"] == "V5"]
    assert "has no record since" in covering["why"]

    nowhere = containment("verify", "--logs", "elsewhere", "--json")
    assert nowhere.code == 10
    assert "there is no 'elsewhere'" in " ".join(one["why"] for one in nowhere.json["missing"])

    iam.create_access_key(UserName="ci-deploy")
    opened = containment("verify", "--json")
    assert (opened.code, opened.json["verdict"]) == (4, "not contained")
    assert "is Active, which nobody has held so far" in opened.json["causes"][0]["what"]
    assert opened.json["causes"][0]["next"].startswith(f"run 'containment up {STACK}' at once")
    assert "\nnot contained\n" in containment("verify").out
