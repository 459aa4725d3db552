"""Which record is meant, and who adds to it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

from containment.clock import utc_now
from containment.errors import NotFoundError, SpecError
from containment.profile import load
from containment.record import open_record
from containment.run import project

if TYPE_CHECKING:
    from containment.record import Record
    from containment.run.project import Project


def begin_record(named: str | None) -> tuple[Project, str, Record]:
    """Return the project, the incident that is meant, and its record.

    Raises:
        NotFoundError: nobody says which incident, or nobody opened it: its name may be a slip.
        SpecError: the name can be none.
    """
    this_project = project.find(Path.cwd())
    incident = project.choose(named, this_project.incidents, None)
    settings = load(this_project.root).ledger
    record = open_record(settings, this_project.root, incident, now=utc_now)
    is_opened = incident in {*this_project.incidents, *this_project.configured}
    if not is_opened and record.read().verdict == "none":
        raise NotFoundError(
            f"there is no spec stacks/{incident}.yaml, and no record of {incident}",
            remedy="see stacks/ for its name, or open it with 'containment open'",
        )
    return this_project, incident, record


def this_user() -> str:
    """Return the name of who runs this, as the machine knows it and no variable says otherwise.

    Raises:
        SpecError: it has none.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise SpecError(
            "this machine has no name for you", remedy="say who you are with --by"
        ) from None
