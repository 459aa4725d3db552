"""The lab answers local AWS clients alone, and calls nobody."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import io
import json
import threading
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from containment.lab.state import isolation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def send(
    lab: Lab, path: str, headers: dict[str, str], *, method: str = "GET", body: bytes = b""
) -> tuple[int, bytes]:
    """Send a request whose Host header is part of *headers*, or the lab's own."""
    connection = http.client.HTTPConnection(urlsplit(lab.endpoint).netloc, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    received = answer.status, answer.read()
    connection.close()
    return received


PATHS = ["/_lab/status", "/", "/artifacts-111122223333?list-type=2", "/_lab/nothing"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:80"},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "localhost.rebound.example"},
        {"Host": "127.0.0.1@rebound.example"},
        {"Host": "notlocalhost"},
        {"Host": ""},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Mode": "navigate"},
        {"sec-fetch-dest": "image"},
    ],
    ids=repr,
)
def test_a_web_page_and_a_foreign_host_are_refused_on_every_path(
    lab: Lab, path: str, headers: dict[str, str]
) -> None:
    before = lab.status()["requests"]

    status, body = send(lab, path, headers)

    assert (status, b"the lab answers" in body) == (403, True)
    assert lab.status()["requests"] == before


def test_a_web_page_changes_nothing(lab: Lab) -> None:
    status, _ = send(
        lab, "/_lab/reset", {"Origin": "https://elsewhere.example"}, method="POST", body=b"{}"
    )

    assert status == 403
    assert lab.status()["enforcement"] is True


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "bucket.localhost"])
def test_local_names_are_answered(lab: Lab, name: str) -> None:
    port = urlsplit(lab.endpoint).port

    assert send(lab, "/_lab/status", {"Host": f"{name}:{port}"})[0] == 200
    assert send(lab, "/_lab/status", {"Host": name})[0] == 200


def test_an_absolute_address_in_the_request_line_is_a_host_too(lab: Lab) -> None:
    assert send(lab, "http://rebound.example/_lab/status", {})[0] in {400, 403}


def test_worlds_have_other_secrets_each_time_unless_a_seed_is_given(lab: Lab) -> None:
    def secrets(body: dict[str, Any]) -> tuple[str, str]:
        answer = send(lab, "/_lab/seed", {}, method="POST", body=json.dumps(body).encode())[1]
        leaked = json.loads(answer)["leaked"]
        return leaked["access_key_id"], leaked["secret_access_key"]

    for world in ("company", "organisation"):
        asked = {"world": world}
        assert secrets(asked) != secrets(asked)
        assert secrets({**asked, "seed": 7}) == secrets({**asked, "seed": 7})


def test_an_empty_world_forgets_the_seed_of_the_one_before(lab: Lab) -> None:
    made: list[str] = []
    for _ in range(2):
        lab.reseed(seed=7)
        lab.reset()
        iam = lab.client("iam", Credentials("test", "test"))
        iam.create_user(UserName="a")
        made.append(iam.create_access_key(UserName="a")["AccessKey"]["SecretAccessKey"])
    assert made[0] != made[1]


HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1", HUGE, '"300"', "true", "null", "[]", "{}"],
)
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("trail", '{{"delay_s": {}}}'),
        ("clock", '{{"advance_s": {}}}'),
        ("seed", '{{"world": "company", "seed": {}}}'),
        ("seed", '{{"world": "organisation", "principals": {}}}'),
        ("faults", '[{{"kind": "lag", "seconds": {}}}]'),
        ("faults", '[{{"kind": "latency", "seconds": {}}}]'),
        ("faults", '[{{"kind": "throttle", "count": {}}}]'),
        ("faults", '[{{"kind": "throttle", "skip": {}}}]'),
        ("faults", '[{{"kind": "throttle", "probability": {}}}]'),
        ("faults", '[{{"kind": "throttle", "seed": {}}}]'),
    ],
)
def test_a_control_request_with_an_impossible_number_is_refused_and_changes_nothing(
    lab: Lab, world: World, name: str, body: str, number: str
) -> None:
    before = lab.status()

    status, answer = send(
        lab, f"/_lab/{name}", {}, method="POST", body=body.format(number).encode()
    )

    assert status == 400, answer
    assert json.loads(answer)["error"]
    after = lab.status()
    assert {k: v for k, v in after.items() if k != "clock"} == {
        k: v for k, v in before.items() if k != "clock"
    }
    assert lab.client("sts", world.admin).get_caller_identity()["Account"] == world.account


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"7", b"null", b"[" * 100_000, b'{"a": ', b'"text"', b'{"world": ["company"]}'],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize(
    "name", ["seed", "clock", "trail", "faults", "sign-in", "renew", "web-identity", "saml"]
)
def test_a_control_request_with_a_body_that_is_no_request_is_refused(
    lab: Lab, name: str, body: bytes
) -> None:
    assert send(lab, f"/_lab/{name}", {}, method="POST", body=body)[0] == 400
    assert lab.status()["evaluator_errors"] == 0


