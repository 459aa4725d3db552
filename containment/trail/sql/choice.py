"""Which engine or service a trace asks, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine to ask, over what, and how much that may cost.

    ``price`` is US dollars for a terabyte that Athena scans; above ``spend`` dollars of estimate
    the reader is asked. ``day_column`` is ``NAME=FORMAT`` of partitions by day. ``search`` selects
    events in Splunk, ``log_group`` names groups of CloudWatch Logs.
    """

    engine: str
    table: str
    server: str
    workgroup: str
    output: str
    only_account: tuple[str, ...]
    only_region: tuple[str, ...]
    day_column: str
    price: float
    spend: float
    yes: bool
    search: str = ""
    log_group: tuple[str, ...] = ()

    @property
    def reads_files(self) -> bool:
        """Whether it is the reader of files, and no engine at all."""
        return self.engine == "files"

    @property
    def asks_aws(self) -> bool:
        """Whether it is asked with the responder's own credentials."""
        return self.engine in {"athena", "insights"} or bool(self.log_group)

    @property
    def searches_text(self) -> bool:
        """Whether it is a service that searches the text of records."""
        return self.engine in {"splunk", "insights"}
