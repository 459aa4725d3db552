"""Names and documents of an attacker, shown by the real engine in colour on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import BIN, STACK, Project, spec

pytestmark = pytest.mark.engine

# IAM's pattern of a path lets all of this through.
PATH = "/<{%x%}>/<{%fg/{%\"'`$(id)|<script>${*}*?::error::/##[error]\\x1b[2J/"
# A document may hold any Latin-1, and JSON's escapes of everything else.
TRUST = """{
 "Version": "2012-10-17",
 "Statement": [
  {"Sid": "Given", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:root"},
   "Action": "sts:AssumeRole",
   "Condition": {"StringNotLike": {
     "aws:RequestTag/\\u003c{%%x%%}>\\u001b]0;owned\\u0007":
      ["\\u001b[2J\\u202egpj", "\x9b2J<{%%fg 1%%}>"],
     "aws:RequestTag/::error::owned": "\\n::error::owned"}}}
 ]
}"""
# What the engine's display itself writes: colours, the cursor, its own frame.
ITS_OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|\t|\x08")


def on_terminal(project: Project, *command: str) -> str:
    """Run *command* on a terminal in colour and return what it showed; it has to succeed."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]],
        cwd=project.folder,
        env={**project.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    try:
        while more := os.read(controller, 65536):
            shown += more
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(controller)
    text = shown.decode()
    assert process.wait(timeout=60) == 0, text
    return text


def harmless(shown: str) -> None:
    """Hold that nothing of the attacker's acts in what was shown."""
    assert "panic" not in shown
    assert "<{%" not in shown
    rest = ITS_OWN.sub("", shown)
    assert [char for char in rest if ord(char) < 32 or 0x7F <= ord(char) < 0xA0] == []
    assert "\u202e" not in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert [line for line in re.split(r"[\r\n]+", plain) if line.lstrip().startswith("::")] == []
    assert "##[" not in plain


def test_no_name_or_document_acts_on_the_engine_or_the_terminal_and_all_comes_back(
    project: Project, lab: Lab
) -> None:
    admin = lab.client("iam", lab.world.admin)
    account = lab.world.ci_user.split(":")[4]
    user = admin.create_user(
        UserName="mallory", Path=PATH, Tags=[{"Key": "a\u2028b", "Value": "\u00a0=1"}]
    )["User"]["Arn"]
    key = admin.create_access_key(UserName="mallory")["AccessKey"]["AccessKeyId"]
    role = admin.create_role(
        RoleName="mallet", Path=PATH, AssumeRolePolicyDocument=TRUST % account
    )["Role"]["Arn"]
    before = inventory.take(admin)
    harmless(on_terminal(project, "containment", "resolve", key))
    for named in (key, role):  # as YAML
        harmless(on_terminal(project, "containment", "open", "--dry-run", named))
    quoted = [
        json.dumps({"user": user}),
        json.dumps({"role": role, "rung": "close-trust"}),
    ]
    project.spec(spec(*quoted, disposition="false-positive"))

    harmless(on_terminal(project, "pulumi", "up", "--diff", "--yes"))
    admin.delete_user_policy(UserName="mallory", PolicyName=f"containment-{STACK}")
    admin.update_assume_role_policy(RoleName="mallet", PolicyDocument=TRUST % account)
    harmless(on_terminal(project, "containment", "preview"))
    harmless(on_terminal(project, "containment", "up", "--yes"))
    harmless(on_terminal(project, "containment", "status"))
    denies = admin.list_user_policies(UserName="mallory")["PolicyNames"]
    assert denies == [f"containment-{STACK}"]
    harmless(on_terminal(project, "containment", "lift", "--preview"))
    harmless(on_terminal(project, "pulumi", "destroy", "--diff", "--yes"))

    assert inventory.changes(before, inventory.take(admin)) == []
