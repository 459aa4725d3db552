"""What is read back of credentials and policies: dates, ids, defaults, and what is checked before.

Sources: IAM API Reference, each operation's and data type's page; IAM User Guide, "IAM identifiers"
(beginnings of unique ids) and "IAM and AWS STS quotas".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.lab.certificates import certificate, short_ssh_key, ssh_key
from tests.lab.matrix.bench import MANAGEMENT, Bench, allow, policy, refused, table, trust

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"
_PASSWORD = "Correct-horse-1"
Ask = Callable[[Bench], Any]


def holds(true: object, what: object = "") -> None:
    """Stop where something does not hold."""
    if not true:
        raise AssertionError(str(what))


def read_back(claim: str) -> Callable[[Ask], Ask]:
    """Register a case that asks and compares; nothing is denied."""

    def register(ask: Ask) -> Ask:
        table("read back", [("allow", claim, ask)], lambda bench, do: lambda: do(bench))
        return ask

    return register


def _dates(value: Any) -> list[datetime]:
    if isinstance(value, datetime):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [date for one in inner for date in _dates(one)]


@read_back("every date of IAM in whole seconds")
def _whole_seconds(bench: Bench) -> None:
    iam, (name, keys) = bench.iam, bench.user(allow("sts:*"))
    bench.client("sts", keys).get_caller_identity()
    role = bench.role()[0]
    group, profile = bench.name("g"), bench.name("i")
    arn = bench.managed(allow("s3:*"))
    ssh = iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=ssh_key())["SSHPublicKey"]
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    iam.enable_mfa_device(
        UserName=name,
        SerialNumber=serial["SerialNumber"],
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    )
    iam.create_login_profile(UserName=name, Password=_PASSWORD)
    answers = [
        ssh,
        iam.create_group(GroupName=group),
        iam.create_instance_profile(InstanceProfileName=profile),
        iam.upload_signing_certificate(UserName=name, CertificateBody=certificate()),
        iam.create_service_specific_credential(
            UserName=name, ServiceName="bedrock.amazonaws.com", CredentialAgeDays=30
        ),
        iam.get_user(UserName=name),
        iam.get_role(RoleName=role),
        iam.get_policy(PolicyArn=arn),
        iam.get_policy_version(PolicyArn=arn, VersionId="v1"),
        iam.list_access_keys(UserName=name),
        iam.get_access_key_last_used(AccessKeyId=keys[0]),
        iam.list_ssh_public_keys(UserName=name),
        iam.list_signing_certificates(UserName=name),
        iam.list_service_specific_credentials(UserName=name),
        iam.list_mfa_devices(UserName=name),
        iam.get_login_profile(UserName=name),
        iam.get_account_authorization_details(Filter=["User", "Role", "Group"]),
    ]
    for answer in answers:
        answer.pop("ResponseMetadata", None)
        dates = _dates(answer)
        holds(dates, answer)
        holds(all(date.microsecond == 0 for date in dates), answer)


@read_back("a password with the date of its own making, which changing it keeps")
def _login_profile(bench: Bench) -> None:
    iam, name = bench.iam, bench.user()[0]
    made = iam.get_user(UserName=name)["User"]["CreateDate"]
    time.sleep(1.1)
    created = iam.create_login_profile(UserName=name, Password=_PASSWORD)["LoginProfile"]
    holds(created["CreateDate"] > made, created)
    holds(created["PasswordResetRequired"] is False, created)
    iam.update_login_profile(UserName=name, Password="Another-horse-1", PasswordResetRequired=True)
    shown = iam.get_login_profile(UserName=name)["LoginProfile"]
    holds(shown["CreateDate"] == created["CreateDate"], (shown, created))
    holds(shown["PasswordResetRequired"] is True, shown)
    holds(shown["UserName"] == name, shown)
    iam.delete_login_profile(UserName=name)
    again = iam.create_login_profile(UserName=name, Password=_PASSWORD)["LoginProfile"]
    holds(again["PasswordResetRequired"] is False, again)


@read_back("unique ids with the beginnings of their kinds")
def _unique_ids(bench: Bench) -> None:
    iam = bench.iam
    name, _ = bench.user()
    role, _ = bench.role()
    group, profile = bench.name("g"), bench.name("i")
    ids = {
        "AIDA": iam.get_user(UserName=name)["User"]["UserId"],
        "AROA": iam.get_role(RoleName=role)["Role"]["RoleId"],
        "AGPA": iam.create_group(GroupName=group)["Group"]["GroupId"],
        "AIPA": iam.create_instance_profile(InstanceProfileName=profile)["InstanceProfile"][
            "InstanceProfileId"
        ],
        "ANPA": iam.get_policy(PolicyArn=bench.managed(allow("*")))["Policy"]["PolicyId"],
    }
    for beginning, unique in ids.items():
        holds(re.fullmatch(beginning + "[A-Z0-9]{17}", unique), ids)
    denying = iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")["Policy"]
    holds(re.fullmatch("ANPA[A-Z0-9]{17}", denying["PolicyId"]), denying)


@read_back("an SSH key with its fingerprint, in the encoding that is asked for")
def _ssh_key(bench: Bench) -> None:
    iam, name, body = bench.iam, bench.user()[0], ssh_key()
    made = iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=body)["SSHPublicKey"]
    holds(re.fullmatch("APKA[A-Z0-9]{16,17}", made["SSHPublicKeyId"]), made)
    holds(re.fullmatch("([0-9a-f]{2}:){15}[0-9a-f]{2}", made["Fingerprint"]), made)
    holds(made["Status"] == "Active", made)
    for encoding, start in (("SSH", "ssh-rsa "), ("PEM", "-----BEGIN PUBLIC KEY-----")):
        shown = iam.get_ssh_public_key(
            UserName=name, SSHPublicKeyId=made["SSHPublicKeyId"], Encoding=encoding
        )["SSHPublicKey"]
        holds(shown["SSHPublicKeyBody"].startswith(start), shown)
    listed = iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"]
    holds(set(listed[0]) == {"UserName", "SSHPublicKeyId", "Status", "UploadDate"}, listed)


def _uploads(*bodies: str) -> Ask:
    def upload(bench: Bench) -> None:
        name = bench.user()[0]
        for body in bodies:
            bench.iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=body)

    return upload


_KEY = ssh_key()
refused("an SSH key that is none", "UnrecognizedPublicKeyEncoding", _uploads("x"))
refused("an SSH key that is broken", "InvalidPublicKey", _uploads("ssh-rsa AAAA"))
refused("an SSH key of 1,024 bits", "InvalidPublicKey", _uploads(short_ssh_key()))
refused("an SSH key twice", "DuplicateSSHPublicKey", _uploads(_KEY, f"{_KEY} comment"))
refused("a sixth SSH key", "LimitExceeded", _uploads(*(ssh_key() for _ in range(6))))


def _certificates(*bodies: str, users: int = 1) -> Ask:
    def upload(bench: Bench) -> None:
        names = [bench.user()[0] for _ in range(users)]
        for number, body in enumerate(bodies):
            name = names[number % users]
            bench.iam.upload_signing_certificate(UserName=name, CertificateBody=body)

    return upload


_CERTIFICATE = certificate()
refused("a certificate that is none", "MalformedCertificate", _certificates("x"))
refused("a certificate that has expired", "InvalidCertificate", _certificates(certificate(days=-1)))
refused(
    "a certificate that another user has",
    "DuplicateCertificate",
    _certificates(_CERTIFICATE, _CERTIFICATE, users=2),
)
refused(
    "a third certificate",
    "LimitExceeded",
    _certificates(*(certificate() for _ in range(3))),
)


@read_back("credentials for services apart by their user names")
def _of_services(bench: Bench) -> None:
    name = bench.user()[0]
    made = [
        bench.iam.create_service_specific_credential(
            UserName=name, ServiceName="codecommit.amazonaws.com"
        )["ServiceSpecificCredential"]
        for _ in range(2)
    ]
    names = [one["ServiceUserName"] for one in made]
    holds(names == [f"{name}-at-{MANAGEMENT}", f"{name}+1-at-{MANAGEMENT}"], names)
    holds(all(one["Status"] == "Active" and one["ServicePassword"] for one in made), made)


def _expired(bench: Bench, kind: str) -> None:
    name, keys = bench.user()
    iam = bench.iam
    if kind == "access key":
        iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Expired")
    elif kind == "SSH key":
        made = iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=ssh_key())
        unique = made["SSHPublicKey"]["SSHPublicKeyId"]
        iam.update_ssh_public_key(UserName=name, SSHPublicKeyId=unique, Status="Expired")
    else:
        made = iam.upload_signing_certificate(UserName=name, CertificateBody=certificate())
        unique = made["Certificate"]["CertificateId"]
        iam.update_signing_certificate(UserName=name, CertificateId=unique, Status="Expired")


for _kind in ("access key", "SSH key", "certificate"):
    refused(
        f"the status Expired, set on a {_kind}",
        "ValidationError",
        lambda bench, kind=_kind: _expired(bench, kind),  # type: ignore[misc]
    )


@read_back("MFA devices without their seeds")
def _devices(bench: Bench) -> None:
    iam, name = bench.iam, bench.user()[0]
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    holds(serial["Base32StringSeed"], serial)
    iam.enable_mfa_device(
        UserName=name,
        SerialNumber=serial["SerialNumber"],
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    )
    listed = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    device = next(one for one in listed if one["SerialNumber"] == serial["SerialNumber"])
    holds(not device.get("Base32StringSeed") and not device.get("QRCodePNG"), device)
    holds(device["User"]["UserName"] == name, device)
    shown = iam.get_mfa_device(SerialNumber=serial["SerialNumber"])
    holds(shown["UserName"] == name, shown)


refused(
    "an MFA device that does not exist",
    "NoSuchEntity",
    lambda b: b.iam.enable_mfa_device(
        UserName=b.user()[0],
        SerialNumber=f"arn:aws:iam::{MANAGEMENT}:mfa/nothing",
        AuthenticationCode1="123456",
        AuthenticationCode2="654321",
    ),
)


@read_back("defaults of users, roles and policies as the reference gives them")
def _defaults(bench: Bench) -> None:
    iam = bench.iam
    name, keys = bench.user()
    user = iam.get_user(UserName=name)["User"]
    holds(set(user) == {"Path", "UserName", "UserId", "Arn", "CreateDate"}, user)
    role = iam.get_role(RoleName=bench.role()[0])["Role"]
    holds(role["MaxSessionDuration"] == 3600 and role["Path"] == "/", role)
    holds(role["RoleLastUsed"] == {} and "Description" not in role and "Tags" not in role, role)
    arn = bench.managed(allow("s3:*"))
    shown = iam.get_policy(PolicyArn=arn)["Policy"]
    holds((shown["DefaultVersionId"], shown["AttachmentCount"]) == ("v1", 0), shown)
    holds(shown["IsAttachable"] is True and shown["PermissionsBoundaryUsageCount"] == 0, shown)
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    holds(all("Document" not in one for one in versions), versions)
    unused = iam.get_access_key_last_used(AccessKeyId=keys[0])["AccessKeyLastUsed"]
    holds(unused == {"ServiceName": "N/A", "Region": "N/A"}, unused)


def _too_long(bench: Bench) -> None:
    name = bench.role()[0]
    before = bench.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    many = {"StringEquals": {"sts:ExternalId": [f"id-{n:05d}" for n in range(400)]}}
    try:
        bench.iam.update_assume_role_policy(
            RoleName=name, PolicyDocument=trust({"AWS": _ROOT}, Condition=many)
        )
    finally:
        after = bench.iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        holds(after == before, after)


refused("a trust policy that is too long, which is not kept", "LimitExceeded", _too_long)


@read_back("documents as they were put, however they are spaced")
def _documents(bench: Bench) -> None:
    name = bench.user()[0]
    spaced = policy(allow("s3:*")).replace(",", " ,\n  ")
    bench.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=spaced)
    answer = bench.iam.get_user_policy(UserName=name, PolicyName="p")
    holds(answer["PolicyDocument"]["Statement"] == [allow("s3:*")], answer)
