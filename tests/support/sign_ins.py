"""Sign-ins that the lab gives on request, as the console and ``aws login`` give them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from containment.lab.scenario.world import Credentials

if TYPE_CHECKING:
    from containment.lab.testing import Lab

PASSWORD = "Right-100"


def lab_post(lab: Lab, name: str, **body: object) -> dict[str, Any]:
    """Make a control request of the lab."""
    request = Request(f"{lab.endpoint}/_lab/{name}", data=json.dumps(body).encode())
    with urlopen(request) as answer:
        return dict(json.load(answer))


def credentials_in(keys: dict[str, str]) -> Credentials:
    """Return the credentials that an answer holds."""
    return Credentials(keys["access_key_id"], keys["secret_access_key"], keys["session_token"])


def sign_in(lab: Lab, *, user: str = "ci-deploy", **more: str) -> Credentials:
    """Sign *user* in; with ``client="CLI"`` as ``aws login`` does."""
    account = lab.world.account
    body = {"account": account, "user": user, "password": PASSWORD, **more}
    return credentials_in(lab_post(lab, "sign-in", **body)["credentials"])


def sign_in_as_role(lab: Lab, session: Credentials, client: str = "CLI") -> Credentials:
    """Sign *session*, of a role, in to *client*, as from a console that it opened."""
    answer = lab_post(lab, "sign-in", access_key_id=session.access_key_id, client=client)
    return credentials_in(answer["credentials"])


def can_refresh(lab: Lab, token: Credentials) -> bool:
    """Tell whether the sign-in session of *token* still gives new ones."""
    try:
        lab_post(lab, "renew", access_key_id=token.access_key_id)
    except HTTPError as error:
        if "can no longer be refreshed" not in error.read().decode():
            raise
        return False
    return True
