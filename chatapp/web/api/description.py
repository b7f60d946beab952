"""The API's description, for programs and for people."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from chatapp.web.access import public
from chatapp.web.openapi.operation import Json, Text, described
from chatapp.web.openapi.writing import Description, written

blueprint = Blueprint("description", __name__, url_prefix="/api")


@blueprint.get("/openapi.json")
@public
@described({200: Json(Description, {"openapi": "3.1.0", "info": {}, "paths": {}}, "The description.")})
def openapi() -> Response:
    """The whole API as OpenAPI 3.1."""
    return Response(written().json, mimetype="application/json")


@blueprint.get("/docs")
@public
@described({200: Text("text/html", "The page.")})
def docs() -> str:
    """The same as a page to read, without scripts and without anything from elsewhere."""
    return render_template("api_docs.html", reference=written().page)
