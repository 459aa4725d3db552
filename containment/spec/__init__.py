"""The incident spec: what it may say, how it is read, written and published.

``load`` is the way in; it raises one error that names every problem with file, line and field.
"""

from containment.spec.between import identity
from containment.spec.emitting import emit, target_lines
from containment.spec.fields import moment_text
from containment.spec.incident import Guard, IncidentSpec, Limits
from containment.spec.loading import load
from containment.spec.problems import Problem, SpecProblemsError
from containment.spec.target import Session, Target
from containment.spec.terms import (
    LiftTerms,
    TermsInFile,
    lift_terms,
    pin,
    target_for,
    terms_in_file,
)
from containment.spec.vocabulary import Cause, Disposition, GuardMode, Rung, Severity

__all__ = [
    "Cause",
    "Disposition",
    "Guard",
    "GuardMode",
    "IncidentSpec",
    "LiftTerms",
    "Limits",
    "Problem",
    "Rung",
    "Session",
    "Severity",
    "SpecProblemsError",
    "Target",
    "TermsInFile",
    "emit",
    "identity",
    "lift_terms",
    "load",
    "moment_text",
    "pin",
    "target_for",
    "target_lines",
    "terms_in_file",
]
