"""The pages. Importing this package gives the blueprint its views."""

from chatapp.web.pages import (
    account,
    api_token,
    colours,
    compare,
    conversation,
    reply,
    turn,
    voice,
    voice_toml,
)

__all__ = [
    "account",
    "api_token",
    "colours",
    "compare",
    "conversation",
    "reply",
    "turn",
    "voice",
    "voice_toml",
]
