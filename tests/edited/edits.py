"""Edits of a state or a ledger, as whoever can write one would make them: drawn by a seed."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from tests.edited.stack import CONFIRMED, MISTAKEN, Company, Entry

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
OPEN = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},'
    '"Action":"sts:AssumeRole"}]}'
)


def strangers(company: Company) -> list[tuple[str, str]]:
    """Return the ARN and unique id of those whom no spec names."""
    world = company.lab.world
    iam = company.lab.client("iam", world.admin)
    pairs: list[tuple[str, str]] = []
    for arn in (
        world.bystander_user,
        world.bystander_role,
        world.break_glass_role,
        world.responder_role,
        world.responder_user,
    ):
        name = arn.rpartition("/")[2]
        if ":user/" in arn:
            pairs.append((arn, iam.get_user(UserName=name)["User"]["UserId"]))
        else:
            pairs.append((arn, iam.get_role(RoleName=name)["Role"]["RoleId"]))
    return pairs


def edit(company: Company, incident: str, entries: list[Entry], random: Random) -> str:
    """Edit *entries*, the state of *incident*, in one way; return which."""
    if not entries:
        return "nothing left to edit"
    kinds = (
        *(_field, _field, _field, _another_principal, _inject, _foreign, _drop, _order, _kind),
        *(_inject_whole, _inject_whole),
    )
    return random.choice(kinds)(company, incident, entries, random)


def edit_ledger(company: Company, incident: str, random: Random) -> str:
    """Edit the ledger of *incident* in one way, with a whole chain; return which."""
    entries = company.ledger(incident)
    snapshots = [entry for entry in entries if entry.get("kind") == "snapshot"]
    what = random.choice(("facts", "whom", "foreign", "drop"))
    chosen = random.choice(snapshots)
    if what == "facts":
        what += " " + _edited(company, chosen["facts"], random)
    elif what == "whom":
        arn, unique_id = random.choice(strangers(company))
        chosen |= {"principal": arn, "unique_id": unique_id}
        chosen["facts"] |= {"principal": arn, "principalId": unique_id}
    elif what == "foreign":
        other = MISTAKEN if incident == CONFIRMED else CONFIRMED
        taken = [e for e in company.ledger(other) if e.get("kind") == "snapshot"]
        entries += [{**entry, "incident": incident} for entry in taken]
    else:
        entries.remove(random.choice(entries))
    company.ledger_edited(incident, entries)
    return f"ledger: {what}"


def _field(company: Company, _incident: str, entries: list[Entry], random: Random) -> str:
    entry = random.choice(entries)
    return f"{entry.kind}: {_edited(company, entry.values, random)}"


def _edited(company: Company, values: dict[str, Any], random: Random) -> str:
    world = company.lab.world
    keys = [
        world.leaked.access_key_id,
        world.release_key.access_key_id,
        world.release_inactive_key_id,
        world.bystander.access_key_id,
    ]
    statuses = [{"accessKeyId": key, "status": "Active"} for key in keys]
    other_key = {"kind": "SSH public key", "credentialId": "APKAEXAMPLEEXAMPLE00"}
    lift = dict(values.get("lift") or {})
    other = random.choice(strangers(company))
    chosen: dict[str, list[Any]] = {
        "accessKeys": [statuses, [], statuses[:1], [{**statuses[0], "saidBy": None}]],
        "held": [keys, []],
        "which": ["all", "leaked"],
        "attachedPolicies": [[ADMINISTRATOR], []],
        "swapped": [[ADMINISTRATOR], []],
        "placement": ["AWSDenyAll", "inline", None],
        "trustPolicy": [OPEN, "{}", "not a policy"],
        "breakGlass": [[other[0]], [], ["*"]],
        "scope": ["all", "issued-before", "sessions"],
        "sessions": [[{"name": "web-7f9c"}], [{"sourceIp": "0.0.0.0/1"}], []],
        "issuedBefore": ["2030-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "soon", None],
        "generation": [0, 101559956668415, -1, None],
        "snapshotId": ["0000000000", "", None],
        "principalId": [other[1], "AIDAEXAMPLEEXAMPLE00", ""],
        "principal": [other[0], world.release_user, world.ci_user, world.app_role],
        "incident": [CONFIRMED, MISTAKEN, "../x", ""],
        "endpoint": ["", "https://iam.amazonaws.com"],
        "live": ["missing", "altered", "applied", "unknown"],
        "lift": [
            {**lift, "spec": f"stacks/{MISTAKEN}.yaml"},
            {**lift, "spec": "/etc/passwd"},
            {**lift, "disposition": "false-positive"},
            {**lift, "leaked": []},
            {**lift, "leaked": [keys[-1]]},
            {
                **lift,
                "hold": False,
                "disposition": "false-positive",
                "spec": f"stacks/{MISTAKEN}.yaml",
            },
            {**lift, "compromisedAt": "2030-01-01T00:00:00Z"},
            {},
        ],
        "cohort": [[other[0]], []],
        "closedButFor": [[other[0]], None],
        "tags": [{}],
        "ledger": [None],
        "marginS": [0, 10**6],
        "otherCredentials": [[{**other_key, "status": "Active"}], []],
        "profile": ["00" * 32],
    }
    name = random.choice(sorted(chosen))
    values[name] = copy.deepcopy(random.choice(chosen[name]))
    if values[name] is None:
        del values[name]
    return f"{name} = {str(values.get(name))[:80]}"


def _another_principal(
    company: Company, _incident: str, entries: list[Entry], random: Random
) -> str:
    entry = random.choice(entries)
    arn, unique_id = random.choice(strangers(company))
    entry.values["principalId"] = unique_id
    if random.random() < 0.7:
        entry.values["principal"] = arn
    return f"{entry.kind}: is {arn}"


def _inject(company: Company, incident: str, entries: list[Entry], random: Random) -> str:
    template = copy.deepcopy(random.choice(entries))
    arn, unique_id = random.choice(strangers(company))
    template.values |= {"principal": arn, "principalId": unique_id}
    template.id = f"{incident}/{arn}"
    template.urn = f"{template.urn.rpartition('::')[0]}::x"
    entries.insert(random.randrange(len(entries) + 1), template)
    return f"injected {template.kind} of {arn}"


def _inject_whole(company: Company, incident: str, entries: list[Entry], random: Random) -> str:
    """Add to the state all that would be there of a stranger, had the incident contained them."""
    world = company.lab.world
    arn, unique_id = random.choice(strangers(company))
    kind = "user" if ":user/" in arn else "role"
    mark = f":{kind}/"
    before = {
        "accessKeys": [{"accessKeyId": world.bystander.access_key_id, "status": "Active"}],
        "held": [world.bystander.access_key_id],
        "attachedPolicies": [ADMINISTRATOR],
        "swapped": [ADMINISTRATOR],
        "trustPolicy": OPEN,
    }
    for entry in [one for one in entries if mark in str(one.values.get("principal"))]:
        added = copy.deepcopy(entry)
        edited = {name: value for name, value in before.items() if name in added.values}
        added.values |= {**edited, "principal": arn, "principalId": unique_id}
        added.id = f"{incident}/{arn}"
        label = f"{world.account}/{kind}/{arn.rpartition('/')[2]}"
        added.urn = f"{entry.urn.rpartition('::')[0]}::{label}"
        entries.append(added)
    return f"all that there would be of {arn}"


def _foreign(company: Company, incident: str, entries: list[Entry], random: Random) -> str:
    other = MISTAKEN if incident == CONFIRMED else CONFIRMED
    taken = copy.deepcopy(random.choice(company.stacks[other].entries))
    if random.random() < 0.5:
        taken.urn = taken.urn.replace(other, incident)
    if random.random() < 0.3:
        taken.values["incident"] = incident
    entries.append(taken)
    return f"{taken.kind} of {other}"


def _drop(_company: Company, _incident: str, entries: list[Entry], random: Random) -> str:
    dropped = entries.pop(random.randrange(len(entries)))
    return f"without {dropped.kind}"


def _order(_company: Company, _incident: str, entries: list[Entry], random: Random) -> str:
    random.shuffle(entries)
    return "shuffled"


def _kind(_company: Company, _incident: str, entries: list[Entry], random: Random) -> str:
    entry, like = random.choice(entries), random.choice(entries)
    entry.kind = like.kind
    return f"an entry calls itself {like.kind}"
