"""The memory of a terminal's ring: its marks, its modes, its stream id, and the bytes of output.

The marks are the position of the first kept byte and the position after the last one. The modes are the terminal modes
at the first kept byte.

Memory that is shared with the keeper outlives the agent. The first page holds the marks, the modes and, at its end, the
stream id. The rest holds the bytes of output, and the window into which the next bytes are read.
"""

import mmap
import secrets
import struct

from mobifai.bounds import ByteRing
from mobifai.bounds.byte_ring import MARKS_BYTES
from mobifai.terminals.modes import Modes
from mobifai.terminals.spawning import RING_PAGE

_LENGTH = struct.Struct("<H")
_MODES_AT = MARKS_BYTES + _LENGTH.size
_STREAM_BYTES = 8
_STREAM_AT = RING_PAGE - _STREAM_BYTES


class RingMemory:
    """Views of a ring's memory. Owns the memory map; `close` unmaps it. `shared`: the keeper maps it, too."""

    def __init__(self, memory: mmap.mmap, *, shared: bool) -> None:
        self._memory = memory
        self._shared = shared
        self._page = memoryview(memory)[:RING_PAGE]
        self.marks = memoryview(memory)[:MARKS_BYTES]
        self.buffer = memoryview(memory)[RING_PAGE:]

    @property
    def closed(self) -> bool:
        """Return whether the memory is unmapped."""
        return self._memory.closed

    def modes(self) -> Modes:
        """Return the modes that `keep_modes` has stored."""
        (length,) = _LENGTH.unpack_from(self._page, MARKS_BYTES)
        modes = Modes()
        modes.feed(bytes(self._page[_MODES_AT : _MODES_AT + length]))
        return modes

    def keep_modes(self, modes: Modes) -> None:
        """Store the modes at the first kept byte. An unfinished escape sequence that does not fit is cut off."""
        state = modes.state()[: _STREAM_AT - _MODES_AT]
        _LENGTH.pack_into(self._page, MARKS_BYTES, len(state))
        self._page[_MODES_AT : _MODES_AT + len(state)] = state

    def stream(self) -> str:
        """Return the stream id, 16 hex digits that distinguish this shell's output; it is generated on first use."""
        name = bytes(self._page[_STREAM_AT:])
        if not any(name):
            name = self._page[_STREAM_AT:] = secrets.token_bytes(_STREAM_BYTES)
        return name.hex()

    def give_back(self, ring: ByteRing) -> None:
        """Give memory pages without kept bytes of `ring` back to the system. They read as zeros afterwards."""
        advice = getattr(mmap, "MADV_REMOVE" if self._shared else "MADV_DONTNEED", None)
        if advice is None:
            return
        for start, length in ring.unused():
            first, last = -(-(RING_PAGE + start) // mmap.PAGESIZE), (RING_PAGE + start + length) // mmap.PAGESIZE
            if last > first:
                self._memory.madvise(advice, first * mmap.PAGESIZE, (last - first) * mmap.PAGESIZE)

    def close(self) -> None:
        """Unmap the memory, whose views must all be released. Idempotent."""
        if self._memory.closed:
            return
        for view in (self._page, self.marks, self.buffer):
            view.release()
        self._memory.close()
