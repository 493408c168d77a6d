"""What a phone is shown of a terminal that it has not seen: a reset, the modes, and the kept bytes, safe to replay."""

import re

from mobifai.bounds import ByteRing
from mobifai.terminals.modes import Modes

RESET = b"\x1bc"
"""RIS: a replay without a reset would print history twice."""

_LINE_BYTES = 1024

_CANCEL = b"\x18"
"""Stands for what is left out: with nothing there, what was before and after it might make a question."""

_QUERY = re.compile(
    rb"\x1b\[[?>=]?[0-9;]*c"  # device attributes
    rb"|\x1b\[\??[0-9;]*n"  # status and cursor reports
    rb"|\x1b\[>[0-9;]*q"  # version
    rb"|\x1b\[\??[0-9;]*\$p"  # is a mode set?
    rb"|\x1b\[\?u"  # keyboard protocol
    rb"|\x1b\[[0-9;]*x"  # parameters
    rb"|\x1b\[(?:1[1345689]|2[01])(?:;[0-9;]*)?t"  # window reports
    rb"|\x1b\](?:4(?:;[0-9]+;[^\x07\x1b;]*)*;[0-9]+|1[0-9]|5[0-9]?|52;[a-z0-9]*);\?(?:\x07|\x1b\\)"  # colours
    rb"|\x1bP[$+]q[^\x07\x1b]*(?:\x07|\x1b\\)"  # settings and terminfo
    rb"|\x1bZ|\x05"  # identify, answer-back
)
"""What an emulator answers. On a replay the answer would be typed into the shell, to which nobody asks any more."""


def safe_start(ring: ByteRing, modes: Modes) -> int:
    """The first position of a ring from which a replay makes sense: not within a sequence, a character or a line."""
    head = ring.read(ring.start, 8192)
    skip = modes.rest_of_sequence(head)
    while skip < min(len(head), 4) and 0x80 <= head[skip] < 0xC0:
        skip += 1
    if ring.start == 0 or modes.alternate_screen:
        return ring.start + skip
    newline = head.find(b"\n", skip, skip + _LINE_BYTES)
    return ring.start + (newline + 1 if newline >= 0 else skip)


def snapshot(ring: ByteRing, modes: Modes) -> bytes:
    """The screen of a terminal whose ring begins in these modes."""
    start = safe_start(ring, modes)
    skipped = ring.read(ring.start, start - ring.start)
    return RESET + modes.after(skipped).prefix() + _QUERY.sub(_CANCEL, ring.read(start))
