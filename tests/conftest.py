"""What every test may rely on: no real credentials, no real endpoint, no terminal colours."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import hooks, httpsession
from botocore.client import ClientCreator
from botocore.compat import accepts_kwargs
from botocore.hooks import EventAliaser
from botocore.httpsession import create_urllib3_context
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import HealthCheck, settings

from containment.lab.foreground import NOTED_IN, noted_in
from containment.lab.testing import Lab, lab_server
from tests.support.direct_calls import direct_calls
from tests.support.kept_credentials import credentials_from_state
from tests.support.processor_time import ProcessorTime
from tests.support.project import Project

_OWNED = pytest.StashKey[Path]()
_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec"}
# The test that runs now, where it is of the ring that starts no process.
_plain: list[str] = []


def _refuse_processes(event: str, _arguments: tuple[object, ...]) -> None:
    """Fail a plain test that starts a process: it would be neither quick nor alone."""
    if _plain and event in _STARTS:
        name = _plain.pop()
        pytest.fail(f"{name} is plain and starts a process ({event}); its ring is process")


sys.addaudithook(_refuse_processes)

# A loaded machine is slow, and no reason to fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Have every lab of the suite, in whatever process, note what it cannot answer."""
    config.pluginmanager.register(ProcessorTime())
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # nohup and background jobs start us so, and what a test starts would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if NOTED_IN not in os.environ:
        descriptor, name = tempfile.mkstemp(prefix="lab-unanswered-")
        os.close(descriptor)
        os.environ[NOTED_IN] = name
        config.stash[_OWNED] = Path(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what runs the engine first: a long file that came last would leave a core idle."""
    items.sort(key=lambda item: item.get_closest_marker("engine") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a plain test to what its ring promises."""
    _plain[:] = [item.nodeid] if item.get_closest_marker("plain") else []
    try:
        return (yield)
    finally:
        _plain.clear()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a suite in which a lab met a call that it could not judge: that proves nothing."""
    owned = session.config.stash.get(_OWNED, None)
    if owned is None:
        return
    lines = owned.read_text().splitlines()
    owned.unlink()
    del os.environ[NOTED_IN]
    if lines:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(
                f"labs met {len(lines)} calls that they could not answer:", red=True
            )
            for line in dict.fromkeys(lines):
                reporter.write_line(f"  {line[:300]}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _accepts_kwargs(handler: Any) -> object:
    """Tell of a handler what botocore asks of each of the 130 that a session registers."""
    code = getattr(handler, "__code__", None)
    return accepts_kwargs(handler) if code is None else code.co_flags & inspect.CO_VARKEYWORDS


@pytest.fixture(scope="session", autouse=True)
def clients_are_cheap() -> Iterator[None]:
    """Keep what botocore reads and works out anew for every session or client, the same each time.

    But not the descriptions of S3, which it changes in place.
    """
    kept = dict[str, Any]()
    aliases = dict[str, str]()
    creator: Any = ClientCreator
    read, listed, alias, client_class = (
        JSONFileLoader.load_file,
        Loader.list_available_services,
        EventAliaser.__init__,
        creator._create_client_class,
    )

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if "/s3" in file_path:
            return read(self, file_path)
        if file_path not in kept:
            kept[file_path] = read(self, file_path)
        return kept[file_path]

    def list_available_services(self: Loader, type_name: str) -> Any:
        key = repr((self.search_paths, type_name))
        if key not in kept:
            kept[key] = listed(self, type_name)
        return list(kept[key])

    def aliaser(self: Any, emitter: Any, event_aliases: Any = None) -> None:
        alias(self, emitter, event_aliases)
        if event_aliases is None:
            self._alias_name_cache = aliases

    def create_client_class(self: ClientCreator, service_name: str, service_model: Any) -> Any:
        if service_name not in kept:
            kept[service_name] = client_class(self, service_name, service_model)
        return kept[service_name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(creator, "_create_client_class", create_client_class)
        patch.setattr(hooks, "accepts_kwargs", _accepts_kwargs)
        patch.setattr(httpsession, "create_urllib3_context", cache(create_urllib3_context))
        patch.setattr(JSONFileLoader, "load_file", load_file)
        patch.setattr(Loader, "list_available_services", list_available_services)
        patch.setattr(EventAliaser, "__init__", aliaser)
        yield


@pytest.fixture(autouse=True)
def no_ambient_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    empty = tmp_path_factory.getbasetemp() / "no-aws-config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def lab_process() -> Iterator[Lab]:
    """Serve one lab for all tests of this process; it can hold one world at a time."""
    with lab_server(world=None, noted_in=noted_in(os.environ)) as lab:
        yield lab


@pytest.fixture
def lab(lab_process: Lab) -> Iterator[Lab]:
    """A freshly seeded company, enforcement on; afterwards nothing may have gone by unjudged."""
    lab_process.reseed(seed=42)
    yield lab_process
    status = lab_process.status()
    assert (status["unrouted"], status["evaluator_errors"]) == (0, 0)


@pytest.fixture
def direct_lab(lab: Lab) -> Iterator[Lab]:
    """The same, reached by this process without a socket: for what is not about the wire."""
    with direct_calls(lab), credentials_from_state(lab):
        yield lab


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with an empty stack, to be copied: to have the engine make one takes longer."""
    return Project.make(tmp_path_factory.mktemp("empty"), {})


@pytest.fixture
def project(lab: Lab, tmp_path: Path, empty_project: Project) -> Iterator[Project]:
    """A project folder of the test's own, for the real engine against the lab."""
    environ = {**lab.world.responder.env(), "AWS_ENDPOINT_URL": lab.endpoint}
    with credentials_from_state(lab):
        yield Project.make(tmp_path, environ, like=empty_project)
