"""The files of a package that one message crosses, found while it passes.

A function is *handed* a message when an argument contains it, and *hands it out* when its result contains it, or a
buffer that it was given to fill. A file is *crossed* when one of its functions does either. A message is recognized by
a marker in it. Where a cipher of the package encrypts or decrypts the message, its other form is recognized too.

A call from a later file of the path into an earlier one is a *return* if the earlier file then handles the message
again: it is on the stack (a callback), or it hands the message to another file. A function that only computes a result
from the message is a helper of its caller, and does not count as a return.
"""

import dataclasses
import sys
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec

_DEPTH = 3
"""How deep a message may be in lists, mappings and records of one argument."""

_VARIABLE = (4, 8)
"""Flags of code that takes `*arguments` and `**options`."""


class MessageTrace:
    """One message on its way through the package in the directory `root`.

    `ciphers` are functions that return another form of their argument. Functions that the code in `outside` calls
    are not part of the path, nor are files below `excluded`, relative to `root`.
    """

    def __init__(
        self,
        root: Path,
        marker: bytes,
        *,
        ciphers: Sequence[CodeType] = (),
        outside: Sequence[Path] = (),
        excluded: Sequence[str] = (),
    ) -> None:
        self.files: list[str] = []
        """The files that the message crossed, in the order in which it came to each for the first time."""
        self.returns: list[str] = []
        """The calls to earlier files: `FROM -> INTO FUNCTION`."""
        self._root = f"{root}/"
        self._forms = [marker]
        self._ciphers = frozenset(ciphers)
        self._outside = tuple(f"{path}/" for path in outside)
        self._excluded = tuple(self._root + path for path in excluded)
        self._calls_back: dict[FrameType, str] = {}

    @contextmanager
    def running(self) -> Iterator["MessageTrace"]:
        """Trace the calls of this thread for the length of a scope."""
        sys.setprofile(self._note)
        try:
            yield self
        finally:
            sys.setprofile(None)
            self._calls_back.clear()

    def _note(self, frame: FrameType, event: str, result: object) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not self._is_inside(code.co_filename):
            return
        is_handed = any(self._holds(value) for value in _arguments(frame))
        if event == "return":
            if is_handed and code in self._ciphers and isinstance(result, bytes):
                self._forms += [result, b2a_base64(result, newline=False)]
            if not is_handed and not self._holds(result):
                return
        elif not is_handed:
            return
        callers = self._callers(frame)
        if callers is not None:
            self._cross(frame, callers if event == "call" else [])

    def _is_inside(self, path: str) -> bool:
        return path.startswith(self._root) and not path.startswith(self._excluded)

    def _callers(self, frame: FrameType) -> list[FrameType] | None:
        """Return the frames of the package that called this one, the nearest first; None if others made the call."""
        found, caller = list[FrameType](), frame.f_back
        while caller is not None:
            path = caller.f_code.co_filename
            if path.startswith(self._outside):
                return None
            if self._is_inside(path):
                found.append(caller)
            caller = caller.f_back
        return found

    def _cross(self, frame: FrameType, callers: list[FrameType]) -> None:
        path = self._name(frame)
        others = [caller for caller in callers if self._name(caller) != path]
        for caller in others:  # it passes the message on, so it is not a helper
            self._returned(caller)
        if path not in self.files:
            self.files.append(path)
        elif callers and callers[0] in others and self._is_later(callers[0], path):
            self._calls_back[frame] = f"{self._name(callers[0])} -> {path} {frame.f_code.co_name}"
            if any(self._name(caller) == path for caller in callers):
                self._returned(frame)

    def _is_later(self, caller: FrameType, path: str) -> bool:
        name = self._name(caller)
        return name in self.files and self.files.index(name) > self.files.index(path)

    def _returned(self, frame: FrameType) -> None:
        call = self._calls_back.pop(frame, None)
        if call is not None:
            self.returns.append(call)

    def _name(self, frame: FrameType) -> str:
        return frame.f_code.co_filename.removeprefix(self._root)

    def _holds(self, value: object, depth: int = _DEPTH) -> bool:
        if isinstance(value, str | bytes | bytearray | memoryview | msgspec.Raw):
            data = value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)
            return any(form in data for form in self._forms)
        return depth > 0 and any(self._holds(part, depth - 1) for part in _parts(value))


def _arguments(frame: FrameType) -> Iterator[object]:
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount + sum(bool(code.co_flags & flag) for flag in _VARIABLE)
    values = frame.f_locals
    return (values[name] for name in code.co_varnames[:count] if name in values)


def _parts(value: Any) -> Iterator[object]:
    """Return the members of a list, a mapping or a record, and none for any other object."""
    if isinstance(value, dict):
        return iter(value.values())
    if isinstance(value, tuple | list):
        return iter(value)
    if isinstance(value, msgspec.Struct):
        return (getattr(value, name) for name in value.__struct_fields__)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (getattr(value, field.name) for field in dataclasses.fields(value))
    return iter(())