def test_the_clock_cannot_be_advanced_out_of_time_in_many_steps(lab: Lab) -> None:
    ten_years = json.dumps({"advance_s": 3600 * 24 * 3650}).encode()

    answers = [send(lab, "/_lab/clock", {}, method="POST", body=ten_years)[0] for _ in range(4)]

    assert answers == [200, 400, 400, 400]
    assert lab.status()["evaluator_errors"] == 0


def test_a_fault_of_an_unknown_scope_is_refused(lab: Lab) -> None:
    body = b'[{"kind": "lag", "seconds": 4, "scope": "everything"}]'

    assert send(lab, "/_lab/faults", {}, method="POST", body=body)[0] == 400


@pytest.mark.parametrize("address", ["me", "", "1.2.3.4.5", "10.0.0.0/8"])
def test_a_source_address_that_is_none_is_refused(lab: Lab, address: str) -> None:
    assert send(lab, "/", {"x-lab-source-ip": address})[0] == 403
    assert send(lab, "/_lab/status", {"x-lab-source-ip": "2001:db8::1"})[0] == 200


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Serve HTTP on loopback and note every request that arrives."""
    arrived: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_topic_reaches_a_queue_and_no_http_endpoint(lab: Lab, world: World) -> None:
    sns, sqs = lab.client("sns", world.admin), lab.client("sqs", world.admin)
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    with listener() as (address, arrived):
        web = sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint=f"{address}/hook", ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        sns.publish(TopicArn=topic, Message="hello")

    assert arrived == []
    assert "hello" in sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    # An endpoint that has not confirmed receives nothing (SNS Developer Guide).
    attributes = sns.get_subscription_attributes(SubscriptionArn=web)["Attributes"]
    assert attributes["PendingConfirmation"] == "true"


def code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return 1\n")
    return packed.getvalue()


def test_a_function_can_be_made_and_is_never_run(lab: Lab, world: World) -> None:
    functions = lab.client("lambda", world.admin)
    functions.create_function(
        FunctionName="f",
        Role=world.app_role,
        Runtime="python3.12",
        Handler="index.handler",
        Code={"ZipFile": code()},
    )

    with lab.unanswered() as answer, pytest.raises(ClientError, match="NotImplementedInLab"):
        functions.invoke(FunctionName="f")

    assert "runs no code" in answer[0]
    assert functions.get_function(FunctionName="f")["Configuration"]["FunctionName"] == "f"


def test_whatever_answers_a_call_cannot_reach_the_network_or_start_a_program() -> None:
    import socket  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    def connect(port: int) -> None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()

    reached: list[BaseException] = []

    def elsewhere(port: int) -> None:
        try:
            connect(port)
        except BaseException as error:  # noqa: BLE001 -- whatever stopped it
            reached.append(error)

    isolation.install()
    with listener() as (address, _):
        port = urlsplit(address).port or 0
        connect(port)  # outside a call everything is as ever
        with isolation.isolated():
            with pytest.raises(isolation.CalledOutError):
                connect(port)
            with pytest.raises(isolation.CalledOutError):
                socket.getaddrinfo("elsewhere.example", 80)
            with pytest.raises(isolation.CalledOutError):
                subprocess.run(["true"], check=False)
            thread = threading.Thread(target=elsewhere, args=(port,))
            thread.start()
            thread.join()
        connect(port)

    assert [type(error) for error in reached] == [isolation.CalledOutError]


def test_an_answer_that_called_out_is_an_error_even_if_the_attempt_was_swallowed(
    lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket  # noqa: PLC0415

    from moto.sns.models import SNSBackend  # noqa: PLC0415

    def list_and_call(*_: object, **__: object) -> tuple[list[object], None]:
        with contextlib.suppress(Exception):  # as a careless backend does
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        return [], None

    monkeypatch.setattr(SNSBackend, "list_topics", list_and_call)

    with lab.unanswered() as answer, pytest.raises(ClientError, match="NotImplementedInLab"):
        lab.client("sns", world.admin).list_topics()

    assert "calls nobody" in answer[0]
