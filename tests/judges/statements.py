"""Random policies: each meant to allow a case, to deny it, or to be silent about it."""

from __future__ import annotations

from random import Random
from typing import Any, Literal

from tests.judges.case import Case, Document
from tests.judges.conditions import one_condition
from tests.judges.scenes import HOME, OTHER

Aim = Literal["allow", "deny", "silent", "free"]
Part = dict[str, Any]

_OTHER_ACTIONS = (
    "ec2:RunInstances",
    "s3:DeleteObject",
    "sqs:ReceiveMessage",
    "iam:Put*",
    "kms:Encrypt",
    "lambda:Invoke*",
    "sts:GetFederationToken",
)
_OTHER_RESOURCES = (
    "arn:aws:s3:::another-bucket/*",
    "arn:aws:sqs:us-east-1:*:other-*",
    "arn:aws:iam::*:role/Nobody",
    "arn:aws:dynamodb:eu-west-1:111122223333:table/Orders",
    "arn:aws:s3:::company-artifacts/builds/${aws:PrincipalTag/nosuch}/*",
)


def policy(rng: Random, case: Case, layer: str, aim: Aim) -> Document:
    """Return a policy for *layer* that says what *aim* wants about *case*."""
    made: list[Part] = []
    if aim == "free":
        made = [
            _statement(rng, case, layer, _effect(rng, layer, 0.7), hit=rng.random() < 0.6)
            for _ in range(rng.randint(1, 3))
        ]
    else:
        if aim in {"allow", "deny"} and layer != "resource_control":
            made.append(_statement(rng, case, layer, "Allow", hit=True))
        if aim == "deny":
            made.append(_statement(rng, case, layer, "Deny", hit=True))
        while not made or rng.random() < 0.4:
            made.append(_statement(rng, case, layer, _effect(rng, layer, 0.6), hit=False))
    rng.shuffle(made)
    single = len(made) == 1 and rng.random() < 0.3
    # Without a version, or with the older one, "${" is no variable; both are rare.
    version = rng.choices(["2012-10-17", "2008-10-17"], [9985, 15])[0]
    if layer == "resource_control":
        version = "2012-10-17"  # the only one that Organizations takes
    return {"Version": version, "Statement": made[0] if single else made}


def _effect(rng: Random, layer: str, allowing: float) -> str:
    return "Allow" if layer != "resource_control" and rng.random() < allowing else "Deny"


def _statement(rng: Random, case: Case, layer: str, effect: str, *, hit: bool) -> Part:
    """Return a statement of which every element matches, or at least one does not."""
    elements = ["action", "condition"]
    if not (layer == "resource" and case.mix == "trust"):
        elements.append("target")
    if layer == "resource":
        elements.append("principal")
    missing = "" if hit else rng.choice(elements)
    matching = {element: element != missing and (hit or rng.random() < 0.8) for element in elements}
    statement: Part = {"Effect": effect}
    if layer == "resource":
        statement |= _principal(rng, case, effect, hit=matching["principal"])
    elif layer == "resource_control":
        statement["Principal"] = "*"
    statement |= _action(rng, case, layer, hit=matching["action"])
    if "target" in elements:
        statement |= _target(rng, case, layer, hit=matching["target"])
    if conditions := _conditions(rng, case, hit=matching["condition"]):
        statement["Condition"] = conditions
    return statement


def _action(rng: Random, case: Case, layer: str, *, hit: bool) -> Part:
    service, _, verb = case.action.partition(":")
    others = rng.sample([one for one in _OTHER_ACTIONS if one != case.action], rng.randint(1, 2))
    if layer == "resource_control":
        others = [one for one in others if one[:3] in {"s3:", "sqs", "kms", "sts"}]
        others = others or ["s3:DeleteObject"]
    own = rng.choice(
        [
            case.action,
            case.action,
            f"{service}:*",
            f"{service}:{verb[:3]}*",
            f"{service}:*{verb[-4:]}",
            f"{service}:?{verb[1:]}",
            f"{service}:{verb.lower()}",
            f"{service}:*" if layer in {"resource", "resource_control"} else "*",
        ]
    )
    inverted = layer != "resource_control" and rng.random() < 0.12
    if inverted:
        return {"NotAction": others if hit else [own, *others]}
    if not hit:
        return {"Action": others if len(others) > 1 else others[0]}
    return {"Action": own if rng.random() < 0.6 else [*others, own]}


