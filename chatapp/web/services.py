"""What views work with: the parts that the composition root has put together."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from chatapp.accounts.account import Accounts
from chatapp.accounts.api_token import ApiTokens
from chatapp.accounts.browser_session import BrowserSessions
from chatapp.accounts.stream_token import StreamTokens
from chatapp.config import Settings
from chatapp.store.database import Database
from chatapp.turns.answering import Answering
from chatapp.turns.conversations import Conversations
from chatapp.turns.voices import Voices
from chatapp.web.streams.open_streams import OpenStreams
from chatapp.web.turnstile import Turnstile

EXTENSION = "chatapp"
SWITCH_S = 0.0005
"""Seconds for which a thread may keep the interpreter while another wants it."""


@dataclass(frozen=True, slots=True)
class Services:
    """One per application."""

    settings: Settings
    database: Database
    accounts: Accounts
    browser_sessions: BrowserSessions
    api_tokens: ApiTokens
    stream_tokens: StreamTokens
    conversations: Conversations
    voices: Voices
    answering: Answering
    open_streams: OpenStreams
    turnstile: Turnstile = field(default_factory=Turnstile)

    def start(self) -> None:
        """Called by the server once its worker can serve; a second call does nothing."""
        self.answering.start()
        # What was imported lives as long as the process: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        # A running turn is a hundred objects, and a thousand of them are walked through in a tenth of a second, in
        # which no token moves. By its own count the collector would do so several times a second.
        gc.set_threshold(10_000, 20, 100)
        # What a native thread may keep the event loop from, each time that it comes back from the kernel.
        sys.setswitchinterval(SWITCH_S)

    @property
    def busy(self) -> bool:
        """Whether a turn still runs here, with or without a reader."""
        return self.answering.busy

    def drain(self) -> None:
        """Called when the worker is told to end: no new turns from now on."""
        self.answering.drain()

    def stop(self) -> None:
        """Called by the server as its worker ends."""
        self.answering.stop()
        self.api_tokens.stop()
        self.open_streams.close()
        self.database.close()


def services() -> Services:
    """The parts of the application that serves this request."""
    return cast(Services, current_app.extensions[EXTENSION])
