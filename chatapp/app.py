"""The composition root: the only place that chooses implementations and puts the house together."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from chatapp.accounts.account import Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.accounts.stream_token import StreamTokens
from chatapp.config import Settings, load_settings
from chatapp.own_stack import on_own_stack
from chatapp.store.database import Database
from chatapp.streaming.subscriber import Clock
from chatapp.telemetry.log import configure_logging
from chatapp.turns.answering import Answering
from chatapp.turns.conversations import Conversations
from chatapp.turns.voices import Voices
from chatapp.web.api import (
    account,
    api_token,
    catalogue,
    chat,
    conversation,
    description,
    estimate,
    generation,
    health,
    stream_token,
    team_voice,
    turn,
    voice,
    voice_toml,
)
from chatapp.web.body_size import BODY
from chatapp.web.commands import accounts as account_commands
from chatapp.web.commands import database as database_commands
from chatapp.web.commands import doctor as doctor_command
from chatapp.web.commands import simulator as simulator_command
from chatapp.web.commands import voices as voice_commands
from chatapp.web.commands import welcome as welcome_command
from chatapp.web.cors import init_cors
from chatapp.web.error_answers import init_error_answers
from chatapp.web.form import MOST_FIELDS, FormRequest
from chatapp.web.gate import init_gate
from chatapp.web.identity import init_identity
from chatapp.web.limits.limits import init_limits
from chatapp.web.limits.shared_redis import SharedRedis
from chatapp.web.pages.blueprint import blueprint as pages
from chatapp.web.pages.blueprint import template_values
from chatapp.web.request_id import init_request_id
from chatapp.web.security_headers import init_security_headers
from chatapp.web.services import EXTENSION, Services
from chatapp.web.session import RowSessions
from chatapp.web.streams.open_streams import StreamsHere
from chatapp.web.streams.place import init_place
from chatapp.web.streams.shared_streams import SharedStreams

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ROOT = Path(__file__).resolve().parents[1]
API = (
    health,
    account,
    api_token,
    chat,
    turn,
    estimate,
    generation,
    stream_token,
    conversation,
    catalogue,
    voice,
    team_voice,
    voice_toml,
    description,
)
COMMANDS = (
    account_commands.users,
    account_commands.tokens,
    database_commands.database,
    doctor_command.doctor,
    simulator_command.simulator,
    voice_commands.voices,
    welcome_command.welcome,
)


def create_app(
    settings: Settings | None = None, database: Database | None = None, *, clock: Clock = time.time
) -> Flask:
    """The application for these settings, by default the environment's, on their database, or on one of another
    patience. `clock` is what limits go by. Nothing runs before it serves."""
    settings = settings or load_settings()
    configure_logging()
    app = Flask("chatapp", root_path=str(ROOT), static_folder="static", template_folder="templates")
    app.request_class = FormRequest
    # A path of ours is written in one way; from others nobody is led to it, with a page, under /api too.
    app.url_map.merge_slashes = False
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=BODY,
        SESSION_COOKIE_SECURE=settings.production,
        MAX_FORM_PARTS=MOST_FIELDS,
        WTF_CSRF_TIME_LIMIT=None,
        SEND_FILE_MAX_AGE_DEFAULT=300,
    )
    redis = SharedRedis(settings.redis_url.get_secret_value()) if settings.redis_url else None
    app.extensions[EXTENSION] = parts = _parts(settings, database, redis)
    app.session_interface = RowSessions(parts.browser_sessions, settings.secret_key.get_secret_value())
    _init(app, settings, redis, clock)
    return app


def _parts(settings: Settings, database: Database | None, redis: SharedRedis | None) -> Services:
    database = database or Database(settings.database_url.get_secret_value())
    most = settings.streams_per_user
    return Services(
        settings=settings,
        database=database,
        accounts=Accounts(database),
        browser_sessions=BrowserSessions(database),
        api_tokens=ApiTokens(database, settings.jwt_secret.get_secret_value()),
        stream_tokens=StreamTokens(database),
        conversations=Conversations(database),
        voices=Voices(database),
        answering=Answering(settings, database),
        open_streams=SharedStreams(redis, most) if redis else StreamsHere(most),
    )


def _init(app: Flask, settings: Settings, redis: SharedRedis | None, clock: Clock) -> None:
    init_request_id(app)
    init_identity(app)
    init_gate(app)
    init_place(app)
    init_limits(app, settings, redis, clock)
    init_error_answers(app)
    init_security_headers(app)
    init_cors(app, settings.cors_origins)
    app.context_processor(template_values)
    app.register_blueprint(pages)
    for module in API:
        app.register_blueprint(module.blueprint)
    for command in COMMANDS:
        app.cli.add_command(command)
    app.wsgi_app = _on_own_stack(app.wsgi_app)  # type: ignore[assignment, method-assign]
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _on_own_stack(application: WSGIApplication) -> WSGIApplication:
    """Views may go deep; the greenlet of a connection then only has to hold what it streams."""
    return lambda environ, start_response: on_own_stack(partial(application, environ, start_response))
