"""How a reader looks at a page: on a phone or at a desk, dark or light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class View:
    """A window and a colour scheme; *width* and *height* are CSS pixels."""

    name: str
    width: int
    height: int
    scheme: str
    is_phone: bool

    @property
    def context(self) -> dict[str, Any]:
        """What playwright makes a browser context of: no network, and no download."""
        return {
            "viewport": {"width": self.width, "height": self.height},
            "color_scheme": self.scheme,
            "device_scale_factor": 2 if self.is_phone else 1,
            "is_mobile": self.is_phone,
            "has_touch": self.is_phone,
            "offline": True,
            "accept_downloads": False,
        }


VIEWS = tuple(
    View(f"{device}-{scheme}", width, height, scheme, device == "phone")
    for device, width, height in (("phone", 390, 844), ("desktop", 1440, 900))
    for scheme in ("light", "dark")
)
