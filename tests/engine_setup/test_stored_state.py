"""What a state names is read as data, as the engine would read it."""

from __future__ import annotations

import gzip
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from containment.engine import layout
from containment.engine.layout import ForeignProjectError
from containment.engine.ownership import (
    ForeignStateError,
    require_own,
    require_own_state,
    require_stack_settings,
)
from containment.engine.settings import settings
from containment.engine.stored_state import (
    PROJECT,
    Keepers,
    UnreadableStateError,
    listed,
    strangers,
)
from containment.lifecycle import handover
from containment.run.state import StackState, look_up
from containment.spec import waves

pytestmark = pytest.mark.plain

STACK = "inc-2026-0042"
PREFIX = f"urn:pulumi:{STACK}::containment::"
SNAPSHOT = "containment:index:PrincipalSnapshot"
PROVIDER_URN = f"{PREFIX}pulumi:providers:containment::default_0_1_0"
PROVIDER = f"{PROVIDER_URN}::04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def stack() -> dict[str, Any]:
    return {
        "urn": f"{PREFIX}pulumi:pulumi:Stack::containment-{STACK}",
        "custom": False,
        "type": "pulumi:pulumi:Stack",
    }


def provider(**inputs: Any) -> dict[str, Any]:
    return {
        "urn": PROVIDER_URN,
        "custom": True,
        "id": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "type": "pulumi:providers:containment",
        "inputs": {"version": "0.1.0", "__internal": {}, **inputs},
        "outputs": {"version": "0.1.0"},
    }


def snapshot(**members: Any) -> dict[str, Any]:
    return {
        "urn": f"{PREFIX}{SNAPSHOT}::111122223333/user/ci-deploy",
        "custom": True,
        "id": f"{STACK}/arn:aws:iam::111122223333:user/ci-deploy",
        "type": SNAPSHOT,
        "inputs": {"incident": STACK},
        "outputs": {"incident": STACK, "tags": {"delete": "true", "TYPE": "x"}},
        "provider": PROVIDER,
        "refreshBeforeUpdate": True,
        **members,
    }


def deny(**members: Any) -> dict[str, Any]:
    kind = "containment:index:DenyPolicy"
    urn = f"{PREFIX}{SNAPSHOT}${kind}::111122223333/user/ci-deploy"
    return snapshot(**{"urn": urn, "type": kind, "parent": snapshot()["urn"], **members})


def checkpoint(*resources: Any, pending: Any = None, **more: Any) -> dict[str, Any]:
    latest = {
        "manifest": {"version": "v3.259.0"},
        "secrets_providers": {"type": "passphrase"},
        "resources": list(resources),
        "pending_operations": pending or [],
        "metadata": {},
        **more,
    }
    return {"version": 3, "checkpoint": {"stack": STACK, "latest": latest}}


def described(document: Any) -> str:
    return listed(strangers(json.dumps(document).encode(), STACK))


def test_a_state_of_ours_holds_no_stranger_in_any_form_it_is_kept_in() -> None:
    whole = checkpoint(
        stack(),
        provider(role="arn:aws:iam::{account}:role/r"),
        snapshot(),
        deny(delete=True),
        pending=[{"resource": deny(), "type": "creating"}],
    )
    written = json.dumps(whole).encode()

    assert strangers(written, STACK) == ()
    assert strangers(gzip.compress(written), STACK) == ()
    exported = {"version": 4, "features": ["refreshBeforeUpdate"]}
    exported["deployment"] = whole["checkpoint"]["latest"]
    assert described(exported) == ""
    assert described({"version": 3, "checkpoint": {"stack": STACK}}) == ""
    assert described({"version": 3, "deployment": None}) == ""


