"""``containment check``: everything that is wrong with the specs, before anything is planned."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import settings_of
from cli.options import json_option
from containment.actions import ACTIONS
from containment.aws.caller import expiry_of
from containment.clock import Clock, utc_now
from containment.errors import ContainmentError, NotFoundError
from containment.lifecycle.workplace import Workplace
from containment.profile import FILE
from containment.profile import load as load_profile
from containment.run import preconditions, project
from containment.run.project import specs_folder
from containment.spec import IncidentSpec, SpecProblemsError, load, moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.run.preconditions import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and what came of reading it."""

    path: Path
    spec: IncidentSpec | None
    error: ContainmentError | None
    overdue: bool
    findings: tuple[Finding, ...] | None = None


@click.command()
@click.argument("specs", nargs=-1, metavar="[SPEC]...", type=click.Path(path_type=Path))
@click.option(
    "--live",
    is_flag=True,
    help="Ask AWS too: whom it would hurt, which permissions are missing, what has no room, who"
    " else manages it, whom a guard keeps out. Nothing is changed.",
)
@json_option
@click.pass_context
def check(ctx: click.Context, *, specs: Sequence[Path], live: bool, as_json: bool) -> None:
    """Validate incident specs and the project's profile. AWS is asked with --live alone.

    SPEC is a file; all of stacks/, and containment.yaml beside it, if none is named.
    """
    folder = specs_folder(Path.cwd())
    checked = [_checked(path, utc_now) for path in specs or _all(folder)]
    if live:
        checked = [_looked_at(one, folder.parent) for one in checked]
    profile = folder.parent / FILE
    wrong = None if specs else _wrong_profile(profile)
    if as_json:
        document: dict[str, object] = {"specs": [_document(one) for one in checked]}
        if not specs:
            document["profile"] = {
                "path": str(profile) if profile.exists() else None,
                "ok": wrong is None,
                **({"problems": _problems(wrong)} if wrong else {}),
            }
        render.document(document)
    else:
        _report(checked, folder)
        if wrong is not None:
            render.tell(f"error: {wrong}", style="red")
        elif not specs and profile.exists():
            render.say(f"ok: {profile}")
    errors = [wrong, *(one.error for one in checked)]
    codes = [error.exit_code for error in errors if error]
    codes += [finding.exit_code for one in checked for finding in one.findings or ()]
    ctx.exit(max(codes, default=0))


def _wrong_profile(path: Path) -> ContainmentError | None:
    try:
        load_profile(path.parent)
    except ContainmentError as error:
        return error
    return None


def _all(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise NotFoundError(
            f"there is no directory {directory} here",
            remedy="run this in the project's root, or name the specs",
        )
    # .yml is read too, so that a spec under that name is refused and not overlooked.
    return sorted(
        path
        for path in directory.iterdir()
        if path.suffix in (".yaml", ".yml") and not path.name.startswith("Pulumi.")
    )


def _checked(path: Path, now: Clock) -> Checked:
    try:
        spec = load(path, now=now)
    except ContainmentError as error:
        return Checked(path, None, error, overdue=False)
    return Checked(path, spec, None, overdue=spec.review_by < now())


def _looked_at(one: Checked, root: Path) -> Checked:
    """Return *one* with what AWS says of it; what cannot be read is not asked about."""
    spec = one.spec
    if spec is None:
        return one
    try:
        this_project = project.find(root)
        settings = settings_of(this_project, spec.incident)
    except ContainmentError as error:
        return replace(one, error=error)
    expiry = expiry_of(os.environ)  # noqa: TID251 -- an edge
    workplace = Workplace(
        this_project.root,
        ACTIONS,
        spec.incident,
        settings,
        warn=render.tell,
        credentials_expire_at=expiry,
    )
    findings = preconditions.findings_of(spec, workplace, spec_file=f"stacks/{spec.incident}.yaml")
    return replace(one, findings=tuple(findings))


def _report(checked: Sequence[Checked], folder: Path) -> None:
    if not checked:
        render.say(f"no incident specs in {folder}")
    for one in checked:
        if one.error is not None:
            render.tell(f"error: {one.error}", style="red")
        if one.spec is not None:
            errors = sum(finding.severity == "error" for finding in one.findings or ())
            word = f"errors: {errors}" if errors else "ok"
            render.say(f"{word}: {one.path}: {_summary(one.spec)}")
        for finding in one.findings or ():
            mend = f"; {finding.mend}" if finding.mend else ""
            render.tell(
                f"{finding.severity}: {finding.about}: {finding.what}{mend}",
                style="red" if finding.severity == "error" else "yellow",
            )
        if one.spec is not None and one.overdue:
            render.tell(
                f"note: {one.path}: review_by {moment_text(one.spec.review_by)} has passed; its "
                f"owner, {one.spec.owner}, has to decide again",
                style="yellow",
            )


def _summary(spec: IncidentSpec) -> str:
    rungs = ", ".join(f"{target.named} ({target.rung})" for target in spec.targets)
    return f"{spec.disposition}, {rungs}"


def _document(one: Checked) -> dict[str, object]:
    document: dict[str, object] = {"path": str(one.path), "ok": one.error is None}
    if one.spec is not None:
        document |= {"incident": one.spec.incident, "review_overdue": one.overdue}
        document["spec"] = one.spec.model_dump(mode="json")
    if one.findings is not None:
        document["findings"] = [asdict(finding) for finding in one.findings]
        document["ok"] = one.error is None and not any(row.exit_code for row in one.findings)
    if one.error is not None:
        document["problems"] = _problems(one.error)
    return document


def _problems(error: ContainmentError) -> list[dict[str, object]]:
    if not isinstance(error, SpecProblemsError):
        words = {"what": error.message, "expected": "", "mend": error.remedy}
        return [{"line": None, "field": "", **words}]
    return [
        {
            "line": line,
            "field": problem.field,
            "what": problem.what,
            "expected": problem.expected,
            "mend": problem.mend,
        }
        for line, problem in error.located_problems
    ]
