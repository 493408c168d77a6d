"""The terminal modes that a replay must restore.

`Modes` is fed the bytes that a ring no longer holds. `prefix` then brings an emulator into the state in which it can
process the bytes that the ring still holds. The escape sequences are those of ECMA-48 and xterm's ctlseqs. The module
does no I/O.
"""

import re
from copy import copy

from mobifai.limits import MAX_SEQUENCE

_TRACKED = (1, 7, 9, 12, 25, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1047, 1049, 2004, 2031)
_ON_AT_START = frozenset({7, 25})
_TITLE_BYTES = 512

_CHANGE = re.compile(
    rb"\x1b(?:\[\?(?P<modes>[0-9;]{1,64})(?P<set>[hl])|(?P<escape>[=>c])|(?P<soft>\[!p)"
    rb"|\][02];(?P<title>[^\x07\x1b]{0,4000})(?:\x07|\x1b\\))"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_FINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^_`-~])")


class Modes:
    """The modes of a terminal after the output that was passed to `feed`."""

    def __init__(self) -> None:
        self._set: dict[int, bool] = {}  # bounded by _TRACKED
        self._keypad = False
        self._title = b""
        self._unfinished = b""

    def feed(self, data: bytes) -> bool:
        """Process the next bytes of output. Returns whether they may have changed the state."""
        if not self._unfinished and b"\x1b" not in data:
            return False
        data = self._unfinished + data
        for change in _CHANGE.finditer(data):
            self._apply(change)
        unfinished = _UNFINISHED.search(data, max(0, len(data) - MAX_SEQUENCE))
        self._unfinished = unfinished.group() if unfinished else b""
        return True

    def _apply(self, change: re.Match[bytes]) -> None:
        if change["modes"]:
            for number in change["modes"].split(b";"):
                if number and int(number) in _TRACKED:
                    self._set[int(number)] = change["set"] == b"h"
        elif change["title"] is not None:
            self._title = change["title"][:_TITLE_BYTES]
        elif change["escape"] in (b"=", b">"):
            self._keypad = change["escape"] == b"="
        else:
            self._set.clear()
            self._keypad = False

    def after(self, data: bytes) -> "Modes":
        """Return the modes as they are after `data` follows; this object does not change."""
        later = copy(self)
        later._set = dict(self._set)  # bounded by _TRACKED
        later.feed(data)
        return later

    def rest_of_sequence(self, following: bytes) -> int:
        """Return how many bytes of `following` belong to an escape sequence that began in the bytes fed before."""
        if not self._unfinished:
            return 0
        whole = _FINISHED.match(self._unfinished + following[:MAX_SEQUENCE])
        return whole.end() - len(self._unfinished) if whole else 0

    @property
    def alternate_screen(self) -> bool:
        """Return whether the alternate screen is active, as in full-screen programs."""
        return any(self._set.get(mode, False) for mode in (47, 1047, 1049))

    def state(self) -> bytes:
        """Return bytes that, fed to new `Modes`, bring them to exactly this state."""
        return self.prefix() + self._unfinished

    def prefix(self) -> bytes:
        """Return bytes that bring a reset emulator to these modes."""
        changed = [(mode, on) for mode, on in self._set.items() if on != (mode in _ON_AT_START)]
        modes = b"".join(b"\x1b[?%d%c" % (mode, b"h" if on else b"l") for mode, on in changed)
        title = b"\x1b]2;" + self._title + b"\x07" if self._title else b""
        return title + (b"\x1b=" if self._keypad else b"") + modes
