"""Writing the description down: once for an application, when somebody first asks, away from the event loop."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Flask, current_app
from gevent import get_hub
from gevent.lock import Semaphore
from markupsafe import Markup
from typing_extensions import TypedDict

from chatapp.web.openapi.description import description_of
from chatapp.web.openapi.reference import reference_of

_EXTENSION = "chatapp_openapi"
_one_at_a_time = Semaphore()


class Description(TypedDict):
    """A document in the form of OpenAPI 3.1."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """The description as bytes, and what the page shows of it."""

    json: bytes
    page: Markup


def written() -> Written:
    """This application's description. It is made in a native thread the first time: it takes a tenth of a second, for
    which no stream may stand still."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with _one_at_a_time:
        if _EXTENSION not in app.extensions:
            app.extensions[_EXTENSION] = get_hub().threadpool.apply(partial(_write, app))
    found: Written = app.extensions[_EXTENSION]
    return found


def _write(app: Flask) -> Written:
    description = description_of(app)
    template = app.jinja_env.get_template("_api_reference.html")
    page = template.render(reference=reference_of(description))
    return Written(json.dumps(description, ensure_ascii=False).encode(), Markup(page))  # noqa: S704 - our template
