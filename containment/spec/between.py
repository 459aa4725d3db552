"""What can be wrong between the parts of a spec that are right in themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.identities import Principal, parse_principal
from containment.spec.problems import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from containment.spec.target import Target

Identity = tuple[str, str, str, str]


def identity(principal: Principal) -> Identity:
    """Return what two ARNs of one principal have in common.

    Names are unique in an account whatever their path and capitals: IAM User Guide, "IAM
    identifiers".
    """
    return principal.partition, principal.account, principal.kind, principal.name.lower()


def across(
    targets: Sequence[tuple[int, Target]], break_glass: Sequence[str], limit: int
) -> Iterator[Problem]:
    """Yield what is wrong between *targets* (each with its place in the list) and the rest."""
    exempt = {identity(parse_principal(arn)) for arn in break_glass}
    first: dict[Identity, int] = {}
    keys: dict[str, int] = {}
    account: tuple[str, int] | None = None
    for index, target in targets:
        place = ("targets", index)
        # A key stands for some user; which one is only known once it is pinned.
        for key in (*target.leaked, *([target.access_key] if target.access_key else [])):
            if keys.setdefault(key, index) != index:
                yield Problem(
                    f"{shown(key)} is named by targets[{keys[key]}] already",
                    "each access key once",
                    "a key belongs to one user: keep it there",
                    place,
                    ("targets", keys[key]),
                )
        if target.access_key is not None:
            continue
        principal = target.principal
        who = identity(principal)
        if first.setdefault(who, index) != index:
            yield Problem(
                f"{principal.label} is named by targets[{first[who]}] already",
                "each principal once, at one rung",
                "keep one of them, with the stronger rung and with the leaked keys of both",
                place,
                ("targets", first[who]),
            )
        if who in exempt:
            yield Problem(
                f"{principal.label} is a break-glass principal and must stay usable",
                "a principal that is not in break_glass",
                "if it is compromised itself, remove it from break_glass and name another one",
                place,
            )
        where = f"{principal.partition}:{principal.account}"
        account = account or (where, index)
        if account[0] != where:
            yield Problem(
                f"{principal.label} is in another account than targets[{account[1]}]",
                f"targets in account {account[0].rpartition(':')[2]} only",
                "one stack works with the credentials of one account: "
                "write an incident of its own for the other",
                place,
            )
    if len(targets) > limit:
        yield Problem(
            f"{len(targets)} principals are more than the limit of {limit}",
            f"at most {limit}",
            "see that each of them is meant, then raise 'limits: {principals: …}'",
            ("targets",),
        )
