"""The values that all examples share, so that they tell one story."""

from __future__ import annotations

USER_ID = "01a1fdee0f2c8d3e5a1b7c9d4e6f8a0b"
SESSION_ID = "session-20250819-143022-a1b2"
TURN_ID = "01a1fdee5335a7b9f1624903e3332300"
GENERATION_ID = "01a1fdee53361c2d3e4f5a6b7c8d9e0f"
QUESTION_ID = "01a1fdee53371c2d3e4f5a6b7c8d9e0f"
REPLY_ID = "01a1fdee53381c2d3e4f5a6b7c8d9e0f"
REQUEST_ID = "req_20e51c8069efcb7b1b87c8f9"
JTI = "01a1fdee0f3c1d2e3f4a5b6c7d8e9f0a"
MOMENT = "2026-11-21T11:46:56.000Z"
EMAIL = "reader@example.org"
PASSWORD = "correct horse battery staple"  # noqa: S105 - an example
TOKEN = "eyJhbGciOiJIUzI1NiIs…"  # noqa: S105
LOG_ID = "n6hjbrt0h2ezvyigzn3z"
MODEL = "gpt-6-luna"
