"""``containment lab``: an emulated AWS organisation to practise on and to test with."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from cli.extras import require
from cli.options import json_option
from containment.aws.endpoint import banner
from containment.lab import runtime

if TYPE_CHECKING:
    from pathlib import Path

_port = click.option("--port", type=click.IntRange(0, 65535), help="The lab's port.")


def _directory() -> Path:
    return runtime.directory(os.environ)  # noqa: TID251 -- settings are read in the cli


def _say(lab: runtime.RunningLab, text: str, document: dict[str, Any], *, as_json: bool) -> None:
    click.echo(banner(lab.endpoint), err=as_json)
    click.echo(json.dumps(document) if as_json else text)


@click.group()
def lab() -> None:
    """Run an emulated AWS organisation on this machine."""


@lab.command()
@_port
@click.option("--detach", is_flag=True, help="Go on in the background.")
@json_option
def start(port: int | None, *, detach: bool, as_json: bool) -> None:
    """Start a lab: in the foreground until Ctrl-C, or with --detach in the background."""

    def announce(started: runtime.RunningLab) -> None:
        hint = "" if detach else "; Ctrl-C ends it"
        _say(
            started,
            f"lab on {started.endpoint} (process {started.pid}){hint}\n"
            f'next: eval "$(containment lab env)" after containment lab seed company',
            {"endpoint": started.endpoint, "port": started.port, "pid": started.pid},
            as_json=as_json,
        )

    require("moto")  # before a process of its own says so at length
    if detach:
        announce(runtime.start_detached(_directory(), port or 0))
        return
    from containment.lab.foreground import (  # noqa: PLC0415 -- the server is heavy
        noted_in,
        serve,
    )

    unanswered_calls = noted_in(os.environ)  # noqa: TID251 -- settings are read in the cli
    serve(_directory(), port or 0, announce=announce, noted_in=unanswered_calls)


@lab.command()
@_port
@json_option
def stop(port: int | None, *, as_json: bool) -> None:
    """Stop a lab and remove everything it kept."""
    running_lab = runtime.find(_directory(), port)
    runtime.stop(running_lab)
    _say(
        running_lab,
        f"lab on {running_lab.endpoint} stopped",
        {"stopped": running_lab.port},
        as_json=as_json,
    )


@lab.command()
@_port
@json_option
def status(port: int | None, *, as_json: bool) -> None:
    """Show what a lab has seen."""
    running_lab = runtime.find(_directory(), port)
    document: dict[str, Any] = {"endpoint": running_lab.endpoint, **running_lab.control("status")}
    mutations = document["mutations"]["total"]
    _say(
        running_lab,
        f"lab on {running_lab.endpoint} (process {running_lab.pid})\n"
        f"enforcement {'on' if document['enforcement'] else 'OFF'}, clock {document['clock']}\n"
        f"{document['requests']} requests, {mutations} of them mutating,"
        f" {document['unrouted']} unanswerable, {document['evaluator_errors']} errors",
        document,
        as_json=as_json,
    )


@lab.command()
@click.argument("world", type=click.Choice(["company", "organisation"]))
@_port
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Same seed, same ids and secrets; random without.",
)
@click.option(
    "--principals",
    type=click.IntRange(0, 10_000),
    help="How many users and roles an organisation has besides its cast (200).",
)
@json_option
def seed(
    world: str, port: int | None, *, seed: int | None, principals: int | None, as_json: bool
) -> None:
    """Start over with a world to contain incidents in."""
    running_lab = runtime.find(_directory(), port)
    options: dict[str, Any] = {"world": world}
    if seed is not None:
        options["seed"] = seed
    if principals is not None:
        options["principals"] = principals
    built = running_lab.control("seed", options)
    running_lab.keep_world(built)
    _say(
        running_lab,
        f"seeded {world}: account {built['account']}, leaked key"
        f" {built['leaked']['access_key_id']} of {built['ci_user']}\n"
        f"every credential is in {running_lab.world_file}\n"
        'next: eval "$(containment lab env)", which gives a shell the responder\'s session',
        {
            "world": world,
            "account": built["account"],
            "leaked_access_key_id": built["leaked"]["access_key_id"],
            "world_file": str(running_lab.world_file),
        },
        as_json=as_json,
    )


@lab.command()
@_port
@json_option
def env(port: int | None, *, as_json: bool) -> None:
    """Print the exports that point the AWS SDKs and Pulumi at a lab, as its responder."""
    running_lab = runtime.find(_directory(), port)
    variables = _variables(running_lab)
    click.echo(banner(running_lab.endpoint), err=True)
    if running_lab.world() is None:
        note = "note: this lab is not seeded; after 'containment lab seed', take its exports again"
        click.echo(note, err=True)
    if as_json:
        click.echo(json.dumps(variables))
        return
    if "AWS_SESSION_TOKEN" not in variables:
        # A token of somebody else's session would be sent along.
        click.echo("unset AWS_SESSION_TOKEN")
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def _lasting(running_lab: runtime.RunningLab, world: dict[str, Any]) -> dict[str, Any]:
    """Return the responder's session, a new one where the lab's clock has nearly ended it."""
    session = world["responder"]
    renewed = running_lab.control("renew", {"access_key_id": session["access_key_id"]})
    if renewed != session:
        running_lab.keep_world({**world, "responder": renewed})
    return renewed


def _variables(running_lab: runtime.RunningLab) -> dict[str, str]:
    world = running_lab.world()
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    region = "us-east-1"
    if world is not None:
        responder = _lasting(running_lab, world)
        region = str(world["region"])
        credentials = {
            "AWS_ACCESS_KEY_ID": str(responder["access_key_id"]),
            "AWS_SECRET_ACCESS_KEY": str(responder["secret_access_key"]),
            "AWS_SESSION_TOKEN": str(responder["session_token"]),
        }
    return {
        "AWS_ENDPOINT_URL": running_lab.endpoint,
        **credentials,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "PULUMI_BACKEND_URL": f"file://{running_lab.backend}",
        "PULUMI_CONFIG_PASSPHRASE": "",
    }
