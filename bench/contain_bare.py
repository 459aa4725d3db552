"""The changes of one containment, by boto3 alone, after the reads that an exact lift needs.

No engine, no state, and nothing that would lift it.

usage: contain_bare.py USER_ARN ROLE_ARN INCIDENT
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3


def main(user_arn: str, role_arn: str, incident: str) -> None:
    """Read how a user and a role are, deny them, and make the user's keys Inactive."""
    iam: Any = boto3.client("iam")
    sts: Any = boto3.client("sts")
    user, role = user_arn.rpartition("/")[2], role_arn.rpartition("/")[2]
    caller = sts.get_caller_identity()["Arn"].split("/")[1]
    policy_name = f"containment-{incident}"
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Sid": "Bare"}
    own = iam.get_role(RoleName=caller)["Role"]["Arn"]
    for arn in (user_arn, role_arn):
        iam.simulate_principal_policy(
            PolicySourceArn=own, ActionNames=["iam:GetUser"], ResourceArns=[arn]
        )
    iam.get_user(UserName=user)
    iam.list_attached_user_policies(UserName=user)
    keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    list_other_credentials(iam, user)
    for name in iam.list_user_policies(UserName=user)["PolicyNames"]:
        iam.get_user_policy(UserName=user, PolicyName=name)
    iam.get_role(RoleName=role)
    iam.list_attached_role_policies(RoleName=role)
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.get_role_policy(RoleName=role, PolicyName=name)

    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.get_user(UserName=user)
    missing(iam.get_user_policy, UserName=user, PolicyName=policy_name)
    iam.put_user_policy(UserName=user, PolicyName=policy_name, PolicyDocument=document)
    iam.get_user_policy(UserName=user, PolicyName=policy_name)
    iam.get_user(UserName=user)
    iam.list_access_keys(UserName=user)
    iam.tag_user(UserName=user, Tags=[{"Key": f"containment:{incident}", "Value": "bare"}])
    for key in keys:
        iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    iam.list_access_keys(UserName=user)
    iam.get_role(RoleName=role)
    missing(iam.get_role_policy, RoleName=role, PolicyName=policy_name)
    iam.put_role_policy(RoleName=role, PolicyName=policy_name, PolicyDocument=document)
    iam.get_role_policy(RoleName=role, PolicyName=policy_name)


def list_other_credentials(iam: Any, user: str) -> None:
    """List what a user has besides access keys; it is nothing here, so that none is changed."""
    iam.list_service_specific_credentials(UserName=user)
    iam.list_ssh_public_keys(UserName=user)
    iam.list_signing_certificates(UserName=user)


def missing(call: Any, **values: str) -> None:
    """Make a read that AWS answers with NoSuchEntity."""
    try:
        call(**values)
    except Exception as error:
        if "NoSuchEntity" not in str(error):
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
