"""``containment``: finds the verb, turns errors into one line and an exit code.

Exit codes: 0 done; 1 other, or a bug; 2 a spec or an argument is wrong; 3 something named is not
there; 4 not contained; 5 live differs and somebody has to decide; 6 a trace found no record; 7
refused, nothing changed; 8 credentials or permissions are missing; 9 AWS, the lab or the engine
does not answer; 10 not verified; 130 interrupted; 141 nobody reads the output any more.

A verb is one line of ``VERBS`` and one file; the file is imported only when its verb is used.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import extras, render
from containment.aws import endpoint
from containment.errors import ContainmentError, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130
_BROKEN_PIPE = 141


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a command is, and its line in the help.

    *announced* is False for verbs that say themselves what they emulate, or whose output is read
    by a shell.
    """

    where: str
    summary: str
    announced: bool = True


VERBS = {
    "init": Verb("cli.verbs.init:init", "Make a folder a project, and provide the engine."),
    "open": Verb(
        "cli.verbs.open:open_", "Write an incident spec from a key id, an ARN or a finding."
    ),
    "resolve": Verb(
        "cli.verbs.resolve:resolve", "Say whose key it is, or whether a principal is there."
    ),
    "check": Verb("cli.verbs.check:check", "Validate incident specs."),
    "preview": Verb("cli.verbs.preview:preview", "Show what 'up' would change."),
    "review": Verb("cli.verbs.review:review", "Judge what a change of specs would do."),
    "up": Verb("cli.verbs.up:up", "Apply the incident's spec."),
    "status": Verb("cli.verbs.status:status", "Show what is live against what the state says."),
    "drift": Verb("cli.verbs.drift:drift", "Tell what of it was undone since, and by whom."),
    "verify": Verb("cli.verbs.verify:verify", "Prove that it is contained, or say what is not."),
    "hold": Verb("cli.verbs.hold:hold", "Write again what an attacker takes off."),
    "lift": Verb("cli.verbs.lift:lift", "Take back what the stack did."),
    "sweep": Verb("cli.verbs.sweep:sweep", "Remove release fences whose end has passed."),
    "adopt": Verb("cli.verbs.adopt:adopt", "Take over a containment whose state was lost."),
    "restore": Verb("cli.verbs.restore:restore", "Give principals back by the ledger alone."),
    "signal": Verb(
        "cli.verbs.signal:signal", "Keep what services and people report.", announced=False
    ),
    "note": Verb(
        "cli.verbs.note:note", "Put on an incident's record what people say.", announced=False
    ),
    "process": Verb(
        "cli.verbs.process:process",
        "Show each step of the response plan, by its evidence.",
        announced=False,
    ),
    "report": Verb("cli.verbs.report:report", "Report an incident by what is on record."),
    "trace": Verb("cli.verbs.trace:trace", "Follow a credential through CloudTrail to a fixpoint."),
    "responder-policy": Verb(
        "cli.verbs.responder_policy:responder_policy",
        "Print the least that a responder's role needs.",
        announced=False,
    ),
    "demo": Verb("cli.verbs.demo:demo", "Show it all on an emulated AWS.", announced=False),
    "lab": Verb(
        "cli.verbs.lab:lab", "Run an emulated AWS organisation on loopback.", announced=False
    ),
}


class LazyGroup(click.Group):
    """Lists the verbs without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.where.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 other, 2 wrong input, 3 not there, 4 not contained, 5 conflict, "
    "6 no record, 7 refused, 8 no access, 9 no answer, 10 not verified, 130 interrupted, "
    "141 nobody reads on.",
)
@click.version_option(package_name="containment", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.pass_context
def containment(ctx: click.Context, *, debug: bool) -> None:
    """Contain leaked cloud credentials as code: a spec, `pulumi up`, `pulumi destroy`."""
    run: Run = ctx.obj
    run.debug = debug
    url = endpoint.configured(os.environ)  # noqa: TID251 -- the edge where settings come in
    verb = VERBS.get(ctx.invoked_subcommand or "")
    if url and endpoint.is_emulated(url) and verb is not None and verb.announced:
        announce = render.tell if run.writes_document else render.say
        announce(endpoint.banner(url), style="bold yellow")


# Forms of --format that a program or a browser reads.
_DOCUMENTS = {"markdown", "html"}


@dataclass(slots=True)
class Run:
    """What the edges of one run have to know.

    *writes_document* is true where standard output holds a document, in whatever form.
    """

    as_json: bool
    writes_document: bool = False
    debug: bool = False


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 -- one return for each way to end
    """Run *arguments* and return the exit code; everything that can go wrong has been told."""
    as_json = "--json" in arguments
    is_page = any(word.removeprefix("--format=") in _DOCUMENTS for word in arguments)
    state = Run(as_json=as_json, writes_document=as_json or is_page)
    try:
        result = containment.main(
            args=list(arguments), prog_name="containment", standalone_mode=False, obj=state
        )
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # click itself exits where it meets a broken pipe, and nowhere else in this mode.
        _stop_writing()
        return _BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        if state.as_json:
            _tell_json("UsageError", error.format_message(), "see --help", error.exit_code)
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        render.tell("interrupted")
        return _INTERRUPTED
    except ModuleNotFoundError as error:
        missing = extras.explain(error)
        return _bug(error, state) if missing is None else _failed(missing, state)
    except ContainmentError as error:
        return _failed(error, state)
    except Exception as error:  # noqa: BLE001 -- the edge: the reader gets a sentence, not a stack
        return _bug(error, state)
    return result if isinstance(result, int) else 0


def _failed(error: ContainmentError, state: Run) -> int:
    kind = kind_of(error)
    if state.as_json:
        _tell_json(kind.__name__, error.message, error.remedy, kind.exit_code)
    render.tell(f"error: {error}", style="red")
    return kind.exit_code


def _bug(error: Exception, state: Run) -> int:
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    message = f"this is a bug in containment ({what})"
    remedy = "run it again as 'containment --debug …' and report the traceback"
    if state.as_json:
        _tell_json(type(error).__name__, message, remedy, 1)
    if state.debug:
        render.tell("".join(traceback.format_exception(error)))
    render.tell(f"error: {message}; {remedy}", style="red")
    return 1


def _tell_json(kind: str, message: str, remedy: str, exit_code: int) -> None:
    render.document(
        {"error": {"kind": kind, "message": message, "remedy": remedy, "exit_code": exit_code}}
    )


def _stop_writing() -> None:
    # Python flushes standard output once more at exit, which would raise again.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
