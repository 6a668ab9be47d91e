from . import *
from . import StorageRecordedTestCase


class AsyncStorageRecordedTestCase(StorageRecordedTestCase):
    async def generate_sas_async(self, function, *args, **kwargs):
        return await function(*args, **kwargs)
