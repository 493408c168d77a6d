"""Routes the relay's events about a phone to the session of that phone.

Each registration with a relay has one router, which knows one phone at a time.
"""

from mobifai.session.candidate import Candidate
from mobifai.session.registry import SessionRegistry
from mobifai.session.relay_registration import PairedPhone
from mobifai.session.session import Session
from mobifai.session.sessions import Sessions


class SessionRouter:
    """Receives the events of one registration, as its `RegistrationListener`. `registry` opens and ends sessions."""

    def __init__(self, registry: SessionRegistry, sessions: Sessions) -> None:
        self._registry = registry
        self._sessions = sessions
        self._phone: PairedPhone | None = None

    @property
    def _member(self) -> Candidate | Session | None:
        """The session or candidate of this router's phone.

        It is None if there is none, or if the phone has paired again through another registration.
        """
        member = self._sessions.get(self._phone.device_id) if self._phone is not None else None
        return member if member is not None and member.phone is self._phone else None

    @property
    def _session(self) -> Session | None:
        member = self._member
        return member if isinstance(member, Session) else None

    @property
    def has_channel(self) -> bool:
        """Whether the data channel of the phone is open."""
        return self._session is not None and self._session.transports.channel_open

    def phone_paired(self, phone: PairedPhone) -> None:
        """Admit a phone that has paired, and end the session of the previous phone."""
        self.phone_unpaired("another pairing replaces this session")
        self._phone = phone
        self._registry.admit(phone)

    def phone_unpaired(self, reason: str) -> None:
        """End the session or candidate of the phone."""
        if self._member is not None:
            self._registry.end(self._member, reason)

    def phone_left_relay(self) -> None:
        """Stop sending to the phone through the relay.

        The phone's session continues if its data channel is open. A candidate ends.
        """
        member = self._member
        if isinstance(member, Session):
            member.relay_ended()
        elif member is not None:
            self._registry.end(member, "the phone left before it had proven who it is")

    def relay_has_room(self) -> None:
        """Let the phone's session send the messages and output that wait."""
        if self._session is not None:
            self._session.outbound.flush()

    def relay_echoed(self, nonce: str) -> None:
        """Pass an echo of the relay to the transports of the phone's session."""
        if self._session is not None:
            self._session.transports.relay_echoed(nonce)
