"""``containment trace``: what a leaked credential did, and everything that came out of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import json_option
from cli.verbs.trace_engine import Terminal, engine_options

if TYPE_CHECKING:
    from containment.trail import Trace
    from containment.trail.logs.files import FileReport
    from containment.trail.outputs.propose import Proposals
    from containment.trail.sql.choice import EngineChoice

# No record is no finding: a script must be able to tell the two apart.
_NOTHING = 6


@click.command()
@click.argument("credential", metavar="KEY_OR_ARN")
@click.option(
    "--since",
    metavar="T0",
    help="When the attacker may have begun, in UTC; compromised_at of the spec with --propose.",
)
@click.option(
    "--logs",
    "logs",
    multiple=True,
    metavar="PATH",
    help="A file, folder or s3:// prefix of CloudTrail logs; may be given more than once.",
)
@click.option("--live", is_flag=True, help="Ask CloudTrail's LookupEvents in every Region.")
@click.argument("more_logs", nargs=-1, metavar="[PATH]...")
@json_option
@click.option("--csv", "csv_folder", type=click.Path(path_type=Path), help="Write tables here.")
@click.option(
    "--parquet", "parquet_folder", type=click.Path(path_type=Path), help="Write tables here."
)
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page here.")
@click.option(
    "--propose", "spec", type=click.Path(path_type=Path), help="Add targets to this spec."
)
@click.option("--responder", "responders", multiple=True, metavar="ARN", help="Never propose this.")
@click.option("--inventory", type=click.Path(path_type=Path), help="JSON: resource to owner.")
@click.option("--index", type=click.Path(path_type=Path), help="Where the fact index is kept.")
@click.option("--all", "everything", is_flag=True, help="Fold nothing: a line a credential.")
@click.option("--no-index", is_flag=True, help="Keep no fact index.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that read; all CPUs.")
@engine_options
def trace(  # noqa: PLR0917 -- click passes them by name
    credential: str,
    since: str | None,
    logs: tuple[str, ...],
    more_logs: tuple[str, ...],
    csv_folder: Path | None,
    parquet_folder: Path | None,
    html_file: Path | None,
    spec: Path | None,
    responders: tuple[str, ...],
    inventory: Path | None,
    index: Path | None,
    workers: int | None,
    engine: EngineChoice,
    *,
    live: bool,
    as_json: bool,
    everything: bool,
    no_index: bool,
) -> int:
    """Follow KEY_OR_ARN through CloudTrail logs to every credential that came out of it.

    KEY_OR_ARN is an access key id (AKIA…, ASIA…), the ARN or unique id (AIDA…, AROA…,
    AROA…:session) of a user, role or session, or an instance id.

    The logs may be plain or gzip, in S3's layout or any export's, of several accounts and Regions,
    late, doubled and in any order. Nothing is changed anywhere; --propose edits the spec it names.
    Ends with 6 if the logs hold nothing of it since T0, which clears nobody.
    """
    # Imported here: the reader brings a JSON decoder that no other verb needs.
    from containment.trail import trace as follow  # noqa: PLC0415

    since = since or _since(spec)
    if engine.reads_files:
        cache = index or _index_folder()
        here, unread = _bring([*logs, *more_logs], since, cache, engine.log_group, live=live)
        answer = follow(
            credential,
            since=since,
            logs=here,
            workers=workers,
            index=None if no_index else cache,
            inventory=_inventory(inventory),
            unread=unread,
            progress=_progress(),
        )
    elif engine.searches_text:
        answer = _search(engine, credential, since, [*logs, *more_logs], inventory, live=live)
    else:
        from containment.trail.sql.opening import trace_engine  # noqa: PLC0415 -- as above

        paths = [*logs, *more_logs]
        answer = trace_engine(
            engine,
            credential,
            since,
            paths,
            inventory=_inventory(inventory),
            surroundings=Terminal(),
            live=live,
        )
    _write(answer, csv_folder, parquet_folder, html_file)
    if spec and (live or engine.asks_aws or any(map(_is_away, [*logs, *more_logs]))):
        responders += (_caller(),)
    proposals = _propose(answer, spec, responders) if spec else None
    _print(answer, proposals, spec, as_json=as_json, everything=everything)
    if spec:
        _remember(answer, spec)
    return _NOTHING if answer.unseen else 0


def _is_away(path: str) -> bool:
    from containment.trail.logs.s3_logs import is_s3  # noqa: PLC0415 -- as above

    return is_s3(path)


def _caller() -> str:
    from containment.aws import trail_source  # noqa: PLC0415 -- boto3 is slow to import

    return trail_source.caller_arn()


def _since(spec: Path | None) -> str:
    from containment.errors import SpecError  # noqa: PLC0415 -- as above
    from containment.spec import load, moment_text  # noqa: PLC0415

    if spec is not None:
        return moment_text(load(spec).compromised_at.replace(microsecond=0))
    raise SpecError(
        "--since is missing: what the credential did before T0 is its owner's, not the attacker's",
        remedy="give --since 2026-11-23T21:14:00Z, the earliest moment that the leak may have"
        " been used; if nobody knows, the creation date of the key",
    )


def _search(
    engine: EngineChoice,
    credential: str,
    since: str,
    paths: list[str],
    inventory: Path | None,
    *,
    live: bool,
) -> Trace:
    """Ask a service that searches the text of records."""
    from containment.errors import SpecError  # noqa: PLC0415 -- as above
    from containment.trail.searches.opening import trace_search  # noqa: PLC0415

    if live or paths:
        raise SpecError(
            f"{engine.engine} is asked itself, and reads neither files nor LookupEvents",
            remedy="leave --logs and --live out",
        )
    return trace_search(
        engine.engine,
        credential,
        since,
        server=engine.server,
        search=engine.search,
        groups=engine.log_group,
        inventory=_inventory(inventory),
        surroundings=Terminal(),
    )


def _bring(
    paths: list[str], since: str, cache: Path, groups: tuple[str, ...], *, live: bool
) -> tuple[list[str], list[FileReport]]:
    """Bring what is not on this machine yet; the rest stays where it is."""
    from containment.errors import SpecError  # noqa: PLC0415 -- as above
    from containment.trail.logs import log_groups, lookup, s3_logs  # noqa: PLC0415
    from containment.trail.logs.times import normal_time  # noqa: PLC0415

    if not (paths or live or groups):
        raise SpecError(
            "there is nothing to read", remedy="give --logs PATH, --log-group NAME or --live"
        )
    here = [path for path in paths if not s3_logs.is_s3(path)]
    away = [path for path in paths if s3_logs.is_s3(path)]
    unread: list[FileReport] = []
    moment = normal_time(since)
    if not moment or not (away or live or groups):
        return here, unread
    from containment.aws import trail_source  # noqa: PLC0415 -- boto3 is slow to import

    for url in away:
        s3 = trail_source.s3_client()
        fetched = s3_logs.fetch(s3, url, cache / "objects", moment, _progress())
        here.append(str(fetched.folder))
        unread += fetched.failed
    if live:
        clients = trail_source.cloudtrail_clients()
        files, failed = lookup.lookup(clients, moment, cache / "live")
        here += map(str, files)
        unread += failed
    if groups:
        logs = trail_source.logs_client()
        files, failed = log_groups.log_group_events(logs, groups, moment, cache / "live")
        here += map(str, files)
        unread += failed
    return here, unread


def _print(
    answer: Trace,
    proposals: Proposals | None,
    spec: Path | None,
    *,
    as_json: bool,
    everything: bool,
) -> None:
    from containment.trail.outputs import document, tree  # noqa: PLC0415 -- as above
    from containment.trail.outputs.next_steps import next_steps  # noqa: PLC0415

    if as_json:
        click.echo(document.dumps(answer, indent=1 if sys.stdout.isatty() else None))
    else:
        for line in tree.lines(answer, _width(), everything=everything):
            click.echo(line)
    if proposals is not None:
        for line in _proposed(proposals, spec):
            click.echo(line, err=as_json)
    if not as_json:
        click.echo("\nNEXT")
        for step in next_steps(answer, str(spec or "")):
            click.echo(f"  {step}")


def _proposed(proposals: Proposals, spec: Path | None) -> list[str]:
    lines = ["", f"PROPOSED in {spec} ({len(proposals.targets)}), for review"]
    for target in proposals.targets:
        lines.append(f"  {target.principal.arn}  {target.rung}  {target.why}")
        lines += [f"    {target.note}"] if target.note else []
    lines += [f"  {user}  leaked: {key}, added" for user, key in proposals.more_leaked]
    if proposals.beyond:
        lines.append(f"BEYOND THE LIMIT of the spec ({len(proposals.beyond)}): raise limits")
        lines += [f"  {p.principal.arn}  {p.rung}  {p.why}" for p in proposals.beyond]
    if proposals.decide:
        lines += ["FOR A DECISION", *(f"  {line}" for line in proposals.decide)]
    if proposals.protected:
        lines += ["NEVER PROPOSED", *(f"  {line}" for line in proposals.protected)]
    return lines


def _propose(answer: Trace, spec: Path, responders: tuple[str, ...]) -> Proposals:
    from containment.trail.outputs.into_spec import add_to_spec  # noqa: PLC0415 -- as above

    return add_to_spec(answer, spec, responders)


def _remember(answer: Trace, spec: Path) -> None:
    from containment.trail.outputs.remember import remember  # noqa: PLC0415 -- as above

    path = remember(answer, spec)
    click.echo(f"a lift waits for what is not swept in {path}", err=True)


def _write(answer: Trace, csv: Path | None, parquet: Path | None, html_file: Path | None) -> None:
    from containment.trail.outputs import html, tables  # noqa: PLC0415 -- as above

    written: list[Path] = []
    if csv:
        written += tables.write_csv(answer, csv)
    if parquet:
        written += tables.write_parquet(answer, parquet)
    if html_file:
        html.write_html(answer, html_file)
        written.append(html_file)
    for path in written:
        click.echo(f"wrote {path}", err=True)


def _width() -> int:
    """Return how many cells a line may have: a terminal's width; a pipe takes any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _index_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251 -- cli reads settings
    return Path(home) / "containment" / "trail"


def _inventory(path: Path | None) -> dict[str, str]:
    from containment.errors import NotFoundError, SpecError  # noqa: PLC0415 -- as above

    if path is None:
        return {}
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no inventory {path}", remedy="give a JSON file") from error
    except (OSError, ValueError) as error:
        raise SpecError(f"{path} is no JSON: {error}", remedy='give {"arn:…": "owner"}') from error
    if not isinstance(loaded, dict):
        raise SpecError(f"{path} is no map", remedy='give {"arn:…": "owner"}')
    return {str(name): str(owner) for name, owner in loaded.items()}


class _Bar:
    """One line on a terminal, nothing in a pipe."""

    def __init__(self) -> None:
        self._shown = -1

    def __call__(self, read: int, total: int) -> None:
        percent = 100 * read // max(1, total)
        if percent != self._shown:
            self._shown = percent
            click.echo(f"\rreading {read} of {total} files", nl=read == total, err=True)


def _progress() -> _Bar | _Silence:
    return _Bar() if sys.stderr.isatty() else _Silence()


class _Silence:
    def __call__(self, read: int, total: int) -> None:
        """Say nothing."""
