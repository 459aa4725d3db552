"""An instance of the provider that is asked about its settings alone loads no action."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from containment.provider.deferred_servicer import DeferredServicer
from containment.provider.settings_servicer import SettingsServicer

pytestmark = pytest.mark.plain


class Resources(SettingsServicer):
    """Notes what it is asked."""

    def __init__(self, engine: str | None) -> None:
        self.engine = engine
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name[0].isupper():
            return super().__getattribute__(name)

        def note(*_: object) -> str:
            self.asked.append(name)
            return name

        return note


class Stage:
    """A deferred servicer, and each servicer that it made."""

    def __init__(self, engine: str | None = None) -> None:
        self.made: list[Resources] = []
        self.cancelled = Event()
        self.servicer = DeferredServicer(self.make, engine, self.cancelled)

    def make(self, engine: str | None) -> Resources:
        self.made.append(Resources(engine))
        return self.made[-1]


def test_settings_are_answered_and_a_cancel_is_taken_without_loading_anything() -> None:
    stage = Stage()
    asked: Any = stage.servicer

    asked.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:7"), None)
    assert asked.GetPluginInfo(None, None).version
    assert list(asked.CheckConfig(provider_pb2.CheckRequest(), None).failures) == []
    same = asked.DiffConfig(provider_pb2.DiffRequest(), None)
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    asked.Cancel(None, None)

    assert stage.cancelled.is_set()
    assert stage.made == []


@pytest.mark.parametrize(
    "name",
    [
        "Attach",
        "GetSchema",
        "Configure",
        "Check",
        "Diff",
        "Create",
        "Read",
        "Update",
        "Delete",
        "Invoke",
    ],
)
def test_every_other_call_reaches_the_servicer_made_for_the_engine(name: str) -> None:
    stage = Stage("127.0.0.1:6")
    asked: Any = stage.servicer
    handshake = provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:7")
    asked.Handshake(handshake, None)

    assert getattr(asked, name)(None, None) == name
    asked.Handshake(handshake, None)

    (made,) = stage.made
    assert (made.engine, made.asked) == ("127.0.0.1:7", [name, "Handshake"])


def test_calls_side_by_side_make_one_servicer() -> None:
    stage = Stage()
    asked: Any = stage.servicer

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(asked.Check, [None] * 40, [None] * 40))

    (made,) = stage.made
    assert len(made.asked) == 40
