"""``containment init``: make a folder a project, and provide the engine."""

from __future__ import annotations

from pathlib import Path

import click

from cli import render
from cli.options import json_option
from containment.engine import provide, versions
from containment.engine.progress import Progress
from containment.run import new_project
from containment.run.pipeline_files import FORGES, Forge, pipeline_files


@click.command("init")
@click.argument(
    "folder", required=False, default=".", type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--renew", is_flag=True, help="Write Pulumi.yaml and __main__.py as this version has them."
)
@click.option("--no-engine", is_flag=True, help="Do not look for the engine, or build it.")
@click.option(
    "--ci",
    type=click.Choice(FORGES),
    help="Write pipelines too: review a change, apply what was approved, watch for drift.",
)
@click.option("--repository", metavar="OWNER/NAME", help="The repository on GitHub; with --ci.")
@click.option(
    "--branch", default="main", show_default=True, help="The protected branch; with --ci."
)
@json_option
def init(
    *,
    folder: Path,
    renew: bool,
    no_engine: bool,
    ci: Forge | None,
    repository: str | None,
    branch: str,
    as_json: bool,
) -> None:
    """Make FOLDER, or this one, a project. AWS is not asked.

    Writes Pulumi.yaml, __main__.py, stacks/, containment.yaml and what git is to ignore; what is
    there already stays. A pulumi of a supported version on PATH is used as the engine; where there
    is none, one is built with Go, once for a user, in about five minutes.
    """
    place = folder.absolute()
    pipelines = (
        pipeline_files(ci, repository=repository or "", branch=branch) if ci is not None else {}
    )
    laid = new_project.lay_out(place, renew=renew, pipelines=pipelines)
    engine: versions.Engine | None = None
    if not no_engine:
        progress = Progress()
        try:
            engine = provide.provide(progress)
        except OSError as error:
            raise provide.explain(error) from error
        finally:
            progress.end()
        versions.remember(engine)
    steps = [] if folder == Path() else [f"cd {folder}"]
    steps.append("containment open KEY_OR_ARN")
    if as_json:
        render.document(
            {
                "folder": str(place),
                "written": list(laid.written),
                "kept": list(laid.kept),
                "engine": {"path": str(engine.path), "version": engine.version} if engine else None,
                "next": steps,
            }
        )
        return
    render.say(f"{place} is a containment project", style="bold")
    rows = [("written", ", ".join(laid.written)), ("kept", ", ".join(laid.kept))]
    rows += [("engine", f"{engine.path} ({engine.version})")] if engine else []
    render.fields([row for row in rows if row[1]])
    render.say("next:")
    for step in steps:
        render.say(f"  {step}", style="cyan")
