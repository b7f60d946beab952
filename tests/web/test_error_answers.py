"""Error answers: one JSON shape for the API, a page elsewhere, a request id on everything."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatapp.web.access import public
from tests.web.conftest import Person, assert_error, rows, signed_in, take_database_away

CHAT = "/api/v1/chat"
OWN = "req_abcDEF123456"


@pytest.mark.parametrize(
    "path",
    [
        "/api/nowhere",
        "/api",
        "/api/",
        "/api/v1/chat/",
        "/generations",
        "/generations/nowhere",
        "/api/%00",
    ],
)
def test_an_unknown_path_of_the_api_is_told_in_json(standing_app: Flask, path: str) -> None:
    assert_error(standing_app.test_client().get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["/nowhere", "/apis", "/c", "/static/nowhere.css", "/static/../wsgi.py", "/%00"]
)
def test_an_unknown_page_is_a_page(standing_app: Flask, path: str) -> None:
    answered = standing_app.test_client().get(path)
    assert answered.status_code == 404
    assert answered.mimetype == "text/html"
    assert answered.headers["X-Request-Id"] in answered.get_data(as_text=True)


def test_somebody_signed_in_gets_that_page_too(browser: FlaskClient) -> None:
    answered = browser.get("/nowhere")
    assert (answered.status_code, answered.mimetype) == (404, "text/html")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CHAT),
        ("PUT", CHAT),
        ("DELETE", "/api/health"),
        ("POST", "/api/v1/conversations"),
        ("TRACE", CHAT),
    ],
)
def test_a_method_that_is_not_allowed(standing_api: FlaskClient, method: str, path: str) -> None:
    answered = standing_api.open(path, method=method)
    assert_error(answered, 405, "METHOD_NOT_ALLOWED")
    assert "OPTIONS" in answered.headers["Allow"]


def test_a_page_s_method_that_is_not_allowed(standing_app: Flask) -> None:
    answered = standing_app.test_client().get("/sign-out")
    assert (answered.status_code, answered.mimetype) == (405, "text/html")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "json"]
)
@pytest.mark.parametrize("path", [CHAT, "/api/chat/stream", "/api/v1/turns", "/api/v1/auth/token"])
def test_a_body_that_is_not_json(
    standing_app: Flask, standing_api: FlaskClient, path: str, kind: str
) -> None:
    answered = standing_api.post(path, data='{"message": "Hi"}', content_type=kind)
    assert_error(answered, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'message': 'Hi'}",
        b'{"message": "Hi"',
        b'{"message": "Hi"} x',
        b'{"message": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"message": "Grüße"}'.encode("latin-1"),
        '{"message": "Hi"}'.encode("utf-16"),
        b'{"message": "\xed\xa0\x80"}',
        b'{"message": "a\nb"}',
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b"9" * 10_000,
    ],
    ids=lambda body: repr(body)[:30],
)
def test_malformed_json(standing_app: Flask, standing_api: FlaskClient, body: bytes) -> None:
    assert_error(standing_api.post(CHAT, data=body, content_type="application/json"), 400, "MALFORMED_JSON")
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("body", [b"null", b"5", b'"x"', b"[]", b"true"])
def test_json_that_is_no_object(standing_api: FlaskClient, body: bytes) -> None:
    assert_error(standing_api.post(CHAT, data=body, content_type="application/json"), 422)


@pytest.mark.parametrize("path", [CHAT, "/api/chat/stream", "/api/v1/turns", "/api/v1/turns/x/cancel"])
def test_ten_megabytes_are_too_large(standing_app: Flask, standing_api: FlaskClient, path: str) -> None:
    body = b'{"message": "' + b"x" * 10_000_000 + b'"}'
    assert_error(standing_api.post(path, data=body, content_type="application/json"), 413, "TOO_LARGE")
    assert set(rows(standing_app).values()) == {0}


def test_the_largest_message_fits_however_it_is_escaped(api: FlaskClient) -> None:
    body = '{"message": "' + "\\ud83e\\udd16" * 4000 + '"}'
    assert api.post("/api/v1/turns", data=body, content_type="application/json").status_code == 202


def test_a_form_that_is_too_large_is_told_by_a_page(standing_app: Flask) -> None:
    answered = standing_app.test_client().post("/sign-in", data={"email": "x" * 1_000_000})
    assert (answered.status_code, answered.mimetype) == (413, "text/html")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/health", 200),
        ("GET", "/api/v1/auth/ping", 401),
        ("GET", "/api/nowhere", 404),
        ("PUT", CHAT, 405),
        ("GET", "/sign-in", 200),
        ("GET", "/", 303),
        ("GET", "/nowhere", 404),
        ("POST", "/sign-in", 403),
        ("GET", "/static/style.css", 200),
        ("GET", "/static/nowhere", 404),
        ("OPTIONS", CHAT, 200),
    ],
)
def test_every_answer_tells_its_request_id(standing_app: Flask, method: str, path: str, status: int) -> None:
    client = standing_app.test_client()
    answered = client.open(path, method=method, buffered=True)
    assert answered.status_code == status
    assert re.fullmatch(r"req_[A-Za-z0-9]{8,64}", answered.headers["X-Request-Id"])
    kept = client.open(path, method=method, headers={"X-Request-Id": OWN}, buffered=True)
    assert kept.headers.getlist("X-Request-Id") == [OWN]


@pytest.mark.parametrize(
    "given",
    ["", "x", "req_", "req_short12"[:11], "req_" + "x" * 65, "req_abcdefgh!", "REQ_abcdefghi", "req_ab cdefgh",
     "req_\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"],
)  # fmt: skip
def test_a_request_id_of_another_shape_is_replaced(standing_app: Flask, given: str) -> None:
    header = given.encode().decode("latin-1")
    answered = standing_app.test_client().get("/api/health", headers={"X-Request-Id": header})
    assert answered.headers["X-Request-Id"] != header


def test_a_stream_keeps_the_request_id(api: FlaskClient) -> None:
    answered = api.post(CHAT, json={"message": "Hi"}, headers={"X-Request-Id": OWN})
    assert answered.headers["X-Request-Id"] == OWN


def test_an_error_on_a_page_survives_a_database_that_is_away(app: Flask, person: Person) -> None:
    for client in (app.test_client(), signed_in(app, person)):
        client.get("/api/ready")
    clients = [signed_in(app, person), app.test_client()]
    clients[1].environ_base["HTTP_AUTHORIZATION"] = f"Bearer {person.token}"
    take_database_away(app)
    for client in clients:
        missing, page = client.get("/nowhere"), client.get("/")
        assert (missing.status_code, missing.mimetype) == (404, "text/html")
        assert (page.status_code, page.mimetype) == (503, "text/html")
        for answered in (missing, page):
            assert answered.headers["X-Request-Id"] in answered.get_data(as_text=True)
            assert "Traceback" not in answered.get_data(as_text=True)


def test_a_message_that_cannot_be_committed_is_never_answered_200(app: Flask, api: FlaskClient) -> None:
    api.get("/api/v1/voices")
    take_database_away(app)
    for path in (CHAT, "/api/v1/turns", "/api/chat/stream"):
        answered = api.post(path, json={"message": "Hi"})
        assert_error(answered, 503)
        assert int(answered.headers["Retry-After"]) > 0


def test_a_bug_of_ours_is_a_sentence_and_nothing_more(app: Flask) -> None:
    @public
    def broken() -> str:
        raise RuntimeError("canary of the inside")

    for path in ("/api/broken", "/broken"):
        app.add_url_rule(path, path, view_func=broken)
    body = assert_error(app.test_client().get("/api/broken"), 500, "INTERNAL_ERROR")
    assert "canary" not in str(body)
    page = app.test_client().get("/broken")
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "canary" not in page.get_data(as_text=True)
