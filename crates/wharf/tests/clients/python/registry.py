"""Azure's SDK for the content of registries, against a registry of Wharf's own."""

import io

from azure.containerregistry import ArtifactManifestOrder, ArtifactTagOrder, ContainerRegistryClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from wharf import LOCATION, clients, credential

REPOSITORY = "sdk/app"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def login_server():
    """Of a registry that is made for the purpose."""
    _, resources = clients()
    resources.resource_groups.create_or_update("registries", {"location": LOCATION})
    made = resources.resources.begin_create_or_update(
        "registries", "Microsoft.ContainerRegistry", "", "registries", "harbour",
        {"location": LOCATION, "sku": {"name": "Basic"}, "properties": {}}, api_version="2025-11-01",
    ).result()
    return made.properties["loginServer"]


def push(client):
    """An image with two tags; its digest, and that of its layer."""
    layer, config = (client.upload_blob(REPOSITORY, io.BytesIO(data)) for data in (b"a layer", b"{}"))
    part = lambda kind, blob: {"mediaType": f"application/vnd.oci.image.{kind}", "digest": blob[0], "size": blob[1]}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": part("config.v1+json", config),
        "layers": [part("layer.v1.tar", layer)],
    }
    digests = {client.set_manifest(REPOSITORY, manifest, tag=tag) for tag in ("one", "two")}
    assert len(digests) == 1, digests
    return digests.pop(), layer[0]


def main():
    client = ContainerRegistryClient(
        f"https://{login_server()}", credential(), audience="https://containerregistry.azure.net"
    )
    assert not list(client.list_repository_names())
    digest, layer = push(client)
    assert list(client.list_repository_names()) == [REPOSITORY]
    whole = client.get_repository_properties(REPOSITORY)
    assert (whole.manifest_count, whole.tag_count, whole.can_delete) == (1, 2, True)
    # In pages of one.
    newest = client.list_tag_properties(
        REPOSITORY, order_by=ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING, results_per_page=1
    )
    assert [tag.name for tag in newest] == ["two", "one"]
    manifests = list(client.list_manifest_properties(
        REPOSITORY, order_by=ArtifactManifestOrder.LAST_UPDATED_ON_ASCENDING
    ))
    assert [(one.digest, one.tags, one.size_in_bytes) for one in manifests] == [(digest, ["one", "two"], 9)]
    assert client.get_tag_properties(REPOSITORY, "one").digest == digest
    assert client.get_manifest_properties(REPOSITORY, "two").digest == digest
    found = client.get_manifest(REPOSITORY, "one")
    assert (found.digest, found.media_type) == (digest, MANIFEST)
    assert b"".join(client.download_blob(REPOSITORY, layer)) == b"a layer"
    try:
        client.update_repository_properties(REPOSITORY, can_write=False)
        raise AssertionError("a repository was locked")
    except HttpResponseError as refused:
        assert refused.status_code == 405, refused
    client.delete_tag(REPOSITORY, "two")
    assert [tag.name for tag in client.list_tag_properties(REPOSITORY)] == ["one"]
    client.delete_manifest(REPOSITORY, digest)
    try:
        client.get_tag_properties(REPOSITORY, "one")
        raise AssertionError("a tag outlived its manifest")
    except ResourceNotFoundError:
        pass
    push(client)
    client.delete_repository(REPOSITORY)
    assert not list(client.list_repository_names())


main()
