"""What a lift gives back of attached policies, call by call."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from containment.aws.principal import LivePrincipal
from containment.facets.attachment_lift import AttachmentChange, give_back
from containment.facets.facet import Returns, Terms

pytestmark = pytest.mark.plain

ONE, OTHER = (f"arn:aws:iam::111122223333:policy/made-room-{number}" for number in (1, 2))


@dataclass
class Principal:
    attached_arns: list[str]
    principal: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(partition="aws"))
    tags: dict[str, str] = field(default_factory=dict[str, str])

    def attached(self) -> list[str]:
        return list(self.attached_arns)

    def attach(self, arn: str) -> None:
        self.attached_arns.append(arn)


def test_what_somebody_attached_again_keeps_nothing_else_from_coming_back() -> None:
    principal = Principal([ONE])

    give_back(
        cast("LivePrincipal", principal),
        Returns(AttachmentChange(attach=(ONE, OTHER))),
        Terms("inc-2026-0042"),
    )

    assert principal.attached_arns == [ONE, OTHER]
