"""Writes a spec as the YAML that a person would have written: every field, ready to commit."""

from __future__ import annotations

from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.representer import RoundTripRepresenter

from containment.spec.fields import moment_text
from containment.spec.vocabulary import Disposition, GuardMode, rungs_of
from containment.text import is_plain, yaml_quoted

if TYPE_CHECKING:
    from ruamel.yaml.nodes import ScalarNode

    from containment.spec.incident import IncidentSpec
    from containment.spec.target import Target

SCHEMA_LINE = "# yaml-language-server: $schema=incident.schema.json\n"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_TEXT = "tag:yaml.org,2002:str"
# One field a line, however long: a diff shows what changed, and no line begins with a field's text.
_WIDTH = 2**31


class _Representer(RoundTripRepresenter):
    """Writes times as a spec has them, and text that would act on its reader in quotes."""

    def represent_moment(self, moment: datetime) -> ScalarNode:
        node: ScalarNode = self.represent_scalar(_TIMESTAMP, moment_text(moment))
        return node

    def represent_text(self, value: str) -> ScalarNode:
        node: ScalarNode = self.represent_scalar(_TEXT, value, None if is_plain(value) else '"')
        return node


_Representer.add_representer(datetime, _Representer.represent_moment)
_Representer.add_representer(str, _Representer.represent_text)


class _Emitter(RoundTripEmitter):
    """Writes what is in double quotes with escapes for all that a terminal or a log acts on."""

    def write_double_quoted(self, text: str, split: bool = True) -> None:  # noqa: FBT001, FBT002 -- as it is called
        del split
        self.write_indicator(yaml_quoted(text), need_whitespace=True)


def emit(spec: IncidentSpec) -> str:
    """Return *spec* as the text of its file; loading that text gives the same spec."""
    document = CommentedMap()
    for name in type(spec).model_fields:
        document[name] = _plain(getattr(spec, name))
    document["hold"] = spec.hold
    document["targets"] = [_target(target) for target in spec.targets]
    document["guard"] = _flow_map(spec.guard.model_dump(mode="json"))
    document["limits"] = _flow_map(spec.limits.model_dump(mode="json"))
    document["break_glass"] = _list(spec.break_glass)
    document.yaml_add_eol_comment(" | ".join(Disposition), "disposition")
    document.yaml_add_eol_comment("mode: " + " | ".join(GuardMode), "guard")
    return SCHEMA_LINE + _dumped(document)


def target_lines(target: Target) -> str:
    """Return *target* as the lines to write under ``targets:``."""
    return _dumped([_target(target)])


def _dumped(document: object) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.Emitter = _Emitter
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def _target(target: Target) -> CommentedMap:
    entry = CommentedMap()
    for name in ("user", "role", "access_key"):
        if (value := getattr(target, name)) is not None:
            entry[name] = value
    if target.leaked:
        entry["leaked"] = _list(target.leaked)
    entry["rung"] = str(target.rung)
    entry.yaml_add_eol_comment(" | ".join(rungs_of(target.kind)), "rung")
    if target.wave > 1:
        entry["wave"] = target.wave
    if target.sessions:
        entry["sessions"] = [_flow_map(dict([session.mark])) for session in target.sessions]
    return entry


def _plain(value: object) -> object:
    return value if isinstance(value, datetime) else str(value)


def _flow_map(values: dict[str, Any]) -> CommentedMap:
    entry = CommentedMap(values)
    entry.fa.set_flow_style()
    return entry


def _list(values: tuple[str, ...]) -> CommentedSeq:
    entries = CommentedSeq(values)
    entries.fa.set_flow_style()
    return entries
