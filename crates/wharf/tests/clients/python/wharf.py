"""What the Python suites share: where the server is, and whom they speak as.

The Rust side passes everything in the environment (see `main.rs`).
"""

import os
import time

from azure.core.credentials import AccessToken
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

URL = os.environ["WHARF_URL"]
SUBSCRIPTION = os.environ["WHARF_SUBSCRIPTION"]
LOCATION = os.environ["WHARF_LOCATION"]
IMAGE = os.environ["WHARF_IMAGE"]


class StaticToken:
    """A credential that is a bearer token and nothing else."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_scopes, **_more):
        return AccessToken(self.token, int(time.time()) + 3600)


def credential():
    """The service principal if there is one, else the administrator's token."""
    if "AZURE_CLIENT_SECRET" in os.environ:
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(
            tenant_id=os.environ["AZURE_TENANT_ID"],
            client_id=os.environ["AZURE_CLIENT_ID"],
            client_secret=os.environ["AZURE_CLIENT_SECRET"],
            authority=os.environ["AZURE_AUTHORITY_HOST"],
            disable_instance_discovery=True,
        )
    return StaticToken(os.environ["WHARF_TOKEN"])


def clients(who=None):
    """Container instances and resource groups, as somebody."""
    who = who or credential()
    options = {"base_url": URL, "credential_scopes": [f"{URL}/.default"]}
    return (
        ContainerInstanceManagementClient(who, SUBSCRIPTION, **options),
        ResourceManagementClient(who, SUBSCRIPTION, **options),
    )


def wait_for(what, is_true, limit=30):
    """Waits until a predicate is true; a bound, never a sleep of a guessed length."""
    deadline = time.monotonic() + limit
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit} s for {what}")
        time.sleep(0.05)
