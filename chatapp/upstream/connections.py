"""The HTTP client under the openai client: its connections, and how long each step may take."""

from __future__ import annotations

import select
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.request import getproxies, proxy_bypass

import httpcore2._utils
import httpx2
import openai
from gevent.monkey import get_original

from chatapp.config import Settings
from chatapp.errors import ConfigurationError
from chatapp.upstream.attempts import note_request
from chatapp.upstream.connector import Connector
from chatapp.upstream.pool import Pool
from chatapp.upstream.transport import StreamTransport

# The stock transport's pool, where that transport is used, asks every idle connection whether it can be read, once or
# twice for each request, and holds its lock meanwhile. gevent's poll waits for its event loop even when it is not to
# wait at all: in a busy process, with as many idle connections as we keep, all requests together stood in line for
# seconds. The system's poll just answers.
_at_once = SimpleNamespace(poll=get_original("select", "poll"), POLLIN=select.POLLIN)
httpcore2._utils.select = _at_once  # type: ignore[attr-defined, assignment]

_SPARE_CONNECTIONS = 4
"""For the list of models and the like, beside one connection per stream."""
_KEPT_ALIVE = 200
_KEEPALIVE_S = 30.0
_CONNECT_S = 10.0
_WRITE_S = 30.0
_STREAMED = "/chat/completions"
_ERROR_BYTES = 64 * 1024
_ANSWER_BYTES = 1024 * 1024
"""Of an answer that is no stream, such as the list of models."""


def http_client(settings: Settings, base_url: str, *, trust_env: bool, pool_s: float) -> httpx2.Client:
    """A client whose pool holds as many connections as this process may have streams of upstream.

    Its transport is our own; the client's stock one where `trust_env` and the environment name a proxy, or where the
    settings say so.
    Reading has no limit in time: patience is one clock for all streams, in the caller, not a timer per read.
    `pool_s` is how long to wait for a free connection; the openai client tries that three times. Raises
    ConfigurationError when the certificates that servers are verified by cannot be read.
    """
    size = settings.most_upstream_streams + _SPARE_CONNECTIONS
    kept = min(size, _KEPT_ALIVE)
    direct = settings.direct_reads and not (trust_env and _is_behind_proxy(base_url))
    try:
        return openai.DefaultHttpx2Client(
            transport=_transport(base_url, Pool(size, kept, _KEEPALIVE_S)) if direct else None,
            limits=httpx2.Limits(
                max_connections=size,
                max_keepalive_connections=kept,
                keepalive_expiry=_KEEPALIVE_S,
            ),
            timeout=httpx2.Timeout(None, connect=_CONNECT_S, write=_WRITE_S, pool=pool_s),
            # Compression would hold deltas back in upstream's buffer, and cost us to undo.
            headers={"Accept-Encoding": "identity"},
            trust_env=trust_env,
            event_hooks={"request": [note_request], "response": [_bound_body]},
        )
    except OSError as error:
        raise ConfigurationError(f"SSL_CERT_FILE: no certificates can be read there ({error})") from None


def _is_behind_proxy(base_url: str) -> bool:
    """Whether the environment names a proxy for this address, by the variables that everybody uses."""
    address, proxies = httpx2.URL(base_url), getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    return bool(named) and not proxy_bypass(address.host)


def _transport(base_url: str, pool: Pool) -> StreamTransport:
    connector = Connector()
    if httpx2.URL(base_url).scheme == "https":
        connector.prepare_tls()  # now, and not in front of the first message
    return StreamTransport(pool, connector)


def _bound_body(response: httpx2.Response) -> None:
    """The client reads every body but a stream's to its end, also that of a redirect; this bounds it, and closes it
    whatever happens."""
    kind, path = response.headers.get("content-type", ""), response.request.url.path
    # Nothing else that is asked for is a stream, whatever upstream calls it.
    if path.endswith(_STREAMED) and response.is_success and kind.startswith("text/event-stream"):
        return
    # What is compressed may grow a thousandfold.
    is_plain = response.is_success and "content-encoding" not in response.headers
    if isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = _BoundBody(response.stream, _ANSWER_BYTES if is_plain else _ERROR_BYTES)


class _BoundBody(httpx2.SyncByteStream):
    """At most `room` bytes of a body; gives its connection back even when the reading greenlet is killed."""

    def __init__(self, stream: httpx2.SyncByteStream, room: int) -> None:
        self._stream = stream
        self._room = room

    def __iter__(self) -> Iterator[bytes]:
        room = self._room
        try:
            for chunk in self._stream:
                yield chunk[:room]
                room -= len(chunk)
                if room <= 0:
                    break
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._stream.close()
