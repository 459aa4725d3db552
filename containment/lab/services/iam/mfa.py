"""MFA devices of users.

Sources: IAM API Reference, "EnableMFADevice", "GetMFADevice", "ListVirtualMFADevices" (seeds are
shown at creation alone); IAM User Guide, "IAM and AWS STS quotas" (eight devices a user).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import EntityAlreadyExists, LimitExceededException, NoSuchEntity
from moto.iam.responses import IamResponse

_DEVICES = 8


class MfaOperations(IamResponse):
    """MFA devices: who has which."""

    def enable_mfa_device(self) -> ActionResult:
        """Give a user a device that nobody has; a virtual one has to exist."""
        user: Any = self.backend.get_user(self._get_param("UserName"))
        serial = self._get_param("SerialNumber")
        virtual: Any = self.backend.virtual_mfa_devices.get(serial)
        if serial.startswith("arn:") and virtual is None:
            raise NoSuchEntity(f"VirtualMFADevice with serial number {serial} does not exist.")
        if any(serial in other.mfa_devices for other in self.backend.users.values()):
            raise EntityAlreadyExists("MFADevice entity at the same path and name already exists.")
        if len(user.mfa_devices) >= _DEVICES:
            raise LimitExceededException(f"Cannot exceed quota for MFADevicesPerUser: {_DEVICES}")
        return super().enable_mfa_device()

    def get_mfa_device(self) -> ActionResult:
        """Answer one device of a user."""
        serial = self._get_param("SerialNumber")
        user_name = self._get_param("UserName")
        for user in self.backend.users.values():
            device: Any = user.mfa_devices.get(serial)
            if device is not None and user_name in {None, user.name}:
                return ActionResult(
                    {
                        "UserName": user.name,
                        "SerialNumber": serial,
                        "EnableDate": device.enable_date,
                    }
                )
        raise NoSuchEntity(f"MFA device with serial number {serial} does not exist.")

    def list_virtual_mfa_devices(self) -> ActionResult:
        """List virtual devices, without their seeds."""
        result = super().list_virtual_mfa_devices()
        listed: Any = result.result
        listed["VirtualMFADevices"] = [
            {
                "SerialNumber": device.serial_number,
                "User": device.user_attribute,
                "EnableDate": device.enable_date,
            }
            for device in listed["VirtualMFADevices"]
        ]
        return result
