"""Every error that a lifecycle call raises leaves the provider with its kind, as data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from containment.actions.deny_policy import DenyInputs, DenyPolicy, DenyState
from containment.errors import ContainmentError, kinds
from containment.lifecycle.action import Failure, UnfinishedError
from containment.lifecycle.wire import Lift
from containment.messages import VARIABLE, Message, MessageFile
from containment.provider import codec, servicer
from containment.provider.deployment import Deployment
from containment.provider.servicer import Servicer

pytestmark = pytest.mark.plain

TYPE = "containment:index:DenyPolicy"
PROVIDER = "urn:pulumi:inc-2026-0042::containment::pulumi:providers:containment::default"
URN = f"urn:pulumi:inc-2026-0042::containment::{TYPE}::111122223333/user/ci-deploy"
INPUTS = DenyInputs(
    incident="inc-2026-0042",
    principal="arn:aws:iam::111122223333:user/ci-deploy",
    lift=Lift(
        spec="stacks/inc-2026-0042.yaml",
        disposition="suspected",
        compromised_at="2026-11-01T00:00:00Z",
        leaked=(),
    ),
    endpoint="https://iam.amazonaws.com",
    principal_id="AIDAEXAMPLE",
    snapshot_id="s" * 10,
    scope="all",
)
STATE = DenyState(**dict(INPUTS), generation=7, live="applied")
CALLS = (
    "Check",
    "Create",
    "Create in a preview",
    "Read",
    "Update",
    "Update in a preview",
    "Delete",
    "Configure",
)


class EndedError(Exception):
    """What grpc raises to end a call."""


class Context:
    """A call of the engine's, which an abort ends."""

    def __init__(self) -> None:
        self.details = ""

    def abort(self, status: object, details: str) -> None:
        del status
        self.details = details
        raise EndedError

    def abort_with_status(self, status: Any) -> None:
        self.abort(status.code, status.details)


class Served:
    """A provider whose action, whatever it is asked, raises *error*; and what it left."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.file = MessageFile.make(folder)
        self.context = Context()

        class Failing(DenyPolicy):
            def _raise(self, *_arguments: Any, **_more: Any) -> Any:
                raise error

            create = read = update = delete = adopt = _raise

            def check(self, *_arguments: Any) -> list[Failure]:
                if isinstance(error, ContainmentError):
                    return [Failure("principal", error)]
                raise error

        deployment = Deployment({VARIABLE: str(self.file.path)})
        monkeypatch.setattr(Deployment, "context", lambda *_, **__: SimpleNamespace())
        monkeypatch.setattr(Deployment, "require_admitted", lambda *_: None)
        monkeypatch.setitem(servicer._RESOURCES, TYPE, Failing)

        def refuse(*_arguments: object) -> None:
            raise error

        monkeypatch.setattr(Deployment, "configure", refuse)
        monkeypatch.setattr(Failing, "checked", lambda _self, inputs: inputs)
        self.servicer = Servicer(deployment)

    def call(self, call: str) -> Message:
        """Make *call*, which has to fail; return the one message that says so."""
        inputs, state = codec.encode(codec.dump(INPUTS)), codec.encode(codec.dump(STATE))
        name = call.partition(" ")[0]
        requests: dict[str, Any] = {
            "Check": SimpleNamespace(type=TYPE, urn=URN, news=inputs, olds=codec.encode({})),
            "Create": SimpleNamespace(
                type=TYPE, urn=URN, properties=inputs, preview=call != "Create"
            ),
            # A read of what is not in the state is an import.
            "Read": SimpleNamespace(
                type=TYPE, urn=URN, id="inc-2026-0042/arn", properties=codec.encode({})
            ),
            "Update": SimpleNamespace(
                type=TYPE, urn=URN, olds=state, news=inputs, preview=call != "Update"
            ),
            "Delete": SimpleNamespace(type=TYPE, urn=URN, properties=state),
            "Configure": SimpleNamespace(urn=PROVIDER, args=codec.encode({})),
        }
        method: Callable[[Any, Any], Any] = getattr(self.servicer, name)
        if name == "Check":
            assert len(method(requests[name], self.context).failures) == 1
        else:
            with pytest.raises(EndedError):
                method(requests[name], self.context)
        (message,) = self.file.read()
        assert message.call == name
        assert message.urn == ("" if name == "Configure" else URN)
        assert message.changed_nothing == (name in {"Check", "Read", "Configure"} or " " in call)
        return message


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", kinds().values())
def test_each_kind_raised_in_each_call_is_on_record_with_both_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[ContainmentError], call: str
) -> None:
    served = Served(tmp_path, monkeypatch, kind("what; and why", remedy="the next step"))
    message = served.call(call)

    assert (message.kind, message.text) == (kind.__name__, "what; and why")
    assert type(message.error()) is kind
    assert message.remedy == "the next step"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutUserPolicy"),
            "AccessError",
        ),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "UnavailableError"),
        (ZeroDivisionError("secret wJalrXUtnFEMI"), "ContainmentError"),
    ],
)
def test_what_is_none_of_ours_has_a_kind_as_well_and_a_bug_keeps_its_text_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str, call: str
) -> None:
    message = Served(tmp_path, monkeypatch, error).call(call)

    assert message.kind == kind
    assert "wJalrXUtnFEMI" not in message.text + message.remedy


@pytest.mark.parametrize("call", ["Create", "Update"])
def test_what_was_made_but_not_as_declared_is_said_once_and_kept_by_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    error = UnfinishedError("written, not shown", remedy="again", state=STATE)
    served = Served(tmp_path, monkeypatch, error)
    message = served.call(call)

    assert message.kind == "NotContainedError"
    assert served.context.details == "written, not shown; again"


def test_a_message_file_that_somebody_else_put_there_is_neither_followed_nor_made(
    tmp_path: Path,
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    link = tmp_path / "link"
    link.symlink_to(victim)

    MessageFile(link).add(Message("x"))
    MessageFile(tmp_path / "new").add(Message("x"))
    MessageFile.named_in({}).add(Message("x"))

    assert victim.read_text() == "kept"
    assert not (tmp_path / "new").exists()


def test_a_message_file_is_its_owners_alone_and_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    file = MessageFile.make(tmp_path)
    assert file.path is not None
    file.add(Message("a\nb", "urn", "Check", "error", "SpecError", "c"))
    file.add(Message("said", "urn", "Read"))
    with file.path.open("a") as more:
        more.write('{"text": "x", "kind": "NoSuchError"}\n[]\nnull\n{"other": 1}\n{"text": "cut')

    assert file.path.stat().st_mode & 0o077 == 0
    first, second = file.read()
    assert first.error().message == "a\nb"
    assert not second.is_error
