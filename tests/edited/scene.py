"""A company that was contained once, and is put back as it was then before each edited run."""

from __future__ import annotations

import copy
import pickle
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from containment.aws.clients import Clients, connect
from containment.aws.consistency import eventually
from containment.lab.scenario import inventory
from containment.lab.scenario.company import ACCOUNT
from containment.lab.state import moto_state
from containment.lab.testing import Lab
from containment.lifecycle import workplace
from tests.edited.stack import Company

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


class Account:
    """The account of a lab in this process, as it is now."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._identities = copy.deepcopy(vars(moto_state.iam(ACCOUNT)))

    def put_back(self) -> None:
        """Have the account be as it was."""
        backend = vars(moto_state.iam(ACCOUNT))
        backend.clear()
        backend.update(copy.deepcopy(self._identities))
        self._lab.gate.facts.clear()


class Scene:
    """Contains a company, and hands it out as often as it is asked for, each time the same.

    To contain and to connect take most of a run's time, and are the same for all.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._contained = Company(lab, folder / "contained")
        self._contained.folder.mkdir()
        self._contained.contain()
        lab.advance(3600)  # what was issued before it is denied now, whenever a run is
        self._account = Account(lab)

    def company(self, folder: Path) -> Company:
        """Return the company in the empty *folder*, its account as it was once contained."""
        self._account.put_back()
        shutil.copytree(self._contained.folder, folder, dirs_exist_ok=True)
        stacks = {name: stack.copied(folder) for name, stack in self._contained.stacks.items()}
        return Company(self._lab, folder, stacks, self._contained.before, self._contained.contained)


@contextmanager
def connected_once() -> Generator[None]:
    """Let the provider's calls share their clients for the length of a block, and wait for nothing.

    Nothing of a run is in them but the incident's name and the switch that stops them. What an
    inventory has read of a user is read again only where anything of that user is another. What a
    lift waits for does not come: nothing else runs, so to ask again is all the waiting there is.
    """
    users: dict[bytes, dict[str, str]] = {}
    read_anew = inventory._user  # a third of a run is spent in it

    def read_once(iam: IAMClient, name: str) -> dict[str, str]:
        key = pickle.dumps(moto_state.iam(ACCOUNT).users[name])
        if key not in users:
            users[key] = dict(read_anew(iam, name))
        return users[key]

    @cache
    def shared(incident: str | None, region: str | None, role_arn: str | None) -> Clients:
        return connect(incident=incident, region=region, role_arn=role_arn)

    def connects(*, cancelled: object = None, **to: Any) -> Clients:
        del cancelled
        return shared(to["incident"], to["region"], to["role_arn"])

    with (
        mock.patch.object(workplace, "connect", connects),
        mock.patch.dict(eventually.__kwdefaults__ or {}, sleep=lambda _seconds: None),
        mock.patch.object(inventory, "_user", read_once),
    ):
        yield
