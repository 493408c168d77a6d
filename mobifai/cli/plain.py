"""Text of others, made safe to print: names of phones and tabs, what a relay or a model says."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: object) -> str:
    """Without what would drive the terminal it is printed on, or turn its lines around. Lines and tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))
