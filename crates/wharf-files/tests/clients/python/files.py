"""The Python SDK of Azure Files, unmodified. Arguments: part, endpoint, account, key, tree of the share "data"."""

import base64
import hashlib
import io
import logging
import os
import sys
from datetime import datetime, timedelta, timezone

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.fileshare import (
    AccessPolicy,
    AccountSasPermissions,
    ContentSettings,
    FileSasPermissions,
    NTFSAttributes,
    ResourceTypes,
    ShareClient,
    ShareFileClient,
    ShareSasPermissions,
    ShareServiceClient,
    generate_account_sas,
    generate_file_sas,
    generate_share_sas,
)

PART, ENDPOINT, ACCOUNT, KEY, TREE = sys.argv[1:]
# The SDK complains about answers to HEAD, which have no body.
logging.disable(logging.WARNING)
FAST = {"retry_total": 0}
service = ShareServiceClient(ENDPOINT, credential=AzureNamedKeyCredential(ACCOUNT, KEY), **FAST)
data = service.get_share_client("data")


def fails(code, work, *args, kind=HttpResponseError, **kwargs):
    """Runs what has to fail with this error code."""
    try:
        result = work(*args, **kwargs)
        if hasattr(result, "__next__"):
            next(result)
    except kind as error:
        got = getattr(error.error_code, "value", error.error_code)
        assert got == code, f"{got} instead of {code}"
        return error
    raise AssertionError(f"{work} succeeded, without {code}")


def soon():
    return datetime.now(timezone.utc) + timedelta(hours=1)


def shares():
    made = service.create_share("first", metadata={"owner": "me"}, quota=7, access_tier="Hot")
    fails("ShareAlreadyExists", service.create_share, "first", kind=ResourceExistsError)
    service.create_share("second")
    shown = made.get_share_properties()
    assert (shown.quota, shown.metadata, shown.access_tier) == (7, {"owner": "me"}, "Hot")
    assert shown.etag and shown.last_modified.year >= 2020 and shown.protocols == ["SMB"]
    made.set_share_quota(8)
    made.set_share_properties(access_tier="Cool", quota=9)
    made.set_share_metadata({"other": "you"})
    shown = made.get_share_properties()
    assert (shown.quota, shown.metadata, shown.access_tier) == (9, {"other": "you"}, "Cool")
    assert made.get_share_stats() == 0
    listed = list(service.list_shares(include_metadata=True))
    assert [share.name for share in listed] == ["data", "first", "second"]
    assert (listed[1].quota, listed[1].metadata) == (9, {"other": "you"})
    pages = service.list_shares(results_per_page=2).by_page()
    assert [len(list(page)) for page in pages] == [2, 1]
    assert [share.name for share in service.list_shares(name_starts_with="s")] == ["second"]
    policy = AccessPolicy(permission=ShareSasPermissions(read=True), start=datetime.now(timezone.utc), expiry=soon())
    made.set_share_access_policy({"readers": policy})
    assert made.get_share_access_policy()["signed_identifiers"][0].id == "readers"
    made.set_share_access_policy({})
    assert made.get_share_access_policy()["signed_identifiers"] == []
    made.delete_share()
    fails("ShareNotFound", made.get_share_properties, kind=ResourceNotFoundError)
    snapshots()
    properties = service.get_service_properties()
    assert properties["hour_metrics"].enabled is False
    service.set_service_properties(cors=[])


def snapshots():
    made = service.create_share("kept")
    made.get_file_client("file").upload_file(b"before")
    name = made.create_snapshot(metadata={"why": "release"})["snapshot"]
    made.get_file_client("file").upload_file(b"after")
    then = service.get_share_client("kept", snapshot=name)
    assert then.get_share_properties().metadata == {"why": "release"}
    assert then.get_file_client("file").download_file().readall() == b"before"
    assert [entry["name"] for entry in then.list_directories_and_files()] == ["file"]
    listed = [share.snapshot for share in service.list_shares("kept", include_snapshots=True)]
    assert listed == [name, None]
    fails("ShareSnapshotOperationNotSupported", then.create_directory, "dir")
    source = f"{made.get_file_client('file').url}?sharesnapshot={name}"
    made.get_file_client("file").start_copy_from_url(source)
    assert made.get_file_client("file").download_file().readall() == b"before"
    fails("ShareHasSnapshots", made.delete_share, kind=ResourceExistsError)
    then.delete_share()
    made.create_snapshot()
    made.delete_share(delete_snapshots=True)


