"""The open sessions of the agent and its candidates: phones that have not yet proven that they hold their keys."""

from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import SESSIONS
from mobifai.session.candidate import Candidate
from mobifai.session.session import Session


class Sessions:
    """The sessions and candidates by device id, oldest first.

    The limit `sessions` applies to the sum of both.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SESSIONS)
        self._members: BoundedMap[str, Candidate | Session] = BoundedMap(self._bound)

    @property
    def members(self) -> list[Candidate | Session]:
        """All sessions and candidates, oldest first."""
        return list(self._members.values())

    @property
    def open(self) -> list[Session]:
        """The sessions without the candidates, oldest first."""
        return [member for member in self._members.values() if isinstance(member, Session)]

    def get(self, device_id: str) -> Candidate | Session | None:
        """Return the session or candidate of a device, or None."""
        return self._members.get(device_id)

    def in_the_way(self, device_id: str) -> Candidate | Session | None:
        """Return the session or candidate that has to end before this device can connect, or None.

        That is the earlier session or candidate of the same device or, if the limit is reached, the oldest of all.
        """
        if device_id in self._members or self._bound.room:
            return self._members.get(device_id)
        return next(iter(self._members.values()))

    def add(self, member: Candidate | Session) -> None:
        """Add a session or candidate. The caller first ends the one that is `in_the_way`."""
        self._members[member.device_id] = member

    def discard(self, member: Candidate | Session) -> None:
        """Remove a session or candidate, without closing it. Idempotent."""
        if self._members.get(member.device_id) is member:
            del self._members[member.device_id]

    def close(self) -> None:
        """Close the ledger entry of the sessions."""
        self._ledger.close(self._bound)
