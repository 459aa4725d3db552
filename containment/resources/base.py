"""What the resource classes share: a type token, and one way to be declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


class ContainmentResource(pulumi.CustomResource):
    """A resource of this provider; *outputs* are those that other resources are given."""

    resource_type: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def declare(
        cls, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> Self:
        """Declare this resource under *name* with *inputs* in the schema's camelCase."""
        props = {**dict.fromkeys(cls.outputs), **inputs}
        return cls(cls.resource_type, name, props, opts)

    def output(self, name: str) -> pulumi.Output[Any]:
        """Return the output *name*, one of *outputs*."""
        found: pulumi.Output[Any] = self.__dict__[name]
        return found
