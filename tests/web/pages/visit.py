"""What a browser does on the pages, in a line."""

from __future__ import annotations

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import submit


def page_of(answered: TestResponse) -> str:
    assert answered.status_code == 200
    assert answered.mimetype == "text/html"
    return answered.get_data(as_text=True)


def posted(browser: FlaskClient, message: str = "Hi") -> str:
    """Where the form for a new conversation leads."""
    answered = submit(browser, "/messages", "/", message=message, client_message_id="m1")
    assert answered.status_code == 303
    return answered.headers["Location"]
