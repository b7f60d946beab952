"""Security headers: on every answer, whatever it is."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

PATHS = ["/sign-in", "/", "/nowhere", "/api/docs", "/api/nowhere", "/api/v1/auth/ping", "/static/style.css"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_protected(standing_app: Flask, path: str) -> None:
    headers = standing_app.test_client().get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert ("no-store" in headers["Cache-Control"]) is not path.startswith("/static")


def test_streams_are_protected_too(api: FlaskClient) -> None:
    headers = api.post("/api/v1/chat", json={"message": "Hi"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers.getlist("Cache-Control") == ["no-cache, no-store, must-revalidate, no-transform"]


def test_nothing_has_no_type(app: Flask, api: FlaskClient) -> None:
    made = api.post("/api/v1/tokens", json={"name": "A script"}).get_json()
    for answered in (api.delete(f"/api/v1/tokens/{made['jti']}"), api.options("/api/v1/chat")):
        assert answered.data == b""
        assert "Content-Type" not in answered.headers


def test_over_tls_the_browser_is_told_to_stay_there(standing_app: Flask) -> None:
    answered = standing_app.test_client().get("/sign-in", base_url="https://chat.example.org")
    assert answered.headers["Strict-Transport-Security"].startswith("max-age=")


def test_no_page_needs_what_the_policy_forbids(browser: FlaskClient) -> None:
    for path in ("/", "/password", "/nowhere", "/api/docs"):
        page = browser.get(path).get_data(as_text=True)
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page