DYNAMIC = "pulumi-python:dynamic:Resource"


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (snapshot(type=DYNAMIC, urn=f"{PREFIX}{DYNAMIC}::x"), DYNAMIC),
        (snapshot(type=DYNAMIC), DYNAMIC),
        (snapshot(urn=f"{PREFIX}{DYNAMIC}::x"), "is no containment:index"),
        (snapshot(urn=snapshot()["urn"].replace(STACK, "inc-2026-0041")), f"of stack {STACK}"),
        (snapshot(urn=snapshot()["urn"].replace("containment::c", "other::c")), "of stack"),
        (snapshot(type="containment:index:PrincipalSnapshot/../x"), "not of this project"),
        (snapshot(type=None), "not of this project"),
        (snapshot(urn=f"{snapshot()['urn']}<{{%x%}}>"), "breaks off the engine"),
        (snapshot(id="x<{%x%}>"), "breaks off the engine"),
        (snapshot(initErrors=["<{%x%}>"]), "breaks off the engine"),
        (snapshot(outputs={"trustPolicy": '{"a": "\\u003c{%x%}>"}'}), "breaks off the engine"),
        (snapshot(type="pulumi:pulumi:StackReference"), "StackReference"),
        (snapshot(type="pulumi:providers:aws"), "pulumi:providers:aws"),
        (snapshot(provider=PROVIDER.replace("containment::d", "pulumi-python::d")), "provider"),
        (snapshot(provider=PROVIDER.replace("providers:containment", "providers:aws")), "provider"),
        (snapshot(provider=None), "provider"),
        (snapshot(custom=False), "has no provider"),
        (deny(urn=deny()["urn"].replace(SNAPSHOT, "my:own:Component")), "belongs to a resource"),
        (stack() | {"custom": True, "provider": PROVIDER}, "a stack has none"),
        (provider(pluginDownloadURL="https://example.com"), "pluginDownloadURL"),
        (provider(pluginChecksums={"linux-amd64": "00"}), "pluginChecksums"),
        (provider(__internal={"pluginDownloadURL": "https://example.com"}), "__internal"),
        (provider(__internal={"name": "command", "parameterization": {"value": ""}}), "__internal"),
        (provider() | {"outputs": {"parameterization": {"name": "x"}}}, "parameterization"),
        (provider() | {"provider": PROVIDER}, "comes from another one"),
        (snapshot(viewOf=deny()["urn"]), "view"),
        (snapshot(resourceHooks={"beforeDelete": ["x"]}), "hooks"),
        (snapshot(extensionRef="x"), "extension"),
        (snapshot(snippetID="x"), "snippet"),
        (deny(retainOnDelete=True), "forgotten without a lift"),
        (deny(deletedWith=snapshot()["urn"]), "forgotten without a lift"),
        (deny(pendingReplacement=True), "forgotten without a lift"),
        (deny(external=True), "never lifted"),
        (deny(aliases=[snapshot()["urn"]]), "other names"),
        (
            snapshot(
                outputs={
                    "a": [
                        {
                            "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17",
                            "path": "/dev/zero",
                        }
                    ]
                }
            ),
            "a file or a reference",
        ),
    ],
)
def test_each_stranger_is_named_wherever_the_state_has_it(
    resource: dict[str, Any], words: str
) -> None:
    for document in (
        checkpoint(stack(), resource),
        checkpoint(resource | {"delete": True}),
        checkpoint(pending=[{"resource": resource, "type": "deleting"}]),
    ):
        assert words in described(document)


def test_a_secret_in_a_state_is_read_as_data() -> None:
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "plaintext": "x",
    }

    assert described(checkpoint(provider(role=secret))) == ""


@pytest.mark.parametrize("name", ["snippets", "extensions"])
def test_programs_beside_the_resources_are_named(name: str) -> None:
    assert name in described(checkpoint(**{name: [{"code": "resource x"}]}))


