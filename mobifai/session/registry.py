"""Creates and closes sessions. There are at most `sessions` (one, for now): a phone that pairs replaces the oldest.

A phone that encrypts is a candidate first, and gets a session when it has proven who it is. Owns the tasks that keep
the sessions' data channels.
"""

import asyncio
import logging
from collections.abc import Callable

from mobifai.access.known_phones import KnownPhones
from mobifai.errors import StateError
from mobifai.protocol.e2e import Reason
from mobifai.protocol.features import Features
from mobifai.session.candidate import Candidate
from mobifai.session.context import SessionContext
from mobifai.session.encryption import EncryptedSession, Identity, Refusal
from mobifai.session.events import SessionClosed, SessionOpened
from mobifai.session.relay_registration import PairedPhone
from mobifai.session.session import Session
from mobifai.session.sessions import Sessions

_log = logging.getLogger(__name__)


class SessionRegistry:
    """Owns the sessions of one agent. `identity` gives the agent's key and name; it may raise StateError."""

    def __init__(
        self, context: SessionContext, sessions: Sessions, phones: KnownPhones, identity: Callable[[], Identity]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._sessions = sessions
        self._phones = phones
        self._identity = identity
        self._tasks: dict[Session, asyncio.Task[None]] = {}  # bounded: those of closed sessions end within seconds

    async def close(self) -> None:
        """Close every session and wait for the end of its data channel. Idempotent."""
        for member in self._sessions.members:
            self.end(member, "the agent stops")
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def revoke(self, device_id: str) -> None:
        """End the session of a phone that was revoked."""
        member = self._sessions.get(device_id)
        if isinstance(member, Session):
            member.revoke()
        elif member is not None:
            member.encryption.refuse(Reason.REVOKED, "this phone was revoked")

    def end(self, member: Candidate | Session, reason: str) -> None:
        """End a session, or the handshake of a candidate."""
        if isinstance(member, Session):
            member.close(reason)
        else:
            member.close()
            self._sessions.discard(member)

    # -- opening

    def admit(self, phone: PairedPhone) -> None:
        """Open a session for a phone, after its proof if it encrypts."""
        in_the_way = self._sessions.in_the_way(phone.device_id)
        if in_the_way is not None:
            self.end(in_the_way, "another pairing replaces this session")
        if phone.features.e2e:
            self._await_proof(phone)
        else:
            self._open(phone, phone.features, None)

    def _await_proof(self, phone: PairedPhone) -> None:
        try:
            candidate = Candidate(phone, self._identity(), self._phones, self._proven, self._refused)
        except StateError as error:
            _log.warning("no end-to-end encryption: %s", error)
            phone.end_pairing()
            return
        self._sessions.add(candidate)
        phone.receive = candidate.receive
        candidate.encryption.start()

    def _proven(self, candidate: Candidate, features: Features) -> None:
        _log.info("the phone %s is there, end to end", candidate.device_id)
        self._sessions.discard(candidate)
        self._open(candidate.phone, features, candidate.encryption)

    def _refused(self, candidate: Candidate, _: Refusal) -> None:
        self._sessions.discard(candidate)
        candidate.close()
        candidate.phone.end_pairing()

    def _open(self, phone: PairedPhone, features: Features, encryption: EncryptedSession | None) -> None:
        session = Session(phone, features, encryption, self._context, self)
        self._sessions.add(session)
        phone.receive = session.inbound.from_relay
        task = self._loop.create_task(self._run(session, list(self._tasks.values())), name="session")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._tasks.pop(session, None))
        self._context.publish(SessionOpened(phone.device_id))
        session.start()

    async def _run(self, session: Session, earlier: list[asyncio.Task[None]]) -> None:
        """Keep a session's data channel, once those of closed sessions have ended."""
        closing = [task for task in earlier if task.cancelling()]
        earlier.clear()
        if closing:
            await asyncio.wait(closing)
        closing.clear()  # a cancelled task keeps its error, and with that its session
        await session.run()

    # -- closing

    def session_closed(self, session: Session) -> None:
        """Forget a session, and end its data channel."""
        self._sessions.discard(session)
        task = self._tasks.get(session)
        if task is not None:
            task.cancel()
        self._context.publish(SessionClosed(session.device_id))


class Seat:
    """One phone's place at the relay: passes on what the relay reports of it. `registry` opens its session."""

    def __init__(self, registry: SessionRegistry, sessions: Sessions) -> None:
        self._registry = registry
        self._sessions = sessions
        self._phone: PairedPhone | None = None

    @property
    def _member(self) -> Candidate | Session | None:
        """The session or candidate of this seat's phone, unless the phone has come by another seat since."""
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
        """Admit a phone. It replaces the one before."""
        self.phone_unpaired("another pairing replaces this session")
        self._phone = phone
        self._registry.admit(phone)

    def phone_unpaired(self, reason: str) -> None:
        """End the session of the phone."""
        if self._member is not None:
            self._registry.end(self._member, reason)

    def phone_left_relay(self) -> None:
        """Go on with an open data channel."""
        member = self._member
        if isinstance(member, Session):
            member.relay_ended()
        elif member is not None:
            self._registry.end(member, "the phone left before it had proven who it is")

    def relay_has_room(self) -> None:
        """Send on."""
        if self._session is not None:
            self._session.outbound.flush()

    def relay_echoed(self, nonce: str) -> None:
        """Pass on what the relay sent back."""
        if self._session is not None:
            self._session.transports.relay_echoed(nonce)
