"""The report of an incident: what was contained, when, by whom, and by what evidence.

It is made of what is on record: the spec, the ledger, the kept verdicts and the descendants. Nobody
is asked, so it can be made where AWS cannot be reached, and long after the lift.
"""

from containment.incident_report.contents import IncidentReport, Sources, compile_report
from containment.incident_report.document import as_document
from containment.incident_report.html import as_html
from containment.incident_report.manifest import check_folder, write_folder
from containment.incident_report.markdown import as_markdown

__all__ = [
    "IncidentReport",
    "Sources",
    "as_document",
    "as_html",
    "as_markdown",
    "check_folder",
    "compile_report",
    "write_folder",
]
