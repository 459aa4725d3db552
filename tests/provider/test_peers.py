"""Only processes of our own user are served."""

from __future__ import annotations

import os
import socket

import pytest

from containment.provider.peers import owner_of

pytestmark = pytest.mark.plain


def test_the_owner_of_a_loopback_socket_is_found() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()) as client:
            port = client.getsockname()[1]

            assert owner_of(f"ipv4:127.0.0.1:{port}") == os.getuid()


@pytest.mark.parametrize("peer", ["unix:/tmp/x", "ipv4:127.0.0.1:1"])
def test_a_peer_that_is_nobody_has_no_owner(peer: str) -> None:
    assert owner_of(peer) is None
