"""The user's own key combinations, which phones that encrypt share through the agent.

Tapping a combination types into a terminal. So the agent accepts combinations only from phones whose key is pinned, and
sends them only to such phones. Owns `keys.json` of the state directory (mode 0600, replaced as a whole). Each
combination is stored with the id of the phone that wrote it, so that revoking this phone removes the combination.
"""

import logging
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from mobifai.bounds import Ledger
from mobifai.errors import BadMessage, StateError
from mobifai.limits import KEYS
from mobifai.protocol import messages
from mobifai.session.rights import Rights
from mobifai.state import write_secret

_log = logging.getLogger(__name__)

_JOINERS = frozenset("\u200c\u200d")
"""Joiners without a width of their own, which are parts of letters and emoji."""


class _Kept(msgspec.Struct, frozen=True):
    combination: messages.Combination
    by: messages.Id


class _File(msgspec.Struct, frozen=True):
    combinations: tuple[_Kept, ...] | None = None


class Combinations:
    """The stored key combinations. `listed` is None until a phone has sent some."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path = path
        self._ledger = ledger
        self._bound = ledger.open(KEYS)
        self._kept = self._read()

    def close(self) -> None:
        """Close the ledger entry of the key combinations."""
        self._ledger.close(self._bound)

    @property
    def listed(self) -> tuple[messages.Combination, ...] | None:
        """The combinations in the user's order; None if none were ever stored."""
        return None if self._kept is None else tuple(kept.combination for kept in self._kept)

    def replace(self, combinations: tuple[messages.Combination, ...], by: str) -> None:
        """Replace all combinations. `by` is the id of the phone that sent them.

        A combination that was stored before and is unchanged keeps the phone that wrote it first. Raises BadMessage,
        LimitReached or StateError; the stored combinations are unchanged then.
        """
        _check(combinations)
        writers = {kept.combination: kept.by for kept in self._kept or ()}
        self._keep(tuple(_Kept(one, writers.get(one, by)) for one in combinations))

    def forget(self, device_id: str) -> None:
        """Remove the combinations that a phone wrote, since the phone was revoked."""
        left = tuple(kept for kept in self._kept or () if kept.by != device_id)
        if self._kept is None or len(left) == len(self._kept):
            return
        try:
            self._keep(left)
        except StateError as error:
            self._kept = left
            _log.warning(
                "the key combinations of a revoked phone could not be deleted from the file "
                "and may return at the next start: %s",
                error,
            )

    def _keep(self, kept: tuple[_Kept, ...]) -> None:
        content = msgspec.json.encode(_File(kept))
        if len(content) > self._bound.capacity:
            raise self._bound.refuse("key combinations that are too long together")
        write_secret(self._path, content)
        self._kept = kept
        self._bound.set(len(content))

    def _read(self) -> tuple[_Kept, ...] | None:
        try:
            with self._path.open("rb") as file:
                content = file.read(self._bound.capacity)  # a longer file is cut, and so it is not valid JSON
            kept = msgspec.json.decode(content, type=_File).combinations
            _check(one.combination for one in kept or ())
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, BadMessage, OSError, ValueError, RecursionError) as error:
            _log.warning("%s can't be read (%s); phones send their key combinations again", self._path, error)
            return None
        self._bound.set(len(content))
        return kept


class KeySync:
    """Handles one session's requests about key combinations.

    `device_id` is the id of the phone. `send` sends the phone an event and its payload.
    """

    def __init__(
        self, combinations: Combinations, rights: Rights, device_id: str, send: Callable[[str, object], None]
    ) -> None:
        self._combinations = combinations
        self._rights = rights
        self._device_id = device_id
        self._send = send

    @property
    def handlers(self) -> messages.KeyHandlers:
        """The handlers of the phone's messages about key combinations, by event."""
        return {"keys:get": self.get, "keys:set": self.set}

    def get(self, _: messages.Empty | None) -> None:
        """Send the phone all combinations. Raises BadMessage if the phone has no right to them."""
        self._require_right("keys:get")
        self._send_state()

    def set(self, message: messages.KeysSet) -> None:
        """Replace all combinations, and send the phone the result. Raises BadMessage, LimitReached, StateError."""
        self._require_right("keys:set")
        self._combinations.replace(message.combinations, self._device_id)
        self._send_state()

    def _send_state(self) -> None:
        self._send("keys:state", messages.KeysState(combinations=self._combinations.listed))

    def _require_right(self, event: str) -> None:
        if not self._rights.keys:
            raise BadMessage(
                event, "key combinations are for phones that encrypt end to end and have `keys` among their features"
            )


def _check(combinations: Iterable[messages.Combination]) -> None:
    """Raise BadMessage if an id occurs twice, or a combination has characters that hide what it types."""
    seen: set[str] = set()  # bounded by the message
    for one in combinations:
        if one.id in seen:
            raise BadMessage("keys:set", f"expected each id of a key combination once; found {one.id} twice")
        if any(map(_is_hidden, one.label + one.sequence)):
            raise BadMessage(
                "keys:set", f"expected visible characters in the key combination {one.id}; write keys by their names"
            )
        seen.add(one.id)


def _is_hidden(letter: str) -> bool:
    return letter not in _JOINERS and unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
