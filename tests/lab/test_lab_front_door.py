"""What knocks at the lab's port: control requests, nonsense, crowds."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from containment.errors import RefusedError
from containment.lab.http.server import LabServer
from tests.lab.matrix.bench import allow, policy

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def control(lab: Lab, name: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"{lab.endpoint}/_lab/{name}", data=body)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def raw(lab: Lab, data: bytes) -> bytes:
    host, port = urlsplit(lab.endpoint).hostname, urlsplit(lab.endpoint).port
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_a_client_that_goes_while_it_sends_is_no_fault_of_the_lab(lab: Lab) -> None:
    host, port = urlsplit(lab.endpoint).hostname, urlsplit(lab.endpoint).port
    for _ in range(3):
        with socket.create_connection((host, port), timeout=5) as connection:
            # Closed by a reset, as when its process is killed.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nAc"
            )
            time.sleep(0.1)  # or the reset overtakes what was sent

    assert lab.status()["evaluator_errors"] == 0


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("nothing", b"", "is none of"),
        ("clock", b"soon", "advance_s"),
        ("clock", b'{"advance_s": -1}', "cannot be -1"),
        ("faults", b"{}", "JSON list"),
        ("faults", b'[{"kind": "gremlin"}]', "no kind of fault called 'gremlin'"),
        ("faults", b'[{"kind": "throttle", "often": 3}]', "no field 'often'"),
        ("faults", b'[{"kind": "throttle", "count": "3"}]', "cannot be '3'"),
        ("faults", b"[7]", "JSON object"),
        ("seed", b'{"world": "atlantis"}', "no world called 'atlantis'"),
        ("seed", b"", "JSON body"),
    ],
)
def test_a_wrong_control_request_says_what_is_wrong(
    lab: Lab, name: str, body: bytes, expected: str
) -> None:
    status, answer = control(lab, name, body)

    assert status in {400, 404}
    assert expected in answer["error"]


def test_control_requests_do_what_they_say(lab: Lab, world: World) -> None:
    assert control(lab, "clock", b'{"advance_s": 60}')[1]["clock_offset_s"] == 60
    assert control(lab, "reset", b"")[1]["enforcement"] is False
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        lab.client("iam", world.admin).list_users()
    built = control(lab, "seed", b'{"world": "company", "seed": 42}')[1]
    assert built["leaked"]["access_key_id"] == world.leaked.access_key_id
    status = control(lab, "status")[1]
    assert (status["enforcement"], status["clock_offset_s"]) == (True, 0)


def test_reads_and_writes_are_counted_apart(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    before = lab.status()["mutations"]
    iam.list_users()
    iam.get_user(UserName="alice")
    lab.client("sts", world.leaked).get_session_token()
    assert lab.status()["mutations"] == before

    iam.tag_user(UserName="alice", Tags=[{"Key": "a", "Value": "b"}])
    with pytest.raises(ClientError, match="AccessDenied"):
        lab.client("iam", world.leaked).create_user(UserName="x")

    after = lab.status()["mutations"]
    assert after["by_action"] == {"iam:TagUser": 1}
    assert after["by_principal"] == {f"arn:aws:iam::{world.account}:user/admin/arranger": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic a\r\nContent-Length:0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nAction=??",
        b"GET /?X-Amz-Signature=1&X-Amz-Credential=x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=repr,
)
def test_a_malformed_request_is_refused_without_a_traceback(lab: Lab, data: bytes) -> None:
    answer = raw(lab, data)

    assert not answer or answer.split(b" ")[1][:1] in {b"4", b"5"}, answer
    assert not answer.startswith(b"HTTP/1.1 500"), answer
    assert b"Traceback" not in answer


def test_a_huge_body_is_refused_before_it_is_read(lab: Lab) -> None:
    head = b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"

    assert b" 413 " in raw(lab, head)[:40]


def test_an_unknown_service_is_refused_in_words_and_counted(served: Lab) -> None:
    world = served.reseed()

    with served.unanswered() as messages:
        with pytest.raises(ClientError, match="NotImplementedInLab"):
            served.client("braket", world.admin).search_devices(filters=[])
        assert served.status()["unrouted"] == 1

    assert messages == ["The lab has no service 'braket'."]
    assert served.status()["unrouted"] == 0


def test_an_operation_that_nobody_implements_is_refused_in_words(served: Lab) -> None:
    world = served.reseed()

    with served.unanswered() as messages, pytest.raises(ClientError, match="NotImplementedInLab"):
        served.client("iam", world.admin).list_delegation_requests()

    assert messages == ["Nobody implements iam:ListDelegationRequests in the lab."]


def test_a_condition_key_that_the_lab_does_not_fill_is_an_error_not_a_guess(served: Lab) -> None:
    world = served.reseed()
    served.client("iam", world.admin).put_user_policy(
        UserName="alice",
        PolicyName="e",
        PolicyDocument=policy(
            allow("sqs:*"), allow("kms:*", Condition={"Bool": {"kms:MultiRegion": "true"}})
        ),
    )

    with served.unanswered() as messages, pytest.raises(ClientError, match="NotImplementedInLab"):
        served.client("kms", world.bystander).create_key()

    assert "kms:multiregion" in messages[0]


def test_the_lab_listens_on_loopback_alone(lab: Lab) -> None:
    assert urlsplit(lab.endpoint).hostname == "127.0.0.1"
    port = urlsplit(lab.endpoint).port
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {f[1] for f in listening if f[3] == "0A" and int(f[1].split(":")[1], 16) == port}
    assert addresses == {f"0100007F:{port:04X}"}


@pytest.mark.usefixtures("lab")
def test_a_second_lab_in_one_process_is_refused() -> None:
    with pytest.raises(RefusedError, match="runs a lab already"):
        LabServer()


def test_connections_are_kept_alive(lab: Lab) -> None:
    connection = http.client.HTTPConnection(urlsplit(lab.endpoint).netloc, timeout=5)
    for _ in range(3):
        connection.request("GET", "/_lab/status")
        assert connection.getresponse().read()
        assert connection.sock is not None
    connection.close()


def test_a_connection_is_kept_alive_beside_many_that_idle(lab: Lab) -> None:
    netloc = urlsplit(lab.endpoint).netloc
    connections = [http.client.HTTPConnection(netloc, timeout=5) for _ in range(40)]
    for connection in connections:
        connection.request("GET", "/_lab/status")
        assert connection.getresponse().read()
    kept = [connection.sock is not None for connection in connections]
    for connection in connections:
        connection.close()

    assert all(kept)


def test_an_answer_to_head_tells_the_length_of_what_it_leaves_out(
    lab: Lab, world: World, tmp_path: Path
) -> None:
    s3 = lab.client("s3", world.admin)
    body = s3.get_object(Bucket=world.bucket, Key="config/app.json")["Body"].read()

    s3.download_file(world.bucket, "config/app.json", str(tmp_path / "app.json"))

    assert s3.head_object(Bucket=world.bucket, Key="config/app.json")["ContentLength"] == len(body)
    assert (tmp_path / "app.json").read_bytes() == body


def test_thirty_two_writers_lose_nothing(lab: Lab, world: World) -> None:
    def write(number: int) -> None:
        iam = lab.client("iam", world.admin)
        iam.create_user(UserName=f"w{number}")
        for name in ("a", "b"):
            iam.put_user_policy(
                UserName=f"w{number}", PolicyName=name, PolicyDocument=policy(allow("s3:*"))
            )

    def third_key(_number: int) -> bool:
        try:
            lab.client("iam", world.admin).create_access_key(UserName="w0")
        except ClientError as error:
            return error.response["Error"]["Code"] != "LimitExceeded"
        return True

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(write, range(32)))
        made = list(pool.map(third_key, range(32)))

    iam = lab.client("iam", world.admin)
    for number in range(32):
        assert iam.list_user_policies(UserName=f"w{number}")["PolicyNames"] == ["a", "b"]
    assert made.count(True) == 2


def test_of_several_objects_only_those_that_are_allowed_are_deleted(lab: Lab, world: World) -> None:
    s3 = lab.client("s3", world.admin)
    named = f"arn:aws:s3:::{world.bucket}/builds/*"
    lab.client("iam", world.admin).put_user_policy(
        UserName="alice", PolicyName="d", PolicyDocument=policy(allow("s3:DeleteObject", named))
    )
    keys = ["builds/web-1.4.2.tar.gz", "config/app.json"]

    answer = lab.client("s3", world.bystander).delete_objects(
        Bucket=world.bucket, Delete={"Objects": [{"Key": key} for key in keys]}
    )

    assert [one["Key"] for one in answer["Deleted"]] == ["builds/web-1.4.2.tar.gz"]
    assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [
        ("config/app.json", "AccessDenied")
    ]
    remaining = {one["Key"] for one in s3.list_objects_v2(Bucket=world.bucket)["Contents"]}
    assert "config/app.json" in remaining
    assert "builds/web-1.4.2.tar.gz" not in remaining
