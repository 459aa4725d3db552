"""Which techniques of MITRE ATT&CK the record shows, and what mitigates them.

Source: MITRE ATT&CK, Enterprise matrix (cloud): the techniques and mitigations named below. Only
what the record shows is named: a technique without a trace in it is no claim of the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Technique:
    """One technique, and the mitigation that the matrix names for it."""

    technique_id: str
    name: str
    mitigation: str
    action: str


_VALID = Technique(
    "T1078.004",
    "Valid Accounts: Cloud Accounts",
    "M1018 User Account Management",
    "give the workload temporary credentials in place of the leaked ones",
)
_IN_FILES = Technique(
    "T1552.001",
    "Unsecured Credentials: Credentials In Files",
    "M1047 Audit",
    "scan sources and their history for credentials, and block pushes that hold one",
)
_ADDED = Technique(
    "T1098.001",
    "Account Manipulation: Additional Cloud Credentials",
    "M1026 Privileged Account Management",
    "take the right to make credentials from identities that do not need it",
)
_CREATED = Technique(
    "T1136.003",
    "Create Account: Cloud Account",
    "M1026 Privileged Account Management",
    "take the right to make users and roles from identities that do not need it",
)
_ELEVATED = Technique(
    "T1548.005",
    "Abuse Elevation Control Mechanism: Temporary Elevated Cloud Access",
    "M1018 User Account Management",
    "narrow who may take up each role, in its trust policy",
)
_BY_CAUSE: Mapping[str, Technique] = {"exposed-in-source": _IN_FILES}
_BY_KIND: Mapping[str, Technique] = {
    "access_key": _ADDED,
    "service_specific_credential": _ADDED,
    "ssh_public_key": _ADDED,
    "signing_certificate": _ADDED,
    "login_profile": _ADDED,
    "user": _CREATED,
    "role": _CREATED,
    "session": _ELEVATED,
}


def shown_by(cause: str, kinds: Iterable[tuple[str, bool]]) -> tuple[Technique, ...]:
    """Return the techniques that a *cause* and the descendants show.

    Args:
        cause: how the credential got out, in the spec's words.
        kinds: of each descendant its kind, and whether it is a session.
    """
    techniques = [_VALID]
    if cause in _BY_CAUSE:
        techniques.append(_BY_CAUSE[cause])
    for kind, is_session in kinds:
        technique = _ELEVATED if is_session else _BY_KIND.get(kind)
        if technique is not None:
            techniques.append(technique)
    return tuple(dict.fromkeys(techniques))
