"""What is published about the profile, made from its model: JSON Schema, page and a first file.

``python -m containment.profile.publication`` writes the first two; a test holds the committed files
to this.
"""

from __future__ import annotations

from pathlib import Path

from containment.profile.model import LedgerPlace, ProfileFile, ReviewTerms
from containment.spec.publication import schema as schema_of
from containment.spec.publication import section

SCHEMA_FILE = Path("containment.schema.json")
PAGE_FILE = Path("docs/profile.md")

_EXAMPLE = """\
# yaml-language-server: $schema=containment.schema.json
role: arn:aws:iam::{account}:role/ContainmentResponder
lift_role: arn:aws:iam::{account}:role/ContainmentLift
ledger:
  place: s3://example-evidence/containment
  object_lock: COMPLIANCE
  retention_days: 365
state: s3://example-states
secrets: awskms://alias/containment?region=eu-central-1
responder:
  - arn:aws:iam::111122223333:role/SecurityOncall
pipeline:
  - arn:aws:iam::111122223333:role/ContainmentPipeline
break_glass:
  - arn:aws:iam::{account}:role/BreakGlass
"""

_INTRODUCTION = f"""\
# The profile

`containment.yaml` at the project's root says what is true of the organisation and not of one
incident: which role is assumed, where the ledger is, and who must never be contained. It is read as
a spec is, with the same errors by line and field, and `containment check` checks it too. It never
holds a secret, only where things are. Without the file the defaults hold: the credentials of the
environment, and ledgers in the folder `ledger`.

```yaml
{_EXAMPLE}```

In an ARN `{{account}}` stands for the account of the principal that is contained.
"""

_LAST = """\
## What counts, and what does not

- Role, ledger and region come from this file **alone**. What a stack's configuration says
  (`containment:role` and the like), or the state's record of it, counts only where it says the
  same: where it differs both are named, containing goes on by this file, and nothing is given back
  until they agree. Whoever edits a change or a state would otherwise choose the role we act in.
- Whom `role`, `lift_role`, `responder`, `pipeline`, `guard` or `break_glass` name is never
  contained and never denied anything, whatever a spec, a state or a ledger says; a containment that
  is on one of them all the same is lifted without a fence. `break_glass` is added to each spec's.
- The file's SHA-256 is in every plan, in the state and in the ledger. A file that is not the one
  that was applied last is said, and stops nothing.
- A file that cannot be read stops everything before anything changes: nobody could tell whom to
  leave alone.
"""

_TEMPLATE = """\
# yaml-language-server: $schema=containment.schema.json
# The organisation's profile. It holds no secrets, and 'containment check' checks it.

# role: arn:aws:iam::{account}:role/ContainmentResponder   # assumed to look and to change
# lift_role: arn:aws:iam::{account}:role/ContainmentLift   # the same, to lift
# responder: ["arn:aws:iam::{account}:role/SecurityOncall"]  # never contained, as the next two
# pipeline: ["arn:aws:iam::{account}:role/ContainmentPipeline"]
# break_glass: ["arn:aws:iam::{account}:role/BreakGlass"]
# guard_role: arn:aws:iam::444455556666:role/ContainmentGuard  # of the organisation: sets guards
# state: s3://BUCKET
# secrets: awskms://alias/containment?region=eu-central-1
ledger:
  place: ledger   # a folder; better s3://BUCKET/PREFIX with the next two
  # object_lock: COMPLIANCE
  # retention_days: 365
"""


def schema() -> str:
    """Return the JSON Schema that editors use, as the text of its file."""
    return schema_of(ProfileFile)


def page() -> str:
    """Return the reference of every field, as the text of its page."""
    parts = [_INTRODUCTION]
    for title, model in (
        ("Fields", ProfileFile),
        ("`ledger`", LedgerPlace),
        ("`review`", ReviewTerms),
    ):
        parts.append(section(title, model))
    return "\n".join([*parts, _LAST])


def template() -> str:
    """Return a profile to begin with: the defaults, and what to fill in, as comments."""
    return _TEMPLATE


def write(root: Path) -> None:
    """Write schema and page under *root*."""
    (root / SCHEMA_FILE).write_text(schema(), encoding="utf-8")
    (root / PAGE_FILE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path())
