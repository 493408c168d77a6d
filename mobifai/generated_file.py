"""Small files whose content is generated once and then only read, such as keys. Holds no state."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from mobifai.files import read_whole, set_aside, write_whole
from mobifai.problems import Problems

_log = logging.getLogger(__name__)

T = TypeVar("T")


class GeneratedFile:
    """A generated file of the state directory.

    `without` is the consequence of losing the file's content, such as "every phone needs a new link", for messages.
    """

    def __init__(self, path: Path, problems: Problems, without: str) -> None:
        self._path = path
        self._problems = problems
        self._without = without

    def load(self, read: Callable[[bytes], T], make: Callable[[], tuple[T, bytes]]) -> T:
        """Return the value that `read` finds in the file, or a new value, which is then stored in the file.

        `make` returns a new value, and the file's content for it. A file that `read` rejects (ValueError,
        RecursionError, MsgspecError) is renamed. If the file can't be read or written, the new value is valid until
        this process ends.
        """
        try:
            return read(read_whole(self._path))
        except FileNotFoundError:
            pass
        except OSError as error:  # the file may be valid: it is not touched
            return self._in_memory(make()[0], f"can't be read ({error})")
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            if not self._set_aside(error):
                return self._in_memory(make()[0], f"is damaged ({error}), and can't be moved away")
        made, content = make()
        try:
            write_whole(self._path, content)
        except OSError as error:
            return self._in_memory(made, f"can't be written ({error})")
        return made

    def _set_aside(self, why: Exception) -> bool:
        try:
            aside = set_aside(self._path)
        except OSError:
            return False
        text = f"{self._path} is damaged ({why}); it was set aside as {aside.name}, and {self._without}"
        _log.warning("%s", text)  # so each text is a message kind of its own
        return True

    def _in_memory(self, made: T, why: str) -> T:
        self._problems.report(
            self._path.name,
            f"{self._path} {why}; a temporary one is used until this process ends, and then {self._without}: "
            "free some space, or make it readable and writable",
        )
        return made
