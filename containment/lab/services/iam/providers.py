"""IAM's identity providers: SAML metadata that is read, and what moto lacks.

Sources: IAM API Reference, "CreateSAMLProvider", "UpdateSAMLProvider", "DeleteSAMLProvider",
"AddClientIDToOpenIDConnectProvider" and "RemoveClientIDFromOpenIDConnectProvider".
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import EntityAlreadyExists, IAMException, NoSuchEntity
from moto.iam.responses import IamResponse

from containment.lab.authn import saml
from containment.lab.state import quotas


class ProviderOperations(IamResponse):
    """Identity providers of an account."""

    def create_saml_provider(self) -> ActionResult:
        """Make a provider from its metadata, under a name that nobody has."""
        name, tags = self._get_param("Name"), self._get_param("Tags", [])
        _check_metadata(self._get_param("SAMLMetadataDocument"))
        quotas.tags([], tags)
        if name in self.backend.saml_providers:
            raise EntityAlreadyExists(f"SAMLProvider with name {name} already exists.")
        result = super().create_saml_provider()
        vars(self.backend.saml_providers[name])["lab_tags"] = tags
        return result

    def update_saml_provider(self) -> ActionResult:
        """Give a provider other metadata."""
        provider = self._saml_provider()
        document = self._get_param("SAMLMetadataDocument")
        if document is None:  # only its encryption changes
            return ActionResult({"SAMLProviderArn": provider.arn})
        _check_metadata(document)
        return super().update_saml_provider()

    def delete_saml_provider(self) -> ActionResult:
        """Delete a provider; roles that trust it stay, and can no longer be assumed by it."""
        self._saml_provider()
        return super().delete_saml_provider()

    def get_saml_provider(self) -> ActionResult:
        """Answer a provider with its metadata and tags."""
        provider = self._saml_provider()
        return ActionResult(
            {
                "SAMLMetadataDocument": provider.saml_metadata_document,
                "CreateDate": provider.create_date,
                "ValidUntil": provider.valid_until,
                "Tags": _tags(provider),
            }
        )

    def list_saml_provider_tags(self) -> ActionResult:
        """List a provider's tags."""
        return ActionResult({"Tags": _tags(self._saml_provider()), "IsTruncated": False})

    def tag_saml_provider(self) -> ActionResult:
        """Tag a provider."""
        provider, new = self._saml_provider(), self._get_param("Tags", [])
        quotas.tags(_tags(provider), new)
        vars(provider)["lab_tags"] = quotas.tagged(_tags(provider), new)
        return EmptyResult()

    def untag_saml_provider(self) -> ActionResult:
        """Take tags off a provider."""
        provider = self._saml_provider()
        keys = {key.lower() for key in self._get_param("TagKeys", [])}
        vars(provider)["lab_tags"] = [t for t in _tags(provider) if t["Key"].lower() not in keys]
        return EmptyResult()

    def _saml_provider(self) -> Any:
        arn = self._get_param("SAMLProviderArn")
        for provider in self.backend.saml_providers.values():
            if provider.arn == arn:
                return provider
        raise NoSuchEntity(f"Manifest not found for arn {arn}")

    def add_client_id_to_open_id_connect_provider(self) -> ActionResult:
        """Let a provider's tokens be for one audience more; once more changes nothing."""
        clients = self._open_id_provider().client_id_list
        if self._get_param("ClientID") not in clients:
            clients.append(self._get_param("ClientID"))
        return EmptyResult()

    def remove_client_id_from_open_id_connect_provider(self) -> ActionResult:
        """Take an audience away; one that is not there changes nothing."""
        clients = self._open_id_provider().client_id_list
        if self._get_param("ClientID") in clients:
            clients.remove(self._get_param("ClientID"))
        return EmptyResult()

    def _open_id_provider(self) -> Any:
        arn = self._get_param("OpenIDConnectProviderArn")
        provider = self.backend.open_id_providers.get(arn)
        if provider is None:
            raise NoSuchEntity(f"OpenIDConnect Provider not found for arn {arn}")
        return provider


def _tags(provider: Any) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = vars(provider).get("lab_tags", [])
    return tags


def _check_metadata(document: str) -> None:
    try:
        saml.entity_of(document)
    except saml.InvalidAssertionError as error:
        raise IAMException("InvalidInput", "Could not parse metadata") from error
