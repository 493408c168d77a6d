"""HTML and SVG elements. All strings are escaped unless they are of the type `Markup`."""

import html
import re
from collections.abc import Iterable

from mobifai.protocol.plain_text import plain

MOST_TEXT = 2000
"""Most characters of a text that are shown. report.json has the whole text."""

_NO_CHARACTER = re.compile(r"[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

_VOID = frozenset({"meta", "br", "rect", "line", "polyline", "path", "circle"})


class Markup(str):
    """Text that is already markup, so that it is not escaped again."""

    __slots__ = ()


Content = str | Markup | None | Iterable["Content"]


def printable(text: object) -> str:
    """Return text of any origin (names, errors) without invalid characters and direction marks, shortened if long."""
    return _clean(shortened(str(text)))


def shortened(text: str) -> str:
    """Return at most `MOST_TEXT` characters of a text. A mark shows where it was cut."""
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "…"


def tag(name: str, /, *content: Content, **attributes: object) -> Markup:
    """Return an element. In attribute names, `_` stands for `-`, and a trailing `_` is dropped (as in `class_`)."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_clean(str(value)))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    inside = markup(*content)
    if name in _VOID and not inside:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{inside}</{name}>")


def markup(*content: Content) -> Markup:
    """Join the pieces into markup. Strings are escaped, and None is skipped."""
    return Markup("".join(_piece(one) for one in content))


def _piece(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return str(content)
    if isinstance(content, str):
        return html.escape(printable(content))
    return "".join(_piece(one) for one in content)


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", plain(text))
