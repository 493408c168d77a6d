"""A candidate: a paired phone that encrypts and has not proven its key yet. Until then, it gets no service."""

from dataclasses import replace
from typing import Protocol

from mobifai.access.known_phones import KnownPhones
from mobifai.protocol.e2e import Reason
from mobifai.protocol.features import Features
from mobifai.protocol.messages import SEALING
from mobifai.protocol.order import Numbering
from mobifai.session.encryption import EncryptedSession, Identity, Refusal
from mobifai.session.relay_registration import PairedPhone


class CandidateOwner(Protocol):
    """The owner of the candidates, which learns how the handshake of each one ended."""

    def candidate_proven(self, candidate: "Candidate", features: Features) -> None:
        """A candidate has proven its key. `features` are those that it shares with the agent."""

    def candidate_refused(self, candidate: "Candidate") -> None:
        """A candidate can't prove its key. The reason was sent to it."""


class Candidate:
    """A paired phone that has not proven its key yet."""

    def __init__(
        self,
        phone: PairedPhone,
        identity: Identity,
        phones: KnownPhones,
        owner: CandidateOwner,
    ) -> None:
        self.phone = phone
        self.device_id = phone.device_id
        self._owner = owner
        self.encryption = EncryptedSession(
            phone.transport, phone.device_id, identity, phones, Numbering(), self._refused
        )

    def receive(self, event: str, payload: object) -> None:
        """Process an event of the phone, which the relay forwards. Only messages of the handshake are accepted."""
        if event not in SEALING:
            self.encryption.ignore(event)
            return
        proof = self.encryption.receive(event, payload)
        if proof is not None:
            self._check(Features.common(proof.features))

    def _check(self, features: Features) -> None:
        """Accept the phone, whose key is proven, unless the relay removed `bind` from the features that it forwarded.

        `features` are from the encrypted handshake, so the phone itself has sent them.
        """
        if features.binds and not self.phone.features.binds:
            self.encryption.refuse(Reason.BROKEN, "the relay hides what this phone can do")
        else:
            self._owner.candidate_proven(self, replace(features, e2e=True))

    def _refused(self, _: Refusal) -> None:
        self._owner.candidate_refused(self)

    def close(self) -> None:
        """End the handshake. Idempotent."""
        self.encryption.close()
        self.phone.release()
