"""``containment demo``: the whole story on an emulated AWS, checked claim by claim."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from cli.extras import require
from cli.options import json_option
from containment.spec import Disposition

if TYPE_CHECKING:
    from types import FrameType

    from cli.demo.screen import Screen
    from cli.demo.stage import Stage
    from cli.demo.story import Run

_RUNS = (Disposition.CONFIRMED, Disposition.FALSE_POSITIVE)
_NAMES = {
    Disposition.FALSE_POSITIVE: "a false alarm",
    Disposition.CONFIRMED: "a real theft",
}
_SHORTENED = "What pulumi prints is shortened to what became of each resource; nothing is staged."


@click.command()
@click.option("--keep", is_flag=True, help="Leave the lab running, and say how to use it.")
@click.option(
    "--only",
    type=click.Choice([str(disposition) for disposition in _RUNS]),
    help="Play one run only.",
)
@json_option
@click.pass_context
def demo(ctx: click.Context, *, keep: bool, only: str | None, as_json: bool) -> None:
    """Contain a leaked key and give it back, twice, on an emulated AWS.

    Exit code 4 if anything that is shown does not hold.
    """
    require("moto")
    # Imported here: boto3 and the lab are heavy, and --help needs neither.
    from cli.demo.screen import Screen  # noqa: PLC0415
    from cli.demo.stage import Stage  # noqa: PLC0415
    from cli.demo.story import Run  # noqa: PLC0415
    from containment.aws.endpoint import banner  # noqa: PLC0415

    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupted)
    screen = Screen(sys.stderr if as_json else sys.stdout)
    chosen = [Disposition(only)] if only else list(_RUNS)
    with Stage(os.environ, keep=keep) as stage:  # noqa: TID251 -- settings are read in the cli
        screen.plain(banner(stage.lab.endpoint), style="bold yellow")
        screen.plain(_SHORTENED, style="dim")
        runs: list[Run] = []
        for number, disposition in enumerate(chosen, start=1):
            screen.heading(f"Run {number} of {len(chosen)}: {_NAMES[disposition]}")
            runs.append(Run(stage, screen, disposition, like=runs[0] if runs else None))
            runs[-1].play()
        failed = conclude(screen, runs)
        if keep:
            stage.begin()
            _how_to_go_on(screen, stage)
    if as_json:
        click.echo(json.dumps(_document(screen, runs), indent=2))
    ctx.exit(4 if failed else 0)


def conclude(screen: Screen, runs: list[Run]) -> int:
    """Say what held, how long it took and where to look next; return how many claims failed."""
    claims = [claim for run in runs for claim in run.board.claims()]
    failed = [claim for claim in claims if not claim.holds]
    screen.heading(f"{len(claims) - len(failed)} of {len(claims)} claims hold")
    for claim in failed:
        screen.plain(
            f"  NOT AS CLAIMED: {claim.claim}: expected {claim.expected}, seen {claim.observed}",
            style="bold red",
        )
    words = {
        "first_deny_s": "first deny",
        "preview_s": "preview",
        "up_s": "up",
        "decide_s": "up, the decision",
        "destroy_s": "destroy",
    }
    for name, label in words.items():
        times = ", ".join(f"{run.timings[name]:.1f} s" for run in runs if name in run.timings)
        screen.plain(f"  {label:<18}{times}")
    screen.plain(f"  {'all of it':<18}{screen.elapsed:.1f} s")
    screen.heading("Where to look next")
    for what, where in (
        ("do it by hand", "make demo KEEP=1"),
        ("the spec", "docs/spec.md"),
        ("what each action does, and what survives it", "docs/actions/"),
        ("on a real account", "README.md, docs/howto/responder.md"),
        ("what it does not do", "docs/limits.md"),
    ):
        screen.plain(f"  {what:<45}{where}")
    return len(failed)


def _how_to_go_on(screen: Screen, stage: Stage) -> None:
    port, leaked = stage.lab.port, stage.world.leaked.access_key_id
    screen.heading(f"The lab stays, on {stage.lab.endpoint}, with the company as it was")
    for line in (
        f'eval "$(.venv/bin/containment lab env --port {port})"   # AWS and Pulumi, as responder',
        "export PATH=$PWD/.venv/bin:$PATH",
        f"containment open {leaked}",
        "containment preview && containment up && containment status",
        "containment lift --preview && containment lift",
        f"containment lab stop --port {port}                      # ends it and its state",
    ):
        screen.plain(f"  {line}", style="cyan")


def _document(screen: Screen, runs: list[Run]) -> dict[str, Any]:
    return {
        "emulated": True,
        "holds": all(claim.holds for run in runs for claim in run.board.claims()),
        "seconds": round(screen.elapsed, 1),
        "runs": [
            {
                "disposition": str(run.disposition),
                "claims": [claim.as_json() for claim in run.board.claims()],
                "differences": run.differences,
                "timings": run.timings,
            }
            for run in runs
        ],
    }


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