def directories():
    made = data.create_directory("dir", metadata={"k": "v"})
    fails("ResourceAlreadyExists", data.create_directory, "dir", kind=ResourceExistsError)
    sub = made.create_subdirectory("sub dir ü%+&")
    assert sub.exists() and not data.get_directory_client("none").exists()
    shown = made.get_directory_properties()
    assert shown.metadata == {"k": "v"} and shown.file_attributes == "Directory"
    assert shown.creation_time and shown.last_write_time and shown.change_time and shown.file_id
    made.set_directory_metadata({"other": "w"})
    made.set_http_headers(file_attributes="None", file_last_write_time=datetime(2021, 1, 2, tzinfo=timezone.utc))
    shown = made.get_directory_properties()
    assert shown.metadata == {"other": "w"} and shown.last_write_time.year == 2021
    sub.upload_file("file #1&.txt", b"content")
    made.upload_file("b", b"12345")
    listed = list(made.list_directories_and_files(include=["timestamps", "Etag", "Attributes", "PermissionKey"]))
    assert [(one.name, one.is_directory) for one in listed] == [("sub dir ü%+&", True), ("b", False)], listed
    assert listed[1].size == 5 and listed[1].last_write_time and listed[1].etag and listed[1].file_attributes
    assert [one.name for one in sub.list_directories_and_files()] == ["file #1&.txt"]
    assert [one.name for one in made.list_directories_and_files(name_starts_with="B")] == ["b"]
    pages = list(made.list_directories_and_files(results_per_page=1).by_page())
    assert len(pages) == 2
    fails("DirectoryNotEmpty", made.delete_directory)
    moved = made.rename_directory("moved", metadata={"m": "n"})
    assert moved.get_directory_properties().metadata == {"m": "n"} and not made.exists()
    assert moved.get_subdirectory_client("SUB dir ü%+&").get_file_client("FILE #1&.txt").download_file().readall() == b"content"
    assert list(moved.list_handles()) == []
    assert moved.close_all_handles(recursive=True)["closed_handles_count"] == 0
    moved.get_file_client("b").delete_file()
    inner = moved.get_subdirectory_client("sub dir ü%+&")
    inner.get_file_client("file #1&.txt").delete_file()
    inner.delete_directory()
    moved.delete_directory()
    fails("ParentNotFound", data.get_directory_client("a/b/c").create_directory, kind=ResourceNotFoundError)


