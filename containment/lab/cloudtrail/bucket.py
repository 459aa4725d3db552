"""The objects of a trail in its bucket: where an account's logs lie, and how one is written.

Source: AWS CloudTrail User Guide, "Finding your CloudTrail log files".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.lab.state import moto_state
from containment.lab.state.buckets import bucket_owner

if TYPE_CHECKING:
    from moto.cloudtrail.models import Trail


def root_of(trail: Trail, account: str) -> str:
    """Return the folder of an account's logs: an organisation trail puts its id above."""
    prefix = f"{trail.s3_key_prefix}/" if trail.s3_key_prefix else ""
    organization = moto_state.organization().org
    above = f"{organization.id}/" if trail.is_org_trail and organization is not None else ""
    return f"{prefix}AWSLogs/{above}{account}"


def put(trail: Trail, key: str, value: bytes, metadata: dict[str, str] | None = None) -> bool:
    """Write an object to the trail's bucket; False where the bucket is gone."""
    from moto.s3.models import s3_backends

    owner = bucket_owner(trail.bucket_name)
    if owner is None:
        return False
    made = s3_backends[owner]["aws"].put_object(trail.bucket_name, key, value)
    if metadata:
        made.set_metadata({f"x-amz-meta-{name}": text for name, text in metadata.items()})
    return True
