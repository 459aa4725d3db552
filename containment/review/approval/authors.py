"""Who made a change: whoever signed its commits, and whoever the forge says pushed them.

Git's author and committer are text that anybody may write, so they count for nothing. A signature
is a commit's own header over all else in it (git, Documentation/gitformat-signature).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import NotFoundError, RefusedError
from containment.text import counted, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from containment.review.approval.signers import Signers
    from containment.review.revisions import Repository

_GIT = "git"
_HEADER = b"gpgsig "
_BOT = "[bot]"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Authors:
    """Who made a change: *persons*, and the commits of which nobody signed one we know."""

    persons: frozenset[str]
    unsigned: tuple[str, ...] = ()


def authors_of(
    repository: Repository, base: str, head: str, signers: Signers, pushed_by: Sequence[str] = ()
) -> Authors:
    """Return who made the commits from *base* to *head*; *pushed_by* is who pushed any of them.

    Raises:
        NotFoundError: there is no commit between them, or they are too many to look at.
        RefusedError: one who pushed is nobody that *signers* lists.
    """
    commits = repository.commits_between(base, head)
    if not commits:
        raise NotFoundError(
            f"{base[:12]} holds all of {head[:12]} already, so nobody can tell what the change is",
            remedy="name as --base the revision that the protected branch had before it",
        )
    persons = {_person(name, signers) for name in pushed_by}
    unsigned: list[str] = []
    for commit in commits:
        signed, signature = _parted(repository.commit_object(commit))
        person = signers.signer(signed, signature, _GIT) if signature else None
        if person is None:
            unsigned.append(commit)
        else:
            persons.add(person)
    return Authors(frozenset(persons), tuple(unsigned))


def require_others(
    authors: Authors,
    approvers: Collection[str],
    signers: Signers,
    *,
    needed: int,
    bots: Collection[str],
    pushed: bool,
) -> None:
    """Refuse unless *needed* persons approve who are neither authors nor bots.

    Args:
        authors: who made the change.
        approvers: who approved it.
        signers: who may, by all of their names.
        needed: how many persons have to.
        bots: names that are no person's.
        pushed: whether somebody said who pushed what nobody signed.

    Raises:
        RefusedError: too few do, or nobody can tell who made a commit.
    """
    if authors.unsigned and not pushed:
        shown = ", ".join(commit[:12] for commit in authors.unsigned[:_SHOWN])
        raise RefusedError(
            f"nobody that {counted(len(authors.unsigned), 'commit')} of it ({shown}) is known of"
            " signed it, so its author cannot be told from its approver",
            remedy="sign commits by a key in allowed_signers, or let the pipeline say who pushed"
            " them with --pushed-by",
        )
    for person in approvers:
        if person in authors.persons:
            raise RefusedError(
                f"{plain(person)} made a part of the change and approves it as well",
                remedy="let somebody else approve it",
            )
        names = [name for name, one in signers.person_by_name.items() if one == person]
        if any(name.endswith(_BOT) or name in bots for name in names):
            raise RefusedError(
                f"{plain(person)} is no person, and a bot approves nothing",
                remedy="let a person approve it",
            )
    if len(set(approvers)) < needed:
        raise RefusedError(
            f"{counted(len(set(approvers)), 'person')} approved it, and the profile asks for"
            f" {needed}",
            remedy="let another person add theirs with 'containment review --approve FILE'",
        )


def _person(name: str, signers: Signers) -> str:
    person = signers.person_by_name.get(name)
    if person is None:
        raise RefusedError(
            f"who '{plain(name)}' is, who pushed it, is not known",
            remedy="write that login beside the person's other names in allowed_signers",
        )
    return person


def _parted(commit: bytes) -> tuple[bytes, str]:
    """Return what of *commit* is signed, and the signature; empty where there is none."""
    head, blank, message = commit.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(_HEADER) and not signature:
            inside = True
            signature.append(line.removeprefix(_HEADER))
        elif inside and line.startswith(b" "):
            signature.append(line[1:])
        else:
            inside = False
            kept.append(line)
    payload = b"\n".join(kept) + blank + message
    return payload, b"\n".join(signature).decode("ascii", "replace")
