"""Only processes of our own user are served."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from containment.engine import peers
from containment.engine.peers import owners_of

pytestmark = pytest.mark.plain


# A row of proc(5)'s tcp6 as an IPv6 socket of user 1001 that speaks IPv4 stands in it.
MAPPED = (
    "  sl  local_address                         remote_address                        st ...\n"
    "   0: 0000000000000000FFFF00000100007F:A1B2 0000000000000000FFFF00000100007F:1F90 01"
    " 00000000:00000000 00:00000000 00000000  1001        0 12345 1 0000000000000000 20 4 0 10 -1\n"
)


def test_the_owner_of_a_loopback_connection_is_found() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()) as client, server.accept()[0]:
            port = client.getsockname()[1]

            assert owners_of(f"ipv4:127.0.0.1:{port}") == {os.getuid()}


def test_the_owner_of_a_mapped_connection_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "byteorder", "little")  # as the row was written
    table = tmp_path / "tcp6"
    table.write_text(MAPPED, encoding="ascii")
    monkeypatch.setattr(peers, "_TABLES", (table,))

    assert owners_of(f"ipv4:127.0.0.1:{0xA1B2}") == {1001}


def test_a_socket_of_ours_with_the_same_port_vouches_for_nobody() -> None:
    with socket.socket() as own_socket:
        own_socket.bind(("127.0.0.1", 0))
        own_socket.listen()
        port = own_socket.getsockname()[1]

        assert owners_of(f"ipv4:127.0.0.2:{port}") == set()
        assert owners_of(f"ipv4:127.0.0.1:{port}") == set()


def test_a_peer_that_no_table_can_hold_is_not_told() -> None:
    assert owners_of("unix:/tmp/x") is None


READ = SimpleNamespace(method="/pulumirpc.ResourceProvider/Read")
CREATE = SimpleNamespace(method="/pulumirpc.ResourceProvider/Create")


@pytest.mark.parametrize(
    ("owners", "served"),
    [(None, True), ({os.getuid()}, True), (set(), False), ({os.getuid(), 0, 1001}, False)],
)
def test_only_our_own_user_is_served(
    monkeypatch: pytest.MonkeyPatch, *, owners: set[int] | None, served: bool
) -> None:
    monkeypatch.setattr(peers, "owners_of", lambda _peer: owners)
    refused: list[grpc.StatusCode] = []
    context = SimpleNamespace(
        peer=lambda: "ipv4:127.0.0.1:1", abort=lambda code, _text: refused.append(code)
    )
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: "answer")

    guarded = peers.OwnUserOnly().intercept_service(lambda _details: handler, CREATE)
    guarded.unary_unary("request", context)

    assert refused == ([] if served else [grpc.StatusCode.PERMISSION_DENIED])


def test_a_peer_is_asked_about_again_once_its_address_could_be_another_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])
    asked: list[str] = []
    owners = {os.getuid()}

    def owners_now(peer: str) -> set[int]:
        asked.append(peer)
        return set(owners)

    monkeypatch.setattr(peers, "owners_of", owners_now)
    refused: list[grpc.StatusCode] = []
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: "answer")
    interceptor = peers.OwnUserOnly()

    def call(peer: str, details: SimpleNamespace = READ) -> None:
        context = SimpleNamespace(peer=lambda: peer, abort=lambda code, _text: refused.append(code))
        guarded = interceptor.intercept_service(lambda _details: handler, details)
        guarded.unary_unary("request", context)

    call("ipv4:127.0.0.1:1")
    moment[0] += 0.4
    call("ipv4:127.0.0.1:1")
    call("ipv4:127.0.0.1:3")
    call("ipv4:127.0.0.1:1")
    assert asked == ["ipv4:127.0.0.1:1", "ipv4:127.0.0.1:3"]
    call("ipv4:127.0.0.1:3", CREATE)  # after a reset the address may be another's at once
    assert asked.pop() == "ipv4:127.0.0.1:3"
    assert len(asked) == 2
    owners.add(1001)
    call("ipv4:127.0.0.1:2")
    assert refused == [grpc.StatusCode.PERMISSION_DENIED]
    moment[0] += 0.2
    call("ipv4:127.0.0.1:1")
    assert asked[2:] == ["ipv4:127.0.0.1:2", "ipv4:127.0.0.1:1"]
    assert len(refused) == 2
