"""The one way to upstream: a real key, any compatible server, or the simulator, always by one client."""

from __future__ import annotations

import re
import traceback
from typing import Any, cast
from urllib.parse import urlsplit

import gevent
import httpx2
import msgspec
import openai
from gevent import GreenletExit

from chatapp.config import Settings
from chatapp.errors import ConfigurationError, UpstreamFailure
from chatapp.telemetry.log import warn
from chatapp.upstream.attempts import Attempts, watching
from chatapp.upstream.connections import http_client
from chatapp.upstream.failures import OPENAI_TIMEOUT, SERVER_ERROR
from chatapp.upstream.parameters import Parameters
from chatapp.upstream.reply import Reply
from chatapp.upstream.request import UpstreamRequest
from chatapp.upstream.verdict import failure_of

CHARACTERS_PER_TOKEN = 32
"""No tokenizer packs more of prose into one token on average; past it the bound on output was ignored."""

_LISTING_S = 10.0
OPENAI = "https://api.openai.com/v1"
_SCENARIO = re.compile(r"[a-z_]{1,32}")
_Events = openai.Stream[object]
"""What the client would make of a stream; it is asked for the answer itself."""


class _Model(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Model]


class Upstream:
    """One openai client for this process, with one pool of connections."""

    def __init__(
        self,
        settings: Settings,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        pool_s: float = 5.0,
    ) -> None:
        """`base_url` and `api_key` stand in for the settings' own: that is how the simulator is plugged in.

        Raises ConfigurationError for a key or address that cannot be used.
        """
        self.simulated = settings.simulated
        self._key = key_of(settings, api_key)
        self._limit = settings.max_output_tokens * CHARACTERS_PER_TOKEN
        self._parameters = Parameters(settings)
        # A proxy for the outer world has no business on the way to a simulator in this process.
        address = address_of(settings, base_url)
        http = http_client(settings, address, trust_env=not self.simulated, pool_s=pool_s)
        self._client = openai.OpenAI(api_key=self._key, base_url=address, http_client=http, max_retries=2)
        # The client asks the platform for its name when it first makes headers, which starts a process and waits
        # for it: once, here, and not in every one of the first messages at the same time.
        _ = self._client.default_headers

    def open(self, request: UpstreamRequest, attempts: Attempts | None = None) -> Reply:
        """Asks for an answer and returns it once upstream begins to give it. Raises UpstreamFailure.

        Waits without limit; whatever is thrown into the waiting greenlet hangs up and goes on its way. The
        client's own retries are counted in `attempts`, in the reply and in the failure alike.
        """
        attempts = attempts or Attempts()
        while True:
            sent = self._parameters.of(request.model, request.parameters)
            try:
                with watching(attempts):
                    response = self._ask(request, sent)
            except openai.OpenAIError as error:
                if not self._may_ask_again(request, sent, error):
                    raise self._failure(error, request, attempts) from None
            else:
                return self._reply(response, attempts)

    def _ask(self, request: UpstreamRequest, sent: dict[str, Any]) -> httpx2.Response:
        body = {"model": request.model, "messages": request.messages, "stream": True, **sent}
        try:
            # What `chat.completions.create` comes down to. On the way there it would look up each of its
            # parameters and their types for other names to send them by; ours have none. Saves an eighth of what a
            # short message costs.
            answer: object = self._client.post(
                "/chat/completions",
                content=msgspec.json.encode(body),
                cast_to=httpx2.Response,
                options={"headers": _scenario_header(request.scenario)},
                stream=True,
                stream_cls=_Events,
            )
        except GreenletExit as stop:
            # Behind a proxy, a TLS handshake that is broken off leaves its socket to the frames of this very
            # traceback, and a greenlet keeps that for as long as somebody keeps the greenlet.
            traceback.clear_frames(stop.__traceback__)
            raise
        return cast(httpx2.Response, answer)

    def _may_ask_again(
        self, request: UpstreamRequest, sent: dict[str, Any], error: openai.OpenAIError
    ) -> bool:
        return isinstance(error, openai.APIStatusError) and self._parameters.refuse(
            request.model, sent, error, request.parameters
        )

    def _reply(self, response: httpx2.Response, attempts: Attempts) -> Reply:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            response.close()
            raise SERVER_ERROR.failure(retries=attempts.retries, detail="the answer is no event stream")
        return Reply(response, retries=attempts.retries, limit=self._limit)

    def _failure(
        self, error: openai.OpenAIError, request: UpstreamRequest, attempts: Attempts
    ) -> UpstreamFailure:
        failure = failure_of(
            error, name=f"the model {request.model}", key=self._key, retries=attempts.retries
        )
        warn(
            "Upstream refused",
            request_id=request.request_id,
            code=failure.error_code,
            detail="; ".join(failure.__notes__),
            provider_request_id=getattr(error, "request_id", None),
            provider_retry_count=attempts.retries,
        )
        return failure

    def models(self) -> tuple[str, ...]:
        """The models that upstream lists, in its order. Raises UpstreamFailure; takes seconds at most."""
        try:
            with gevent.Timeout(_LISTING_S, OPENAI_TIMEOUT.failure()):
                answer = self._client.models.with_raw_response.list(timeout=_LISTING_S)
        except openai.OpenAIError as error:
            raise failure_of(error, name="the list of models", key=self._key) from None
        try:
            listing = msgspec.json.decode(answer.http_response.content, type=_Listing)
        except (ValueError, RecursionError):
            raise SERVER_ERROR.failure(detail="the list of models cannot be read") from None
        return tuple(dict.fromkeys(model.id for model in listing.data))

    def close(self) -> None:
        """Closes every connection. Open replies end with UpstreamFailure."""
        self._client.close()


def key_of(settings: Settings, given: str | None) -> str:
    """The key to send; a server that wants none gets a word that is none."""
    own = settings.openai_api_key
    return given or (own.get_secret_value() if own else "") or "none"


def address_of(settings: Settings, given: str | None) -> str:
    """Where upstream is: OpenAI itself when there is a key and no address. Raises ConfigurationError."""
    if given is None and settings.simulated:
        raise ConfigurationError("OPENAI_API_KEY: not set, and no simulator was given in its place")
    address = given or settings.openai_base_url or OPENAI
    try:
        httpx2.URL(address)
    except httpx2.InvalidURL:
        raise ConfigurationError("OPENAI_BASE_URL: is not an address") from None
    return address


def shown_address(address: str) -> str:
    """The address as it may be shown: without a name and password, and without a query, which can hold a key."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _scenario_header(scenario: str | None) -> dict[str, str]:
    """The header that asks for a fault; anything that is no scenario's name is not sent."""
    return {"X-Test-Scenario": scenario} if scenario and _SCENARIO.fullmatch(scenario) else {}
