"""The replay that shows a terminal to a new viewer: a reset, the modes, and the kept output without queries."""

import re

from mobifai.bounds import ByteRing
from mobifai.terminals.modes import Modes

RESET = b"\x1bc"
"""RIS: without a reset, a replay would print the history a second time."""

_LINE_BYTES = 1024

_CANCEL = b"\x18"
"""Replaces a removed query. With nothing in between, the bytes around it could form a new query."""

_QUERY = re.compile(
    rb"\x1b\[[?>=]?[0-9;]*c"  # device attributes
    rb"|\x1b\[\??[0-9;]*n"  # status and cursor reports
    rb"|\x1b\[>[0-9;]*q"  # version
    rb"|\x1b\[\??[0-9;]*\$p"  # requests of a mode's state
    rb"|\x1b\[\?u"  # keyboard protocol
    rb"|\x1b\[[0-9;]*x"  # parameters
    rb"|\x1b\[(?:1[1345689]|2[01])(?:;[0-9;]*)?t"  # window reports
    rb"|\x1b\](?:4(?:;[0-9]+;[^\x07\x1b;]*)*;[0-9]+|1[0-9]|5[0-9]?|52;[a-z0-9]*);\?(?:\x07|\x1b\\)"  # colours
    rb"|\x1bP[$+]q[^\x07\x1b]*(?:\x07|\x1b\\)"  # settings and terminfo
    rb"|\x1bZ|\x05"  # identify, answer-back
)
"""Queries that an emulator answers. After a replay, the answer would be typed into a shell that did not ask."""


def safe_start(ring: ByteRing, modes: Modes) -> int:
    """Return the first position in a ring that is not inside an escape sequence, a character or a line."""
    head = ring.read(ring.start, 8192)
    skip = modes.rest_of_sequence(head)
    while skip < min(len(head), 4) and 0x80 <= head[skip] < 0xC0:
        skip += 1
    if ring.start == 0 or modes.alternate_screen:
        return ring.start + skip
    newline = head.find(b"\n", skip, skip + _LINE_BYTES)
    return ring.start + (newline + 1 if newline >= 0 else skip)


def snapshot(ring: ByteRing, modes: Modes) -> bytes:
    """Return the replay of a terminal whose ring begins in these modes."""
    start = safe_start(ring, modes)
    skipped = ring.read(ring.start, start - ring.start)
    return RESET + modes.after(skipped).prefix() + _QUERY.sub(_CANCEL, ring.read(start))
