"""An inventory that reads credentials out of the lab's state: asking is nine tenths of its cost."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from containment.lab.scenario import inventory
from containment.lab.state import moto_state
from containment.lab.testing import Lab


@contextmanager
def credentials_from_state(lab: Lab) -> Generator[None]:
    """Have every inventory of *lab*'s account read users' credentials, and not ask for them.

    A client of another account than the world's, or of somebody who may not see all, asks as ever.
    """
    listing: Any = inventory
    ask: Callable[[Any, str], Iterator[tuple[str, str]]] = listing._user

    def user_facts(iam: Any, name: str) -> Iterator[tuple[str, str]]:
        if iam._request_signer._credentials.access_key != lab.world.admin.access_key_id:
            return ask(iam, name)
        return _kept(moto_state.iam(lab.world.account).get_user(name))

    with mock.patch.object(listing, "_user", user_facts):
        yield


def _kept(user: Any) -> Iterator[tuple[str, str]]:
    """Yield of moto's *user* the facts that ``inventory`` yields, by the same names."""
    name = f"user {user.name}"
    entries = [
        *(
            ("access key", one.access_key_id, one.status, one.create_date)
            for one in user.access_keys
        ),
        *(
            (
                "service-specific credential",
                one["ServiceSpecificCredentialId"],
                one["Status"],
                one["CreateDate"],
            )
            for one in moto_state.service_credentials(user)
        ),
        *(
            ("SSH public key", one.ssh_public_key_id, one.status, one.upload_date)
            for one in user.ssh_public_keys
        ),
        *(
            ("signing certificate", one.id, one.status, one.upload_date)
            for one in user.signing_certificates.values()
        ),
    ]
    for word, identifier, status, made in entries:
        yield f"{name}, {word} {identifier}", status
        yield f"{name}, {word} {identifier}, made", _moment(made)
    if not user.password:
        yield f"{name}, login profile", "none"
        return
    yield f"{name}, login profile, UserName", user.name
    made = vars(user).get("password_created", user.create_date)
    yield f"{name}, login profile, CreateDate", _moment(made)
    yield f"{name}, login profile, PasswordResetRequired", str(bool(user.password_reset_required))


def _moment(when: datetime) -> str:
    return str(when.replace(microsecond=0, tzinfo=UTC))
