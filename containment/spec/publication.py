"""What is published about the spec, made from its models: JSON Schema and reference page.

``python -m containment.spec.publication`` writes both; a test holds the committed files to this.
"""

from __future__ import annotations

import json
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from containment.spec.incident import Guard, IncidentSpec, Limits
from containment.spec.target import Session, Target
from containment.spec.vocabulary import REFUSED, RUNG_EFFECTS, Rung

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from containment.identities import PrincipalKind

SCHEMA_FILE = Path("stacks/incident.schema.json")
PAGE_FILE = Path("docs/spec.md")

_INTRODUCTION = """\
# The incident spec

One YAML file an incident: `stacks/inc-2026-0042.yaml` is the whole input of the stack
`inc-2026-0042`. `containment open` writes one from an access key id, an ARN or a GuardDuty finding,
and `containment check` tells everything that is wrong with it, by line and field.

Editors that know YAML complete and check a spec while it is typed, by `incident.schema.json` beside
it. The file is read as plain YAML 1.2: no anchors, aliases, tags or second documents, each field
once. Times need their zone. `no` and `off` are text and mean themselves.

```yaml
# yaml-language-server: $schema=incident.schema.json
incident: inc-2026-0042
title: ci-deploy access key pushed to a public repository
compromised_at: 2026-11-23T21:14:00Z
compromised_at_source: GitHub secret scanning alert 17
cause: exposed-in-source
owner: security-oncall@example.com
review_by: 2026-11-25T09:00:00Z
targets:
  - user: arn:aws:iam::111122223333:user/ci/ci-deploy
    leaked: [AKIAIOSFODNN7EXAMPLE]
  - role: arn:aws:iam::111122223333:role/app
```
"""

_RUNGS = """\
## Rungs

Exactly one a principal, least disruptive first. Raising or lowering one is an edit of the spec and
another `pulumi up`.

"""

_LAST = """\
## Refused before anything changes

- a target that is the root user, a service-linked role or a role of IAM Identity Center;
- a session's key (`ASIA…`) where an access key is meant: it has no switch of its own, so the
  principal behind it is the target;
- one principal or one access key named twice, also under another path or in other capitals;
- a target that is listed in `break_glass`, and a wildcard there;
- targets in more than one account: one stack works with the credentials of one;
- more targets than `limits.principals`;
- a `compromised_at` in the future, and a `review_by` before it;
- an empty or unreadable file, so that no accident plans to release everybody;
- a file whose `incident` is not its own name and that of the stack.

A spec is never the place for a secret. Key ids may be in it; nothing else of a credential is read.
"""


def schema(model: type[BaseModel] = IncidentSpec) -> str:
    """Return the JSON Schema of *model* that editors use, as the text of its file."""
    document: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    document |= model.model_json_schema()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """Return the reference of every field, as the text of its page."""
    parts = [_INTRODUCTION]
    for title, model in (
        ("Fields", IncidentSpec),
        ("`targets`", Target),
        ("`targets[].sessions`", Session),
        ("`guard`", Guard),
        ("`limits`", Limits),
    ):
        parts.append(section(title, model))
        if model is Target:
            parts.append(_RUNGS + _rungs())
    return "\n".join([*parts, _LAST])


def write(root: Path) -> None:
    """Write schema and page under *root*."""
    (root / SCHEMA_FILE).write_text(schema(), encoding="utf-8")
    (root / PAGE_FILE).write_text(page(), encoding="utf-8")


def section(title: str, model: type[BaseModel]) -> str:
    """Return what the page says of *model*: its docstring and a table of its fields."""
    # Python 3.13 takes the indentation out of a docstring by itself, older ones do not.
    return f"## {title}\n\n{cleandoc(model.__doc__ or '')}\n\n{field_table(model)}"


def field_table(model: type[BaseModel]) -> str:
    """Return the fields of *model* as a table in Markdown."""
    rows = ["| field | | example | |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {_default(field)} | {_example(field)} | {field.description or ''} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default in ((), None):
        return "optional"
    return f"default `{_json(field.default)}`"


def _example(field: FieldInfo) -> str:
    return f"`{_json(field.examples[0])}`" if field.examples else ""


def _json(value: object) -> str:
    if isinstance(value, str):
        return value
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain).replace('"', "").replace("|", "\\|")


def _rungs() -> str:
    rows = ["| rung | user | role |", "|---|---|---|"]
    for rung in Rung:
        cells = [_rung_cell("user", rung), _rung_cell("role", rung)]
        rows.append(f"| `{rung}` | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _rung_cell(kind: PrincipalKind, rung: Rung) -> str:
    if (kind, rung) in RUNG_EFFECTS:
        return RUNG_EFFECTS[kind, rung]
    why, mend = REFUSED[kind, rung]
    return f"refused: it {why}; {mend.replace(chr(39), '`')}"


if __name__ == "__main__":
    write(Path())
