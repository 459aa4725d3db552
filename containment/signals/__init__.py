"""Read what services, scanners and people report into signals: one parser a file. Pure."""

from __future__ import annotations

from containment.signals.reading import Reports, read_reports
from containment.signals.signal import CredentialKind, Report, SignalSubject

__all__ = ["CredentialKind", "Report", "Reports", "SignalSubject", "read_reports"]
