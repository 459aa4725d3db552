"""Contain in waves: of many targets those first that break least.

A run contains the targets of waves up to its own. It never goes back behind a wave that has begun:
who is contained stays so, and is repaired with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from containment.spec.incident import IncidentSpec
    from containment.spec.target import Target

# How a verb tells the stack program, which the engine starts. The number and nothing else.
VARIABLE = "CONTAINMENT_WAVE"


def wave_in(environ: Mapping[str, str]) -> int | None:
    """Return the wave that *environ* asks for; None for all.

    Raises:
        SpecError: it is no number.
    """
    text = environ.get(VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise SpecError(f"{VARIABLE} is no number of a wave", remedy="unset it, or name a wave")
    return int(text)


def up_to(spec: IncidentSpec, wave: int | None) -> IncidentSpec:
    """Return *spec* with the targets of waves up to *wave*; all of them where that is None.

    Raises:
        SpecError: none is.
    """
    if wave is None:
        return spec
    targets = tuple(target for target in spec.targets if target.wave <= wave)
    if not targets:
        first = min(target.wave for target in spec.targets)
        raise SpecError(
            f"no target is in a wave up to {wave}; the first wave is {first}",
            remedy=f"write 'wave: {wave}' beside a target, or run '--wave {first}'",
        )
    return spec.part(targets)


def begun(targets: Collection[Target], contained_arns: Collection[str]) -> int:
    """Return the highest wave of which one of *targets* is contained; 0 where none is."""
    return max((one.wave for one in targets if one.named in contained_arns), default=0)
