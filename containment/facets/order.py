"""Every facet, in the order in which a lift gives them back: the fence first, the keys last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containment.facets import attachment_lift, credentials_lift, deny_lift, trust_lift

if TYPE_CHECKING:
    from containment.facets.facet import Facet

FACETS: tuple[Facet[Any, Any, Any], ...] = (
    deny_lift,
    attachment_lift,
    trust_lift,
    credentials_lift,
)