TEXT = json.dumps(checkpoint(stack(), snapshot()))


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"half a sta",
        b"[]",
        b"null",
        b"\x28\xb5\x2f\xfdzstd",
        gzip.compress(TEXT.encode())[:-9],
        gzip.compress(TEXT.encode()) + b"more",
        TEXT.replace('"version": 3', '"version": 2').encode(),
        TEXT.replace('"version": 3', '"version": true').encode(),
        TEXT.replace('"version": 3', '"version": 3, "version": 3').encode(),
        TEXT.replace('"version": 3', '"version": 3, "Checkpoint": {}').encode(),
        TEXT.replace('"latest"', '"Latest"').encode(),
        TEXT.replace('"latest"', '"latest": null, "latest"').encode(),
        TEXT.replace('"resources"', '"re\u017fources"').encode(),
        TEXT.replace('"resources"', '"re\\u017fources"').encode(),
        TEXT.replace('"resources": [', '"RESOURCES": [], "resources": [').encode(),
        TEXT.replace('"type"', '"TYPE": "pulumi-python:dynamic:Resource", "type"').encode(),
        TEXT.replace('"provider"', '"Provider": "x", "provider"').encode(),
        TEXT.replace('"resources": [', '"resources": {"a": ').replace("}]", "}}").encode(),
        TEXT.replace('"custom": true', '"custom": NaN').encode(),
        TEXT.encode("utf-16"),
        TEXT.replace("ci-deploy", "\udce9").encode("utf-8", "surrogatepass"),
        b'{"version": 3, "checkpoint": ' + b"[" * 100_000,
    ],
)
def test_what_the_engine_might_read_in_another_way_cannot_be_read(written: bytes) -> None:
    with pytest.raises(UnreadableStateError):
        strangers(written, STACK)


def test_what_a_state_says_reaches_nobody_as_markup_or_control_characters() -> None:
    shown = described(checkpoint(snapshot(type="<{%fg 1%}>\x1b[31m\n" + "x" * 5000)))

    assert "<{%" not in shown
    assert shown.isprintable()
    assert len(shown) < 1000


def with_secrets_by(provider: Any) -> bytes:
    """Return a state whose secrets are kept by *provider*."""
    return json.dumps(checkpoint(stack(), secrets_providers=provider)).encode()


KEY = "awskms://alias/responders?region=us-east-1"
PLANTED = "awskms://alias/x?region=us-east-1&endpoint=https://example.com"


@pytest.mark.parametrize(
    ("url", "key", "is_strange"),
    [(KEY, KEY, False), (PLANTED, KEY, True), (PLANTED, "", True), (None, "", True)],
)
def test_no_key_service_is_called_that_the_profile_does_not_name(
    url: str | None, key: str, *, is_strange: bool
) -> None:
    provider = {"type": "cloud", "state": {"url": url, "encryptedkey": "AAAA"}}

    named = strangers(with_secrets_by(provider), STACK, Keepers(key=lambda: key))

    profile = f"'secrets' in containment.yaml is {key or 'not set'}"
    expected = f"its secrets provider is {url}, and {profile}"
    assert [str(item) for item in named] == ([expected] if is_strange else [])


SERVICE = "https://api.pulumi.com"
OF_SERVICE = {"url": SERVICE, "owner": "o", "project": PROJECT, "stack": STACK}


@pytest.mark.parametrize(
    ("edited", "backend", "says"),
    [
        ({}, SERVICE, ""),
        ({}, "", f"is {SERVICE}, and the state's backend is no such service"),
        (
            {"url": "https://api.example.com"},
            SERVICE,
            f"is https://api.example.com, and the state's backend is {SERVICE}",
        ),
        ({"insecure": True}, SERVICE, f"is {SERVICE}, without TLS, and the state's backend is"),
        ({"url": None}, "", "and the state's backend is no such service"),
    ],
)
def test_no_token_is_sent_to_a_service_that_is_not_the_states_backend(
    edited: dict[str, Any], backend: str, says: str
) -> None:
    provider = {"type": "service", "state": {**OF_SERVICE, **edited}}

    named = strangers(with_secrets_by(provider), STACK, Keepers(service=backend))

    assert says in listed(named)
    assert bool(named) == bool(says)


def test_a_secrets_provider_of_an_unknown_type_is_a_stranger() -> None:
    (named,) = strangers(with_secrets_by({"type": "<{%x%}>", "state": {}}), STACK)

    assert named.what.endswith("which is not known")
    assert "<{%" not in named.what


@pytest.mark.parametrize("provider", [{"type": "passphrase", "state": {"salt": "v1:x"}}, {}, None])
def test_a_passphrase_names_no_service(provider: Any) -> None:
    assert strangers(with_secrets_by(provider), STACK) == ()


