"""The exit codes of the verbs that run the engine: each kind of error, from each call."""

from __future__ import annotations

from typing import Any

import pytest

from containment.errors import kinds
from tests.cli.conftest import Command
from tests.support.fake_engine import USER, FakeEngine, deny, raised, snapshot

pytestmark = pytest.mark.lab

# The calls that the engine makes on behalf of each verb, and the command it is asked for.
VERBS = {
    "preview": ("preview", ("Program", "Configure", "Check", "Create", "Update", "Invoke")),
    "up": ("up", ("Program", "Configure", "Check", "Create", "Update", "Delete", "Invoke")),
    "lift --yes": ("destroy", ("Configure", "Delete")),
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_kind_of_error_in_each_call_ends_the_verb_with_its_own_code(
    containment: Command, engine: FakeEngine, verb: str
) -> None:
    command, calls = VERBS[verb]
    engine.exports(snapshot(USER), deny(USER))
    # Which kind comes from which call makes no difference: each of both is there.
    pairs = [
        (kind, calls[index % len(calls)])
        for index, kind in enumerate(list(kinds().values()) * (1 + (len(calls) > len(kinds()))))
    ]
    for kind, call in pairs:
        error = kind("what", remedy="the next step")
        message = raised(error, urn=deny(USER)["urn"], call=call)  # type: ignore[arg-type]
        engine.answer(command, code=1, messages=[message], err="error: what; no answer (forged)\n")
        ran = containment(*verb.split(), "--json")

        document = ran.json["error"]
        assert (ran.code, document["kind"]) == (kind.exit_code, kind.__name__), (verb, call)
        assert document["remedy"] == "the next step"


def test_a_conflict_that_a_lift_meets_ends_as_its_preview_does(
    containment: Command, engine: FakeEngine, live_deny: dict[str, Any]
) -> None:
    engine.exports(snapshot(USER), live_deny)
    conflict = kinds()["ConflictError"]("the file says confirmed", remedy="run 'pulumi up' first")
    message = raised(conflict, urn=deny(USER)["urn"], call="Delete")
    engine.answer("destroy --stack", code=1, messages=[message])
    spec = next((engine.project / "stacks").glob("inc-*.yaml"))
    spec.write_text(spec.read_text() + "disposition: confirmed\n")

    assert containment("lift", "--preview").code == 5
    assert containment("lift", "--yes").code == 5
