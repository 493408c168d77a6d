"""Creates and closes sessions.

When the limit `sessions` (1 by default) is reached, a phone that pairs replaces the oldest.

A phone that encrypts is a candidate first. It gets a session when it has proven that it holds its key. Owns the tasks
that negotiate and maintain the sessions' data channels.
"""

import asyncio
import logging
from collections.abc import Callable

from mobifai.access.known_phones import KnownPhones
from mobifai.bounds import BoundedMap
from mobifai.errors import StateError
from mobifai.limits import SESSION_TASKS
from mobifai.protocol.e2e import Reason
from mobifai.protocol.features import Features
from mobifai.session.candidate import Candidate
from mobifai.session.context import SessionContext
from mobifai.session.encryption import EncryptedSession, Identity
from mobifai.session.events import SessionClosed, SessionOpened
from mobifai.session.relay_registration import PairedPhone
from mobifai.session.session import Session
from mobifai.session.sessions import Sessions

_log = logging.getLogger(__name__)


class SessionRegistry:
    """Owns the sessions of one agent. `identity` returns the agent's key and name, or raises StateError."""

    def __init__(
        self, context: SessionContext, sessions: Sessions, phones: KnownPhones, identity: Callable[[], Identity]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._sessions = sessions
        self._phones = phones
        self._identity = identity
        self._bound = context.ledger.open(SESSION_TASKS)
        self._tasks: BoundedMap[Session, asyncio.Task[None]] = BoundedMap(self._bound)

    async def close(self) -> None:
        """Close every session, and wait until all data channels have ended. Idempotent."""
        for member in self._sessions.members:
            self.end(member, "the agent is stopping")
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._context.ledger.close(self._bound)

    def revoke(self, device_id: str) -> None:
        """End the session or candidate of a phone that was revoked, if it has one."""
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
        """Open a session for a phone that has paired. A phone that encrypts becomes a candidate first."""
        in_the_way = self._sessions.in_the_way(phone.device_id)
        if in_the_way is not None:
            self.end(in_the_way, "another pairing replaces this session")
        if phone.features.e2e:
            self._await_proof(phone)
        else:
            self._open(phone, phone.features, None)

    def _await_proof(self, phone: PairedPhone) -> None:
        try:
            candidate = Candidate(phone, self._identity(), self._phones, self)
        except StateError as error:
            _log.warning(
                "refused the phone %s, because the agent's key for end-to-end encryption is not available: %s",
                phone.device_id,
                error,
            )
            phone.end_pairing()
            return
        self._sessions.add(candidate)
        phone.receive = candidate.receive
        candidate.encryption.start()

    # -- events of candidates (CandidateOwner)

    def candidate_proven(self, candidate: Candidate, features: Features) -> None:
        """Open the session of a phone that has proven that it holds its key."""
        _log.info("the phone %s is connected, encrypted end to end", candidate.device_id)
        self._sessions.discard(candidate)
        self._open(candidate.phone, features, candidate.encryption)

    def candidate_refused(self, candidate: Candidate) -> None:
        """Discard a candidate whose handshake has failed, and end its pairing."""
        self._sessions.discard(candidate)
        candidate.close()
        candidate.phone.end_pairing()

    def _open(self, phone: PairedPhone, features: Features, encryption: EncryptedSession | None) -> None:
        if not self._bound.room:
            self._refuse(phone, encryption)
            return
        session = Session(phone, features, encryption, self._context, self)
        self._sessions.add(session)
        phone.receive = session.inbound.from_relay
        task = self._loop.create_task(self._run(session, list(self._tasks.values())), name="session")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._tasks.pop(session, None))
        self._context.publish(SessionOpened(phone.device_id))
        session.start()

    def _refuse(self, phone: PairedPhone, encryption: EncryptedSession | None) -> None:
        """End the pairing with a phone, since too many closed sessions still have data channels."""
        refusal = self._bound.refuse("one more session")
        _log.warning(
            "refused the phone %s, since too many ended sessions have data channels; it can connect again later: %s",
            phone.device_id,
            refusal,
        )
        if encryption is not None:
            encryption.close()
        phone.release()
        phone.end_pairing()

    async def _run(self, session: Session, earlier: list[asyncio.Task[None]]) -> None:
        """Negotiate and maintain the session's data channel until the session ends.

        First wait for the tasks in `earlier` that are cancelled, those of closed sessions.
        """
        closing = [task for task in earlier if task.cancelling()]
        earlier.clear()
        if closing:
            await asyncio.wait(closing)
        closing.clear()  # a cancelled task keeps its error, and with that its session
        await session.run()

    # -- events of sessions (SessionOwner)

    def session_closed(self, session: Session) -> None:
        """Discard a session that has closed, and end its data channel."""
        self._sessions.discard(session)
        task = self._tasks.get(session)
        if task is not None:
            task.cancel()
        self._context.publish(SessionClosed(session.device_id))