@pytest.mark.parametrize("provider", ["cloud", {"Type": "cloud"}, {"type": "cloud", "state": []}])
def test_a_secrets_provider_that_reads_in_two_ways_is_not_read(provider: Any) -> None:
    with pytest.raises(UnreadableStateError):
        strangers(with_secrets_by(provider), STACK)


def test_the_profile_says_which_key_service_is_called(tmp_path: Path) -> None:
    project, states = tmp_path / "project", tmp_path / "state/.pulumi/stacks/containment"
    (project / "stacks").mkdir(parents=True)
    states.mkdir(parents=True)
    provider = {"type": "cloud", "state": {"url": KEY, "encryptedkey": "AAAA"}}
    (states / f"{STACK}.json").write_bytes(with_secrets_by(provider))
    environ = {"PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}"}
    # Whoever edits a state edits this as well.
    settings_file = project / "stacks" / f"Pulumi.{STACK}.yaml"
    settings_file.write_text(f"secretsprovider: {KEY}\nencryptedkey: AAAA\n", encoding="utf-8")

    def look_up_without_the_engine() -> StackState | None:
        return look_up(project, environ, STACK, engine=pytest.fail)

    for look in (
        partial(require_own_state, project / "no-engine", project, environ, STACK),
        look_up_without_the_engine,
    ):
        (project / "containment.yaml").unlink(missing_ok=True)
        with pytest.raises(ForeignStateError, match=r"'secrets' in containment.yaml is not set"):
            look()

        (project / "containment.yaml").write_text(f"secrets: {KEY}\n", encoding="utf-8")
        look()


@pytest.mark.parametrize(
    ("provider", "is_refused"),
    [
        (KEY, False),
        ("passphrase", False),
        ("default", False),
        ("''", False),
        (PLANTED, True),
        ("awskms:///arn:aws:kms:us-east-1:999999999999:key/x?region=us-east-1", True),
        ("azurekeyvault://example.com/keys/x", True),
        ("gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k", True),
        ("hashivault://x", True),
        (f"[{KEY}]", True),
        (f"!!binary {KEY}", True),
    ],
)
def test_the_settings_of_a_stack_name_no_key_service_but_the_profiles(
    tmp_path: Path, provider: str, *, is_refused: bool
) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "containment.yaml").write_text(f"secrets: {KEY}\n", encoding="utf-8")
    settings_file = tmp_path / "stacks" / f"Pulumi.{STACK}.yaml"
    settings_file.write_text(f"secretsprovider: {provider}\n", encoding="utf-8")

    with pytest.raises(ForeignProjectError) if is_refused else nullcontext() as caught:
        require_stack_settings(tmp_path, STACK)

    assert is_refused == (caught is not None)


@pytest.mark.parametrize("named", [f"organization/{PROJECT}/{STACK}", f"owner/{STACK}", None])
def test_the_settings_are_looked_at_however_the_stack_is_named(
    tmp_path: Path, named: str | None
) -> None:
    layout.lay_out(tmp_path)
    settings_file = tmp_path / "stacks" / f"Pulumi.{STACK}.yaml"
    settings_file.write_text("environment: [planted]\n", encoding="utf-8")
    environ = {"PULUMI_BACKEND_URL": f"file://{tmp_path}", "PULUMI_STACK": STACK}

    with pytest.raises(ForeignProjectError, match="has environment, which is no setting"):
        require_own(tmp_path / "no-engine", tmp_path, environ, named)


def test_what_a_verb_says_to_the_stack_program_is_taken_from_no_environment(
    tmp_path: Path,
) -> None:
    words_of_a_verb = {waves.VARIABLE: "1", handover.VARIABLE: f"{'0' * 64} {tmp_path}"}

    chosen = settings({"PULUMI_HOME": str(tmp_path), "KEPT": "x", **words_of_a_verb})

    assert set(chosen.dropped) == set(words_of_a_verb)
    assert not set(words_of_a_verb) & chosen.environ.keys()
    assert chosen.environ["KEPT"] == "x"
