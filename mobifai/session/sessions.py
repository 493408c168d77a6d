"""Who is connected to the agent: the sessions, and the phones that have not proven yet who they are."""

from mobifai.bounds import BoundedMap, Ledger
from mobifai.limits import SESSIONS
from mobifai.session.candidate import Candidate
from mobifai.session.session import Session


class Sessions:
    """The sessions and candidates by the ids of their devices, oldest first: at most `sessions` of them together."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bound = ledger.open(SESSIONS)
        self._members: BoundedMap[str, Candidate | Session] = BoundedMap(self._bound)

    @property
    def members(self) -> list[Candidate | Session]:
        """All of them, oldest first."""
        return list(self._members.values())

    @property
    def open(self) -> list[Session]:
        """The sessions, oldest first."""
        return [member for member in self._members.values() if isinstance(member, Session)]

    def get(self, device_id: str) -> Candidate | Session | None:
        """Return the session or candidate of a device."""
        return self._members.get(device_id)

    def in_the_way(self, device_id: str) -> Candidate | Session | None:
        """Return what has to end before this device can come: its own session, or the oldest when there is no room."""
        if device_id in self._members or self._bound.room:
            return self._members.get(device_id)
        return next(iter(self._members.values()))

    def add(self, member: Candidate | Session) -> None:
        """Add one. There is room for it, see `in_the_way`."""
        self._members[member.device_id] = member

    def discard(self, member: Candidate | Session) -> None:
        """Forget one. Idempotent."""
        if self._members.get(member.device_id) is member:
            del self._members[member.device_id]

    def close(self) -> None:
        """Close the ledger entry."""
        self._ledger.close(self._bound)
