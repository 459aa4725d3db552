"""A spec applied and lifted by the actions alone, in the engine's order, without an engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from containment.actions import ACTIONS
from containment.plan import owners, plan
from containment.provider import codec
from containment.spec import load

if TYPE_CHECKING:
    from containment.actions import Action
    from tests.support.workbench import Bench

_KINDS = {action.resource: action for action in ACTIONS}


@dataclass
class Applied:
    """What a stack would remember: the snapshot first, then what hangs on it."""

    bench: Bench
    states: list[tuple[Action[Any, Any], Any]] = field(default_factory=list[Any])

    @classmethod
    def up(cls, bench: Bench, text: str) -> Applied:
        """Write *text* as the incident's spec and contain what it names."""
        made = cls(bench)
        made.write(text)
        spec_file = f"stacks/{bench.incident}.yaml"
        spec = load(bench.directory / spec_file)
        declared = list(plan(spec, spec_file=spec_file))
        for principal in declared:
            snapshot = made._create(principal.snapshot.resource, principal.snapshot.inputs)
            led_to = [owner.model_dump() for owner in snapshot.owners or ()]
            declared += owners(spec, principal.rung, led_to, spec_file=spec_file)
            outputs = codec.dump(snapshot)
            for item in principal.declarations:
                from_snapshot = {
                    name: outputs.get(source) for name, source in item.from_snapshot.items()
                }
                known_values = {
                    name: value for name, value in from_snapshot.items() if value is not None
                }
                made._create(item.resource, {**item.inputs, **known_values})
        return made

    def write(self, text: str) -> None:
        """Write *text* as the incident's spec."""
        file = self.bench.directory / "stacks" / f"{self.bench.incident}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def lift(self) -> None:
        """Look at everything as a destroy does, then lift what was made, the snapshot last."""
        live_states = [(action, action.read(state)) for action, state in self.states]
        for action, state in [*live_states[1:], live_states[0]]:
            action.delete(state)

    def _create(self, resource: str, values: dict[str, Any]) -> Any:
        action = _KINDS[resource](self.bench.context)
        inputs = action.checked(action.inputs_type.model_validate(values))
        assert action.check(inputs, None) == []
        state = action.create(inputs, preview=False)
        assert state.live == "applied"
        self.states.append((action, state))
        return state
