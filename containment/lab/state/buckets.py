"""S3 buckets of every account: who owns one, what a new one is set to, and objects of a trail.

Source: Amazon S3 User Guide, "Default settings for new S3 buckets FAQ".
"""

from __future__ import annotations

from functools import cache
from typing import Any

OWNER_ENFORCED = "BucketOwnerEnforced"


@cache
def prepare() -> None:
    """Give moto's new buckets AWS's defaults, and leave bucket policies to the gate."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket, PublicAccessBlock

    original = FakeBucket.__init__

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.public_access_block = PublicAccessBlock(*["true"] * 4)
        self.ownership_rule = OWNER_ENFORCED

    setattr(FakeBucket, "__init__", initialise)  # noqa: B010 -- it is a method
    FakeBucket.get_permission = lambda *_: PermissionResult.PERMITTED  # type: ignore[method-assign]


def bucket_owner(bucket: str) -> str | None:
    """Return the account that owns *bucket*, None where there is no such bucket."""
    from moto.s3.models import s3_backends

    for account in list(s3_backends):
        if bucket in s3_backends[account]["aws"].buckets:
            return account
    return None
