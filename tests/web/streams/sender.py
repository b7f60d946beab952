"""Somebody who sends messages, in every way there is."""

from __future__ import annotations

from typing import Any

import gevent
from flask import Flask
from werkzeug.test import TestResponse

from chatapp.store.database import DatabaseUnavailable
from tests.web.conftest import Person, assert_error, bearer_client, form_token, signed_in

FORM = "/messages"
WAYS = ("/api/v1/chat", "/api/chat/stream", "/api/v1/turns", FORM)
SENTENCE = DatabaseUnavailable().message
DRAFT = "How do bees sleep?"


class Sender:
    """Signs in when it is made, because later the database may be in trouble. Each way has a message id of its own,
    which is the same whenever it is tried again."""

    def __init__(self, app: Flask, person: Person) -> None:
        self._app = app
        self._person = person
        self._browser = signed_in(app, person)
        self._csrf_token = form_token(self._browser, "/")

    def send_all(self) -> dict[str, gevent.Greenlet[Any, TestResponse]]:
        """Sends in all ways at once; what each is answered, read to its end."""
        return {way: gevent.spawn(self._send, way) for way in WAYS}

    def assert_all_are_refused(self, sending: dict[str, gevent.Greenlet[Any, TestResponse]]) -> None:
        """Whether each was told, in its own way, that nothing was saved, and to try again."""
        for way, sent in sending.items():
            answered = sent.get(timeout=30)
            assert answered.status_code == 503, way
            assert int(answered.headers["Retry-After"]) > 0
            if way == FORM:
                assert answered.mimetype == "text/html"
                assert SENTENCE in answered.get_data(as_text=True)
            else:
                assert assert_error(answered, 503, "DATABASE_UNAVAILABLE")["message"] == SENTENCE

    def assert_all_are_accepted(self, sending: dict[str, gevent.Greenlet[Any, TestResponse]]) -> None:
        statuses = {way: sent.get(timeout=30).status_code for way, sent in sending.items()}
        assert statuses == dict(zip(WAYS, (200, 200, 202, 303), strict=True))

    def _send(self, way: str) -> TestResponse:
        message_id = way.replace("/", "-")
        if way == FORM:
            fields = {"csrf_token": self._csrf_token, "message": DRAFT, "client_message_id": message_id}
            return self._browser.post(way, data=fields)
        headers = {"Idempotency-Key": message_id}
        answered = bearer_client(self._app, self._person).post(way, json={"message": DRAFT}, headers=headers)
        answered.get_data()
        return answered
