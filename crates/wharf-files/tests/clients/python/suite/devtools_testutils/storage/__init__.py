import logging
import os
import time
import zlib
from io import StringIO
from uuid import uuid4
from datetime import datetime

import pytest


def generate_sas_token():
    return "?sig=fake"


class GenericTestProxyParametrize1:
    def __call__(self, test):
        return test


class LogCaptured:
    def __init__(self, test_case=None):
        pass

    def __enter__(self):
        self.log_stream = StringIO()
        self.handler = logging.StreamHandler(self.log_stream)
        self.logger = logging.getLogger("azure.storage")
        self.previous = self.logger.level
        self.logger.addHandler(self.handler)
        self.logger.setLevel(logging.DEBUG)
        return self.log_stream

    def __exit__(self, *args):
        self.logger.removeHandler(self.handler)
        self.logger.setLevel(self.previous)


class StorageRecordedTestCase:
    is_live = True

    def is_playback(self):
        return False

    def assert_upload_progress(self, size, max_chunk_size, progress, unknown_size=False):
        total = None if unknown_size else size
        for at, known in progress:
            assert at % max_chunk_size in (0, size % max_chunk_size) and known == total

    def assert_download_progress(self, size, max_chunk_size, max_get_size, progress):
        assert progress and all(0 < at <= known for at, known in progress)

    def assertNamedItemInContainer(self, container, name, message=None):
        assert any(name in (item.name, getattr(item, "snapshot", None)) for item in container), message or name

    def assertNamedItemNotInContainer(self, container, name, message=None):
        assert all(item.name != name for item in container), message or name

    def account_url(self, account, service):
        if account is None:
            return None
        name = account if isinstance(account, str) else account.name
        return f"http://{name}.{service}.{os.environ['ACCOUNT_URL_SUFFIX']}"

    def get_resource_name(self, prefix):
        return prefix + uuid4().hex[:20]

    def get_random_bytes(self, size):
        return os.urandom(size)

    def get_random_text_data(self, size):
        return ("x" * size)

    def get_credential(self, *args, **kwargs):
        pytest.skip("no tokens")

    def generate_sas(self, function, *args, **kwargs):
        return function(*args, **kwargs)

    def get_datetime_variable(self, variables, name, value):
        return value

    def sleep(self, seconds):
        time.sleep(seconds)

    def get_settings_value(self, name):
        return os.environ.get(name)
