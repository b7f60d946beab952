"""The transport in a plain HTTP client, with the openai client left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import httpx2

from chatapp.upstream.connector import Connector
from chatapp.upstream.pool import Pool
from chatapp.upstream.transport import StreamTransport


@contextmanager
def mounted(size: int = 1, *, write_s: float = 10) -> Iterator[httpx2.Client]:
    """With one connection and no patience for a second, every request that works shows that none was lost before.

    Nothing in here may take longer than 30 s.
    """
    transport = StreamTransport(Pool(size, size, 60), Connector())
    timeout = httpx2.Timeout(None, connect=10, write=write_s, pool=0)
    with httpx2.Client(transport=transport, timeout=timeout) as client:
        with gevent.Timeout(30):
            yield client
