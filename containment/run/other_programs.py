"""Which other programs manage a principal, by its tags: their next run may undo the containment.

A tag is text that whoever may tag can write, but for those of CloudFormation, whose prefix AWS
reserves. It is a reason to ask, and never one to hold less.

Sources: AWS Tagging guide, "Tag naming limits" (``aws:`` is reserved); CloudFormation User Guide,
"Resource tags"; AWS CDK guide, "Tags"; Terraform's AWS provider, "default_tags", and Pulumi's AWS
guide, "Tagging", whose examples are the tags that organisations copy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOOLS = {
    "terraform": "Terraform",
    "opentofu": "OpenTofu",
    "tofu": "OpenTofu",
    "terragrunt": "Terragrunt",
    "pulumi": "Pulumi",
    "cloudformation": "CloudFormation",
    "cdk": "CDK",
    "aws-cdk": "CDK",
    "sam": "SAM",
    "serverless": "Serverless Framework",
    "crossplane": "Crossplane",
    "ansible": "Ansible",
}
_CLOUDFORMATION = "aws:cloudformation:stack-name"
_MANAGED = re.compile(
    r"(?:managed|created|provisioned|deployed|maintained)[-_ :]?(?:by|with)|iac|tool|provisioner",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[a-z]+(?:-cdk)?", re.IGNORECASE)
_KEYS = {
    re.compile(r"^(?:terraform|tf|hcp)(?:[:_-].*)?$", re.IGNORECASE): "Terraform",
    re.compile(r"^pulumi(?:[:_-].*)?$", re.IGNORECASE): "Pulumi",
    re.compile(r"^aws-cdk:.*$|^cdk(?:[:_-].*)?$", re.IGNORECASE): "CDK",
    re.compile(r"^crossplane(?:[-.].*)?$", re.IGNORECASE): "Crossplane",
}
_UNDOES = {
    "CloudFormation": "its next update of the resource, or a drift repair, may undo it",
    "CDK": "its next deployment may undo it",
}


@dataclass(frozen=True, slots=True)
class OtherProgram:
    """A program that seems to manage a principal: its name, and the tag that says so."""

    name: str
    tag: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        undoes = _UNDOES.get(self.name, "its next apply may undo it")
        return f"managed by {self.name} (tag {self.tag}): {undoes}"


def managing_programs(tags: Mapping[str, str]) -> tuple[OtherProgram, ...]:
    """Return which programs *tags* name, each once."""
    programs: dict[str, OtherProgram] = {}
    for key, value in sorted(tags.items()):
        name = _named(key, value)
        if name is not None:
            programs.setdefault(name, OtherProgram(name, f"{key} = {value}"))
    return tuple(programs.values())


def _named(key: str, value: str) -> str | None:
    if key == _CLOUDFORMATION:
        return "CloudFormation"
    for pattern, name in _KEYS.items():
        if pattern.fullmatch(key) and value.lower() not in {"false", "no", "none"}:
            return name
    if _MANAGED.fullmatch(key):
        words = (word.lower() for word in _WORDS.findall(value))
        return next((_TOOLS[word] for word in words if word in _TOOLS), None)
    return None
