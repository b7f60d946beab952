"""The pages' blueprint, and what every template may ask for."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from chatapp.web.access import csrf_token
from chatapp.web.identity import account_if_known
from chatapp.web.pages.usage import usage_of, usage_of_all
from chatapp.web.services import services

blueprint = Blueprint("pages", __name__)
for written in (usage_of, usage_of_all):
    blueprint.add_app_template_filter(written)


def template_values() -> dict[str, Any]:
    """`user` (or None), `csrf_token()`, whether the model is simulated, whether people may register, and the silence
    after which a stream beats, and how long an answer goes on unheard."""
    settings = services().settings
    return {
        "user": account_if_known(),
        "csrf_token": csrf_token,
        "simulated": settings.simulated,
        "registration_open": settings.registration_open,
        "heartbeat_ms": settings.heartbeat_ms,
        "abandon_s": settings.abandon_s,
    }
