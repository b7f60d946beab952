"""The stylesheet of voices' colours."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response, url_for

from chatapp.errors import NotFound
from chatapp.web.access import touches_nothing
from chatapp.web.colours.stylesheet import colours_of, name_of, stylesheet
from chatapp.web.pages.blueprint import blueprint

_FOREVER = "public, max-age=31536000, immutable"


@blueprint.get("/colours/<name>.css", endpoint="colours")
@touches_nothing
def colours_stylesheet(name: str) -> Response:
    """What its address says, and so the same for everybody for a year."""
    colours = colours_of(name)
    if colours is None:
        raise NotFound
    return Response(stylesheet(colours), mimetype="text/css", headers={"Cache-Control": _FOREVER})


@blueprint.app_template_global()
def colours_url(colours: Iterable[str | None]) -> str:
    """For templates: where the stylesheet of these `#rrggbb` is; empty where there is none. See templates/_colours.html
    for the link."""
    name = name_of(colours)
    return url_for("pages.colours", name=name) if name else ""
