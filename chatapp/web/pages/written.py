"""A template, written in pieces."""

from __future__ import annotations

from typing import Any

from flask import current_app

from chatapp.web.pieces import Pieces


def written(template: str, values: dict[str, Any], pieces: Pieces) -> str:
    """What `render_template` gives, made in pieces."""
    current_app.update_template_context(values)
    return "".join(pieces.between(current_app.jinja_env.get_template(template).generate(values)))
