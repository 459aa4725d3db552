"""A stand-in for the engine: starts the provider's own executable and speaks its protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXECUTABLE = Path(sys.executable).parent / "pulumi-resource-containment"


@dataclass
class Log(engine_pb2_grpc.EngineServicer):
    """What the provider said to the engine."""

    messages: list[tuple[str, str]] = field(default_factory=list)

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the protocol's name
        del context
        self.messages.append((request.urn, request.message))
        return Empty()


@dataclass
class Plugin:
    """A running provider."""

    process: subprocess.Popen[str]
    stub: Any
    log: Log

    def urn(self, resource: str, name: str = "n") -> str:
        return f"urn:pulumi:inc-2026-0042::containment::containment:index:{resource}::{name}"

    def check(
        self, resource: str, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None
    ) -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(resource),
                type=f"containment:index:{resource}",
                news=struct(news),
                olds=struct(olds or {}),
                randomSeed=os.urandom(32),
            )
        )

    def create(self, resource: str, inputs: Mapping[str, Any], *, preview: bool = False) -> Any:
        return self.stub.Create(
            provider_pb2.CreateRequest(
                urn=self.urn(resource),
                type=f"containment:index:{resource}",
                properties=struct(inputs),
                preview=preview,
            )
        )

    def read(self, resource: str, made: Any) -> Any:
        return self.stub.Read(
            provider_pb2.ReadRequest(
                id=made.id,
                urn=self.urn(resource),
                type=f"containment:index:{resource}",
                properties=made.properties,
                inputs=made.properties,
            )
        )

    def delete(self, resource: str, made: Any) -> Any:
        return self.stub.Delete(
            provider_pb2.DeleteRequest(
                id=made.id,
                urn=self.urn(resource),
                type=f"containment:index:{resource}",
                properties=made.properties,
            )
        )

    def diff(self, resource: str, made: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=made.id,
                urn=self.urn(resource),
                type=f"containment:index:{resource}",
                olds=made.properties,
                old_inputs=struct(old),
                news=struct(new),
            )
        )


def struct(values: Mapping[str, Any]) -> Struct:
    """Return *values* as the engine sends them."""
    made = Struct()
    made.update(dict(values))
    return made


def values(message: Any) -> dict[str, Any]:
    """Return a struct as plain values."""
    document: dict[str, Any] = MessageToDict(message)
    return document


@contextmanager
def plugin(environ: Mapping[str, str], directory: Path) -> Iterator[Plugin]:
    """Start the provider as the engine does, configured and ready."""
    log = Log()
    engine = grpc.server(ThreadPoolExecutor(4))
    engine_pb2_grpc.add_EngineServicer_to_server(log, engine)
    address = f"127.0.0.1:{engine.add_insecure_port('127.0.0.1:0')}"
    engine.start()
    process = subprocess.Popen(
        [str(EXECUTABLE), address],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address=address))
            stub.Configure(provider_pb2.ConfigureRequest(args=struct({})))
            yield Plugin(process, stub, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        engine.stop(None)