def _target(rng: Random, case: Case, layer: str, *, hit: bool) -> Part:
    inverted = rng.random() < 0.15
    # Rare beside NotResource, where a judge is known to read it in another way.
    variables = layer != "resource" and (not inverted or rng.random() < 0.003)
    others = [one for one in _OTHER_RESOURCES if variables or "${" not in one]
    others = rng.sample(others, rng.randint(1, 2))
    own = rng.choice(_own_targets(case))
    if layer != "resource_control" and case.target != "*" and rng.random() < 0.05:
        own = f"arn:aws:{case.target.split(':')[2]}:*"  # short of some colons
    if inverted and own != "*":
        return {"NotResource": others if hit else [own, *others]}
    if not hit:
        return {"Resource": others if len(others) > 1 else others[0]}
    return {"Resource": own if rng.random() < 0.6 else [*others, own]}


def _own_targets(case: Case) -> list[str]:
    target = case.target
    if target == "*":
        return ["*"]
    head, middle, tail = target[:-4], target.rpartition(":")[0], target.rpartition("/")[2]
    targets = ["*", target, target, f"{head}*", f"{target[:-1]}?", f"{middle}:*"]
    targets.append(target.replace("arn:aws:", "arn:*:"))
    if tail != target:
        targets.append(f"{target[: -len(tail)]}*{tail[-2:]}")
    if case.target_account in target:
        targets.append(target.replace(case.target_account, "*"))
    for key in ("aws:username", "aws:PrincipalTag/team"):
        value = case.context.get(key)
        if isinstance(value, str) and f"/{value}" in target:
            targets += [target.replace(f"/{value}", f"/${{{key}}}")] * 3
    if "/red/" in target:
        targets.append(target.replace("/red/", "/${aws:PrincipalTag/nosuch, 'red'}/"))
    return targets


def _principal(rng: Random, case: Case, effect: str, *, hit: bool) -> Part:
    account = [f"arn:aws:iam::{case.account}:root", case.account]
    # NotPrincipal is for Deny alone, and for no trust policy ("AWS JSON policy elements:
    # NotPrincipal"); the page wants the account named beside the principal.
    if effect == "Deny" and case.mix != "trust" and rng.random() < 0.05:
        named = [case.arn, account[0], *([case.issuer] if case.issuer else [])]
        return {"NotPrincipal": {"AWS": [f"arn:aws:iam::{OTHER}:root"] if hit else named}}
    others = [
        f"arn:aws:iam::{OTHER}:root",
        f"arn:aws:iam::{HOME}:user/somebody-else",
        f"arn:aws:iam::{OTHER}:role/ci/Nobody",
    ]
    if not hit:
        if rng.random() < 0.2:
            return {"Principal": {"Service": "lambda.amazonaws.com"}}
        return {"Principal": {"AWS": rng.sample(others, rng.randint(1, 2))}}
    own = rng.choice([case.arn, case.issuer or case.arn, *account, "*", "everyone"])
    if own == "everyone":
        return {"Principal": "*"}
    return {"Principal": {"AWS": own if rng.random() < 0.6 else [rng.choice(others), own]}}


def _conditions(rng: Random, case: Case, *, hit: bool) -> Part:
    block: Part = {}
    number = rng.choices([0, 1, 2], [50, 35, 15] if hit else [0, 65, 35])[0]
    for index in range(number):
        operator, key, value = one_condition(rng, case, hit=hit or index > 0)
        if operator in block and operator.startswith("ForAnyValue"):
            continue  # one judge takes the keys of one such operator for alternatives
        if rng.random() < 0.05:
            key = key.upper()  # the names of keys are not case-sensitive
        block.setdefault(operator, {})[key] = value
    return block
