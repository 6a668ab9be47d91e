import functools


def recorded_by_proxy_async(test):
    @functools.wraps(test)
    async def run(*args, **kwargs):
        return await test(*args, **kwargs)

    return run
