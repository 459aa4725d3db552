"""Waves: the earlier targets first, and nobody who is contained is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.errors import SpecError
from containment.spec import IncidentSpec, emit, load, pin, waves
from tests.support.project import STACK, spec

pytestmark = pytest.mark.plain

_ARN = "arn:aws:iam::111122223333:user/"


@pytest.fixture
def declared(tmp_path: Path) -> IncidentSpec:
    targets = "\n  - ".join(
        [
            f"{{user: '{_ARN}a'}}",
            f"{{user: '{_ARN}b', wave: 2}}",
            "{access_key: AKIAIOSFODNN7EXAMPLE, wave: 3}",
        ]
    )
    file = tmp_path / f"{STACK}.yaml"
    file.write_text(spec(targets), encoding="utf-8")
    return load(file)


def names(one: IncidentSpec) -> list[str]:
    return [target.named.removeprefix(_ARN) for target in one.targets]


def test_a_wave_holds_the_targets_up_to_it(declared: IncidentSpec) -> None:
    assert names(waves.up_to(declared, None)) == ["a", "b", "AKIAIOSFODNN7EXAMPLE"]
    assert names(waves.up_to(declared, 1)) == ["a"]
    assert names(waves.up_to(declared, 2)) == ["a", "b"]


def test_a_wave_without_targets_is_refused_with_the_first_that_has_some(
    declared: IncidentSpec,
) -> None:
    later = declared.model_copy(update={"targets": declared.targets[1:]})

    with pytest.raises(SpecError, match="the first wave is 2"):
        waves.up_to(later, 1)


def test_who_is_contained_says_how_far_the_waves_have_come(declared: IncidentSpec) -> None:
    pinned = pin(declared, {"AKIAIOSFODNN7EXAMPLE": f"{_ARN}c"})

    assert waves.begun(pinned.targets, ()) == 0
    assert waves.begun(pinned.targets, {f"{_ARN}a"}) == 1
    assert waves.begun(pinned.targets, {f"{_ARN}a", f"{_ARN}c"}) == 3


def test_what_is_written_is_read_alike(declared: IncidentSpec, tmp_path: Path) -> None:
    file = tmp_path / f"{STACK}.yaml"
    file.write_text(emit(declared), encoding="utf-8")

    assert load(file).targets == declared.targets


def test_the_stack_program_takes_a_number_and_nothing_else() -> None:
    assert waves.wave_in({}) is None
    assert waves.wave_in({waves.VARIABLE: ""}) is None
    assert waves.wave_in({waves.VARIABLE: "2"}) == 2
    for word in ("0", "-1", "two", "²"):
        with pytest.raises(SpecError):
            waves.wave_in({waves.VARIABLE: word})
