"""Contain what holding found, because whoever holds asked for that: spec first, then AWS.

The spec gets a target for each, within its limit, and they are contained as `containment up` does
before its engine: through the same checks, on record, nothing let go. The next `up` takes them into
the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import ContainmentError
from containment.run import before_engine
from containment.run.state import StackState
from containment.spec import Guard, load
from containment.trail.outputs.into_spec import add_proposals
from containment.verify.hold.events import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.trail.outputs.propose import Proposal, Proposals
    from containment.verify.hold.holding import Hold


def extend(hold: Hold, proposed: Sequence[Proposal]) -> tuple[list[Event], tuple[Proposal, ...]]:
    """Contain *proposed*; return what came of it, and what is to be tried again.

    Nothing is done while somebody else changes the stack, or once it is lifted.
    """
    stack = hold.spec.incident
    with hold.stack.taken() as is_taken:
        try:
            if not is_taken:
                return [], tuple(proposed)
            stack_state = hold.stack.read()
            if stack_state is None or not stack_state.resources or stack_state.pending:
                return [], tuple(proposed)
            proposals = add_proposals(proposed, hold.spec_path)
        except ContainmentError as error:
            return [Event("problem", stack, error.message, error.remedy)], ()
        return [*_contained(hold, proposals), *_left_out(stack, proposals)], ()


def _contained(hold: Hold, proposals: Proposals) -> list[Event]:
    if not proposals.targets:
        return []
    stack, lines = hold.spec.incident, list[str]()
    new = {one.principal.arn: one for one in proposals.targets}
    spec = load(hold.spec_path)
    targets = tuple(one for one in spec.targets if one.named in new)
    only_new = spec.model_copy(update={"targets": targets, "guard": Guard()})
    results = before_engine.contain(
        only_new,
        hold.workplace,
        StackState(),
        spec_file=f"{hold.spec_path.parent.name}/{hold.spec_path.name}",
        say=lambda _severity, text: lines.append(text),
    )
    hold.extend(results)
    events: list[Event] = []
    for arn, proposal in new.items():
        own = [one for one in results if one.principal == arn]
        errors = [one.error for one in own if one.error is not None]
        if errors or not own:
            what = str(errors[0]) if errors else "it was refused"
            step = f"run 'containment up {stack} --yes', which tries again"
            events.append(Event("problem", arn, f"{proposal.why}; NOT contained: {what}", step))
        else:
            what = f"{proposal.why}; contained at {proposal.rung}"
            step = f"run 'containment up {stack} --yes', which takes it into the state"
            events.append(Event("extended", arn, what, step))
    return events


def _left_out(stack: str, proposals: Proposals) -> list[Event]:
    beyond = [
        Event(
            "proposed",
            one.principal.arn,
            f"{one.why}; NOT contained: the spec's limit is reached",
            f"raise 'limits: {{principals: …}}' in stacks/{stack}.yaml; it is tried no more",
        )
        for one in proposals.beyond
    ]
    refused = [Event("problem", stack, words, "see the spec") for words in proposals.decide]
    return [*beyond, *refused]
