"""A candidate: a paired phone that encrypts and has not yet proven that it holds its key.

It gets no service until it has proven this.
"""

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
    """The owner of the candidates. It is notified of the result of each candidate's handshake."""

    def candidate_proven(self, candidate: "Candidate", features: Features) -> None:
        """Called when a candidate has proven that it holds its key.

        `features` are those that phone and agent both list.
        """

    def candidate_refused(self, candidate: "Candidate") -> None:
        """Called when the handshake has failed. The reason was already sent to the candidate."""


class Candidate:
    """A paired phone that has not yet proven that it holds its key."""

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
        """Process an event of the phone, which the relay has forwarded. Only messages of the handshake are accepted."""
        if event not in SEALING:
            self.encryption.ignore(event)
            return
        proof = self.encryption.receive(event, payload)
        if proof is not None:
            self._check(Features.common(proof.features))

    def _check(self, features: Features) -> None:
        """Accept the phone, which has proven its key, unless the relay has hidden the phone's feature `bind`.

        `features` come from the encrypted handshake, so they are the phone's own. `phone.features` come through the
        relay.
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
