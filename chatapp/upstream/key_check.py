"""What the configured key may do at upstream: asked, once each, and said in plain words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gevent
import httpx2
import msgspec
import openai

from chatapp.config import Settings
from chatapp.upstream.catalogue import Catalogue
from chatapp.upstream.client import OPENAI, address_of, key_of
from chatapp.upstream.connections import http_client
from chatapp.upstream.parameters import Parameters
from chatapp.upstream.refusal import Incomplete, Refusal, Unreadable, refusal_of

EMBEDDING_MODEL = "text-embedding-3-small"
REALTIME_MODEL = "gpt-realtime"
PATIENCE_S = 30.0
"""Seconds for each question."""

_FEW_TOKENS = 16
_MOST_CHUNKS = 1000
"""Of an answer that was asked to be short."""
_ABSENT = frozenset({404, 405, 501})

_Failed = (openai.OpenAIError, httpx2.HTTPError, msgspec.MsgspecError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Told:
    """What one question showed. `ok` is None where upstream has no such thing, and need not have."""

    ok: bool | None
    sentence: str
    advice: str = ""


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Vector(msgspec.Struct):
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class _Secret(msgspec.Struct):
    value: str


class KeyCheck:
    """Asks by the same client, over the same connections as the server, and never twice."""

    def __init__(
        self,
        settings: Settings,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        scenario: str = "",
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`base_url` and `api_key` are the simulator's, where there is no other; it fails as `scenario` says. Raises
        ConfigurationError."""
        self._settings = settings
        self._key = key_of(settings, api_key)
        self.address = address_of(settings, base_url)
        self._patience_s = patience_s
        self._headers = {"X-Test-Scenario": scenario} if scenario else None
        self._listed: tuple[str, ...] = ()
        self._catalogue = Catalogue(settings, lambda: self._listed)
        http = http_client(settings, self.address, trust_env=not settings.simulated, pool_s=patience_s)
        self._client = openai.OpenAI(
            api_key=self._key, base_url=self.address, http_client=http, max_retries=0
        )

    def run(self) -> Iterator[Told]:
        """What each question shows, when it has."""
        try:
            yield self._ask("the list of models", self._models)
            yield self._ask(f"an answer of {self._model}", self._completion)
            yield self._ask(f"embeddings ({EMBEDDING_MODEL})", self._embedding, needed=False)
            if not self._settings.simulated:
                yield self._ask(f"Realtime ({REALTIME_MODEL})", self._realtime, needed=False)
        finally:
            self._client.close()

    @property
    def _model(self) -> str:
        return self._catalogue.default

    def _ask(self, what: str, question: Callable[[], str], *, needed: bool = True) -> Told:
        silence = gevent.Timeout(self._patience_s)
        try:
            with silence:
                return Told(True, f"{what}: {question()}")
        except gevent.Timeout as timeout:
            if timeout is not silence:
                raise
            refusal = Refusal.silent(self._patience_s)
        except _Failed as error:
            refusal = refusal_of(error, self._key)
        if not needed and refusal.status in _ABSENT and self._is_elsewhere:
            return Told(None, f"{what}: {refusal.sentence}", "This server has none, and chats need none.")
        return Told(False, f"{what}: {refusal.sentence}", refusal.advice)

    @property
    def _is_elsewhere(self) -> bool:
        return httpx2.URL(self.address).host != httpx2.URL(OPENAI).host

    def _models(self) -> str:
        answer = self._client.models.with_raw_response.list()
        found = msgspec.json.decode(answer.http_response.content, type=_Models).data
        self._listed = tuple(model.id for model in found)
        self._catalogue.refresh()
        asked = self._settings.default_model
        missing = "" if asked in self._listed or not self._listed else f"; {asked} is not among them"
        return f"{len(found)} are listed{missing}"

    def _completion(self) -> str:
        few = self._settings.model_copy(update={"max_output_tokens": _FEW_TOKENS})
        parameters, model = Parameters(few), self._model
        while True:
            sent = parameters.of(model)
            try:
                return self._read(model, sent)
            except openai.APIStatusError as error:
                if not parameters.refuse(model, sent, error):
                    raise

    def _read(self, model: str, sent: dict[str, object]) -> str:
        with self._client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Say hello."}],
            stream=True,
            extra_body=sent,
            extra_headers=self._headers,
        ) as stream:
            if not stream.response.headers.get("content-type", "").startswith("text/event-stream"):
                raise Unreadable
            reasons = [
                choice.finish_reason
                for chunk in itertools.islice(stream, _MOST_CHUNKS)
                for choice in chunk.choices or ()
            ]
        if not any(reasons):
            raise Incomplete
        return f"streamed, in {len(reasons)} pieces"

    def _embedding(self) -> str:
        answer = self._client.embeddings.with_raw_response.create(
            model=EMBEDDING_MODEL, input="hello", encoding_format="float"
        )
        (vector,) = msgspec.json.decode(answer.http_response.content, type=_Vectors).data
        return f"vectors of {len(vector.embedding)} numbers"

    def _realtime(self) -> str:
        answer = self._client.realtime.client_secrets.with_raw_response.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", "model": REALTIME_MODEL},
        )
        msgspec.json.decode(answer.http_response.content, type=_Secret)
        return "the key may open sessions (a secret for 60 s was made, and thrown away)"
