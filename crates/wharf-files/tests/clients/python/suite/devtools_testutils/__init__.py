"""What the published tests of the SDK expect of Azure's own tools, for a live service without recordings."""
import functools
import os
import socket

import pytest

_real = socket.getaddrinfo


def _lookup(host, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    return _real("127.0.0.1" if name and name.endswith(".wharf.test") else host, *args, **kwargs)


socket.getaddrinfo = _lookup


def is_live():
    return True


def recorded_by_proxy(test):
    @functools.wraps(test)
    def run(*args, **kwargs):
        kwargs.setdefault("variables", None)
        if "variables" not in test.__code__.co_varnames and not (test.__code__.co_flags & 0x08):
            kwargs.pop("variables")
        return test(*args, **kwargs)

    return run


class _Value(str):
    @property
    def secret(self):
        return str(self)


class EnvironmentVariableOptions:
    def __init__(self, **kwargs):
        pass


class EnvironmentVariableLoader:
    """Gives a test its accounts, from the environment."""

    def __init__(self, directory, options=None, **names):
        self.names = names

    def __call__(self, test):
        values = {name: _Value(os.environ[name.upper()]) for name in self.names}
        import inspect

        if inspect.iscoroutinefunction(test):

            @functools.wraps(test)
            async def run(this, *args, **kwargs):
                return await test(this, *args, **{**values, **kwargs})
        else:

            @functools.wraps(test)
            def run(this, *args, **kwargs):
                return test(this, *args, **{**values, **kwargs})

        del run.__wrapped__
        return run


@pytest.fixture(scope="session")
def test_proxy():
    return None


def _nothing(*args, **kwargs):
    return None


add_body_regex_sanitizer = add_general_regex_sanitizer = add_header_regex_sanitizer = _nothing
add_oauth_response_sanitizer = add_uri_string_sanitizer = set_custom_default_matcher = _nothing
add_remove_header_sanitizer = add_uri_regex_sanitizer = _nothing
