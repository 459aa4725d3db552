"""Every operation of the locked botocore that issues or revokes credentials is in the table."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, get_args

import botocore
import msgspec
import pytest

from containment.aws.issuers import NOT_DOCUMENTED, ActsAs, Table, table

pytestmark = pytest.mark.plain

# Members of an answer that hold the secret half of something.
SECRETS = frozenset(
    {
        "secretaccesskey",
        "secretkey",
        "sessiontoken",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authorizationtoken",
        "authtoken",
        "bearertoken",
        "webidentitytoken",
        "workloadaccesstoken",
        "servicepassword",
        "servicecredentialsecret",
        "dbpassword",
        "passworddata",
        "privatekeybase64",
        "keymaterial",
        "clitoken",
        "webtoken",
        "tokenvalue",
        "activationcode",
        "secretstring",
        "signintoken",
    }
)
# Operations that say so by their names, whatever they answer.
CREDENTIAL = re.compile(
    r"(AccessKeys?|Credentials?|LoginProfile|SSHPublicKey|SshPublicKey|SigningCertificate|"
    r"AccessTokens?|AuthToken|BearerToken|OAuth2?Tokens?|FederationToken|SessionToken|"
    r"DelegatedAccessToken|RoleFor[A-Z]\w*|AssumeRo\w+|Activation|AccessEntry|AccountAssignment|"
    r"TrustAnchor|MFADevice|OpenIDConnectProvider|SAMLProvider|KeysAndCertificate|KeyPair|"
    r"Sessions?|Password|RootSessions)$"
)
CHANGING = re.compile(
    r"(Create|Generate|Issue|Reset|Rotate|Renew|Refresh|Update|Delete|Revoke|Disable|Deactivate|"
    r"Enable|Upload|Import|Register|Send|Assume|Exchange|Start|Terminate|Logout|Invalidate|Change|"
    r"Admin|Associate|Disassociate)"
)
# Their limit in the model is wider than the setting of a role allows: 1 hour to 12 hours.
DECIDED_BY_THE_ROLE = frozenset(
    {"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}
)
# The trust policy of a role is a credential in all but name.
BY_KNOWLEDGE = frozenset({"iam:UpdateAssumeRolePolicy"})


class Target(msgspec.Struct):
    shape: str


class Shape(msgspec.Struct):
    type: str
    members: dict[str, Target] = {}
    member: Target | None = None
    value: Target | None = None
    max: float | None = None


class Operation(msgspec.Struct):
    input: Target | None = None
    output: Target | None = None


class Model(msgspec.Struct):
    """What matters here of a service's model; documentation is left out."""

    operations: dict[str, Operation]
    shapes: dict[str, Shape]


def hands_out(model: Model, output: Target) -> bool:
    """Tell whether an answer holds a secret, however deep."""
    visited: set[str] = set()
    waiting = [output.shape]
    while waiting:
        name = waiting.pop()
        if name in visited:
            continue
        visited.add(name)
        shape = model.shapes[name]
        for member, target in shape.members.items():
            kind = model.shapes[target.shape].type
            if member.lower() in SECRETS and kind in {"string", "blob"}:
                return True
            waiting.append(target.shape)
        waiting += [part.shape for part in (shape.member, shape.value) if part is not None]
    return False


def candidates(service: str, model: Model) -> set[str]:
    """Return the operations of a service that look as if they issued or revoked a credential."""
    return {
        f"{service}:{name}"
        for name, operation in model.operations.items()
        if (CHANGING.match(name) and CREDENTIAL.search(name))
        or (operation.output is not None and hands_out(model, operation.output))
    }


@cache
def models() -> dict[str, Model]:
    """Return the newest model of every service that botocore knows."""
    decoder = msgspec.json.Decoder(Model)
    by_service = {}
    for service in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        versions = sorted(service.glob("*/service-2.json.gz"))
        if versions:
            by_service[service.name] = decoder.decode(gzip.decompress(versions[-1].read_bytes()))
    return by_service


def unnamed(issuer_table: Table, candidates_found: set[str]) -> set[str]:
    named_operations = {row.operation for row in issuer_table.issuers} | {
        row.operation for row in issuer_table.revokers
    }
    named_operations |= set(issuer_table.others)
    return candidates_found - named_operations


def test_every_operation_that_issues_or_revokes_is_named() -> None:
    operations = {one for service, model in models().items() for one in candidates(service, model)}

    assert len(operations) > 200
    assert unnamed(table(), operations) == set(), "name them in containment/aws/issuers.toml"
    # And nothing is named that botocore does not have, or twice.
    named = Counter(
        [row.operation for row in table().issuers]
        + [row.operation for row in table().revokers]
        + list(table().others)
    )
    assert [one for one, times in named.items() if times > 1] == []
    assert set(named) - operations <= BY_KNOWLEDGE
    for one in BY_KNOWLEDGE:
        service, _, operation = one.partition(":")
        assert operation in models()[service].operations


def test_every_row_is_whole() -> None:
    for row in table().issuers:
        for column in (row.issues, row.contained_by, row.longest_life, row.source, row.seen):
            assert column.strip(), row
        assert row.acts_as in get_args(ActsAs), row
        assert row.longest_life != NOT_DOCUMENTED or row.seconds is None, row


def longest_in(model: Model, operation: str) -> int | None:
    """Return the most seconds that a model lets whoever calls *operation* ask for."""
    asked = model.operations[operation].input
    members = model.shapes[asked.shape].members if asked else {}
    limits = [
        model.shapes[target.shape].max
        for name, target in members.items()
        if re.fullmatch(r"(session)?duration(in)?seconds", name.lower())
    ]
    return max((int(limit) for limit in limits if limit), default=None)


def test_no_life_in_the_table_is_shorter_than_what_the_model_lets_one_ask_for() -> None:
    compared = 0
    for row in table().issuers:
        service, _, operation = row.operation.partition(":")
        limit = longest_in(models()[service], operation)
        if limit is None or row.operation in DECIDED_BY_THE_ROLE:
            continue
        compared += 1
        assert row.seconds is not None, row
        assert row.seconds >= limit, row

    assert compared > 8


@pytest.mark.parametrize(
    ("operation", "output"),
    [
        ("GetScopedCredentials", {"secretAccessKey": {"shape": "Text"}}),
        ("MakeSomething", {"Inner": {"shape": "Nested"}}),
        ("ResetLoginProfile", {}),
        ("RevokeAccessToken", {}),
    ],
)
def test_a_new_operation_of_a_newer_botocore_would_be_noticed(
    operation: str, output: dict[str, Any]
) -> None:
    model = msgspec.convert(
        {
            "operations": {operation: {"output": {"shape": "Out"}}, "ListThings": {}},
            "shapes": {
                "Out": {"type": "structure", "members": output},
                "Nested": {"type": "list", "member": {"shape": "Deep"}},
                "Deep": {"type": "structure", "members": {"SessionToken": {"shape": "Text"}}},
                "Text": {"type": "string"},
            },
        },
        Model,
    )

    assert unnamed(table(), candidates("new", model)) == {f"new:{operation}"}