def files():
    file = data.get_file_client("file")
    content = os.urandom((9 << 20) + 123)
    settings = ContentSettings(content_type="text/x", cache_control="no-store", content_md5=bytearray(hashlib.md5(content).digest()))
    file.upload_file(content, metadata={"k": "v"}, content_settings=settings, max_concurrency=3, validate_content=True)
    assert open(os.path.join(TREE, "file"), "rb").read() == content
    shown = file.get_file_properties()
    assert shown.size == len(content) and shown.metadata == {"k": "v"} and shown.name == "file"
    assert shown.content_settings.content_type == "text/x" and shown.content_settings.cache_control == "no-store"
    assert bytes(shown.content_settings.content_md5) == hashlib.md5(content).digest()
    assert shown.file_attributes == "Archive" and shown.creation_time and shown.file_id and shown.lease.status == "unlocked"
    assert file.download_file(validate_content=True).readall() == content
    assert file.download_file(offset=5, length=7).readall() == content[5:12]
    stream = io.BytesIO()
    file.download_file(max_concurrency=4).readinto(stream)
    assert stream.getvalue() == content
    assert b"".join(file.download_file().chunks()) == content
    file.upload_range(b"hello", offset=3, length=5, validate_content=True)
    file.clear_range(offset=512, length=512)
    part = file.download_file(offset=0, length=1024).readall()
    assert part[3:8] == b"hello" and part[512:] == bytes(512)
    assert file.get_ranges() == [{"start": 0, "end": len(content) - 1}]
    file.resize_file(100)
    assert file.get_file_properties().size == 100
    assert file.get_file_properties().content_settings.content_type == "text/x"
    file.set_http_headers(ContentSettings(content_type="text/y"), file_attributes=NTFSAttributes(hidden=True))
    shown = file.get_file_properties()
    assert (shown.content_settings.content_type, shown.content_settings.cache_control) == ("text/y", None)
    assert shown.file_attributes == "Hidden"
    file.set_file_metadata({"other": "w"})
    assert file.get_file_properties().metadata == {"other": "w"}
    empty = data.get_file_client("empty")
    empty.upload_file(b"")
    assert empty.download_file().readall() == b"" and empty.get_ranges() == []
    copy = data.get_file_client("copy")
    started = copy.start_copy_from_url(file.url)
    assert started["copy_status"] == "success"
    assert copy.get_file_properties().copy.status == "success"
    assert copy.download_file().readall() == file.download_file().readall()
    fails("NoPendingCopyOperation", copy.abort_copy, started["copy_id"])
    signature = generate_file_sas(ACCOUNT, "data", ["file"], KEY, FileSasPermissions(read=True), soon())
    fails("CannotVerifyCopySource", copy.upload_range_from_url, file.url, offset=0, length=5, source_offset=3)
    copy.upload_range_from_url(f"{file.url}?{signature}", offset=0, length=5, source_offset=3)
    assert copy.download_file(offset=0, length=5).readall() == b"hello"
    renamed = copy.rename_file("renamed", content_type="text/z")
    assert renamed.get_file_properties().content_settings.content_type == "text/z" and not copy.exists()
    fails("ResourceAlreadyExists", renamed.rename_file, "file", kind=ResourceExistsError)
    renamed.rename_file("file", overwrite=True)
    assert list(file.list_handles()) == [] and file.close_all_handles()["closed_handles_count"] == 0
    fails("NotImplemented", file.acquire_lease)
    file.delete_file()
    fails("ResourceNotFound", file.download_file, kind=ResourceNotFoundError)
    with open(os.path.join(TREE, "made"), "wb") as made:
        made.write(b"by a container")
    assert data.get_file_client("made").download_file().readall() == b"by a container"
    fails("InvalidResourceName", data.get_file_client("a:b").create_file, 1)
    dated = data.get_file_client("dated")
    when = datetime(2020, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    dated.create_file(1, file_creation_time=when, file_last_write_time=when, file_permission="Inherit")
    shown = dated.get_file_properties()
    assert shown.creation_time == when and shown.last_write_time == when
    directory = data.get_directory_client()
    assert {one.name for one in directory.list_directories_and_files()} == {"empty", "made", "dated"}


def signatures():
    data.get_file_client("file").upload_file(b"content")
    everything = dict(resource_types=ResourceTypes(service=True, container=True, object=True))

    def of_account(permission, expiry=None, **more):
        options = {**everything, **more}
        return generate_account_sas(ACCOUNT, KEY, permission=permission, expiry=expiry or soon(), **options)

    def file(sas, name="file"):
        return ShareFileClient(ENDPOINT, "data", name, credential=sas, **FAST)

    reader = of_account(AccountSasPermissions(read=True, list=True))
    assert file(reader).download_file().readall() == b"content"
    assert [one.name for one in ShareClient(ENDPOINT, "data", credential=reader, **FAST).list_directories_and_files()] == ["file"]
    assert [one.name for one in ShareServiceClient(ENDPOINT, credential=reader, **FAST).list_shares()] == ["data"]
    fails("AuthorizationPermissionMismatch", file(reader).delete_file)
    fails("AuthorizationPermissionMismatch", file(reader).upload_range, b"x", 0, 1)
    old = of_account(AccountSasPermissions(read=True), expiry=datetime.now(timezone.utc) - timedelta(minutes=1))
    fails("AuthenticationFailed", file(old).get_file_properties, kind=ClientAuthenticationError)
    early = of_account(AccountSasPermissions(read=True), start=datetime.now(timezone.utc) + timedelta(minutes=30))
    fails("AuthenticationFailed", file(early).get_file_properties, kind=ClientAuthenticationError)
    elsewhere = of_account(AccountSasPermissions(read=True), ip="10.9.8.7")
    fails("AuthorizationSourceIPMismatch", file(elsewhere).get_file_properties)
    here = of_account(AccountSasPermissions(read=True), ip="127.0.0.1-127.0.0.9", protocol="https,http")
    assert file(here).get_file_properties().size == 7
    secure = of_account(AccountSasPermissions(read=True), protocol="https")
    fails("AuthorizationProtocolMismatch", file(secure).get_file_properties)
    containers = of_account(AccountSasPermissions(read=True), resource_types=ResourceTypes(container=True))
    fails("AuthorizationResourceTypeMismatch", file(containers).get_file_properties)
    fails("AuthenticationFailed", file(reader.replace("sp=rl", "sp=rwdl")).delete_file, kind=ClientAuthenticationError)
    wrong = generate_account_sas(ACCOUNT, base64.b64encode(b"wrong").decode(), permission="r", expiry=soon(), **everything)
    fails("AuthenticationFailed", file(wrong).get_file_properties, kind=ClientAuthenticationError)

    share = generate_share_sas(ACCOUNT, "data", KEY, ShareSasPermissions(read=True, write=True, create=True, delete=True, list=True), soon())
    client = ShareClient(ENDPOINT, "data", credential=share, **FAST)
    client.create_directory("dir ü").upload_file("mine", b"mine")
    assert file(share, "dir ü/mine").download_file().readall() == b"mine"
    copy = file(share, "copy")
    copy.start_copy_from_url(file(share, "dir ü/mine").url)
    assert copy.rename_file("renamed").download_file().readall() == b"mine"
    fails("AuthorizationPermissionMismatch", client.delete_share)
    fails("AuthorizationPermissionMismatch", client.get_share_access_policy)
    maker = generate_share_sas(ACCOUNT, "data", KEY, ShareSasPermissions(create=True), soon())
    file(maker, "new").create_file(1)
    fails("AuthorizationPermissionMismatch", file(maker, "file").create_file, 1)

    one = generate_file_sas(ACCOUNT, "data", ["dir ü", "mine"], KEY, FileSasPermissions(read=True), soon(), content_type="text/special")
    loaded = file(one, "dir ü/mine").download_file()
    assert loaded.readall() == b"mine" and loaded.properties.content_settings.content_type == "text/special"
    fails("AuthenticationFailed", file(one, "file").download_file, kind=ClientAuthenticationError)

    policy = AccessPolicy(permission=ShareSasPermissions(read=True), expiry=soon())
    data.set_share_access_policy({"readers": policy})
    stored = generate_share_sas(ACCOUNT, "data", KEY, policy_id="readers")
    assert file(stored).download_file().readall() == b"content"
    fails("AuthorizationPermissionMismatch", file(stored).delete_file)
    data.set_share_access_policy({})
    fails("AuthenticationFailed", file(stored).download_file, kind=ClientAuthenticationError)

    stranger = ShareServiceClient(ENDPOINT, credential=AzureNamedKeyCredential(ACCOUNT, base64.b64encode(b"no").decode()), **FAST)
    fails("AuthenticationFailed", stranger.list_shares, kind=ClientAuthenticationError)


def throughput():
    """Prints what one client gets; not a test of anything."""
    import time

    content = os.urandom(1 << 20) * 256
    file = data.get_file_client("big")
    for concurrency in (1, 4):
        began = time.monotonic()
        file.upload_file(content, max_concurrency=concurrency)
        sent = time.monotonic()
        assert sum(len(chunk) for chunk in file.download_file(max_concurrency=concurrency).chunks()) == len(content)
        got = time.monotonic()
        print(f"{concurrency} at once: up {256 / (sent - began):.0f} MiB/s, down {256 / (got - sent):.0f} MiB/s")


{"shares": shares, "directories": directories, "files": files, "signatures": signatures, "throughput": throughput}[PART]()
