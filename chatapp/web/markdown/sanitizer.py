"""The last gate: HTML leaves with known tags, attributes, classes and addresses, whatever made it."""

from __future__ import annotations

import nh3

from chatapp.web.markdown.highlighting import CLASSES
from chatapp.web.markdown.links import SCHEMES

_TEXT = """
p a em strong s code pre span div ul ol li blockquote h3 h4 h5 h6 table thead tbody tr th td hr br
input
"""
_MATH = """
math mrow mi mn mo mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mtext
mspace mstyle mpadded mphantom mmultiscripts mprescripts menclose
"""
_ALIGNED = {"md-left", "md-center", "md-right"}

_ATTRIBUTES = {
    "a": {"href", "title"},
    "input": {"type", "checked", "disabled"},
    "ol": {"start"},
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "largeop", "movablelimits", "accent", "minsize", "maxsize"},
    "mi": {"mathvariant"},
    "mspace": {"width"},
    "mtable": {"columnalign", "rowspacing", "columnspacing", "displaystyle", "columnlines", "rowlines"},
    "mtd": {"columnalign"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "mfrac": {"linethickness"},
    "mover": {"accent"},
    "munder": {"accentunder"},
    "menclose": {"notation"},
}
# Content never uses the page's own classes: everything here begins with `md-` or is one of Pygments'.
_CLASSES = {
    "div": {"md-code", "md-language", "md-table", "md-formula"},
    "ul": {"md-tasks"},
    "ol": {"md-tasks"},
    "li": {"md-task"},
    "th": _ALIGNED,
    "td": _ALIGNED,
    "span": set(CLASSES) | {"md-formula"},
}

_cleaner = nh3.Cleaner(
    tags={*_TEXT.split(), *_MATH.split()},
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    allowed_classes=_CLASSES,
    tag_attribute_values={"pre": {"tabindex": {"0"}}, "div": {"tabindex": {"0"}}},
    set_tag_attribute_values={"input": {"type": "checkbox", "disabled": ""}},
    url_schemes=set(SCHEMES),
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)


def sanitize(html: str) -> str:
    """`html` with everything removed that is not on the lists above; always balanced."""
    return _cleaner.clean(html)
