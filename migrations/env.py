"""Alembic's entry point: runs the revisions on the connection that chatapp.store.migration hands over."""

from __future__ import annotations

from alembic import context

from chatapp.store import account, conversation, stream_token, voice
from chatapp.store.base import Base

MODELS = (account, conversation, stream_token, voice)


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
