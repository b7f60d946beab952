"""What can be asked for: models."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from chatapp.web.openapi.example import MODEL
from chatapp.web.openapi.operation import Json, described
from chatapp.web.services import services

blueprint = Blueprint("catalogue", __name__, url_prefix="/api/v1")


class OfferedModel(TypedDict):
    """A model that can be asked."""

    id: str
    default: Annotated[bool, Field(description="Whether it is taken where none is named.")]
    simulated: bool


class OfferedModels(TypedDict):
    """All of them."""

    items: list[OfferedModel]
    next_cursor: None
    simulated: Annotated[bool, Field(description="Whether none of them is real.")]


_MODELS: OfferedModels = {
    "items": [{"id": MODEL, "default": True, "simulated": False}],
    "next_cursor": None,
    "simulated": False,
}


@blueprint.get("/models")
@described({200: Json(OfferedModels, _MODELS)})
def models() -> Response:
    """The models that can be asked."""
    answering = services().answering
    names = answering.catalogue.names or (answering.catalogue.default,)
    simulated = answering.upstream.simulated
    items: list[OfferedModel] = [
        {"id": name, "default": name == answering.catalogue.default, "simulated": simulated} for name in names
    ]
    told: OfferedModels = {"items": items, "next_cursor": None, "simulated": simulated}
    return jsonify(told)
