"""Which phones without end-to-end encryption may come: by what the agent knows, and what the person has set.

Owns nothing. Who such a phone is, and what it can do, is the relay's word; one that encrypts shows it by its key.
"""

from typing import Literal

from mobifai.agent.phones import Phones
from mobifai.protocol.features import Features


class Admission:
    """The rule. With `require` phones of the field are not let in."""

    def __init__(self, phones: Phones, e2e: Literal["allow", "require"]) -> None:
        self._phones = phones
        self._requires_e2e = e2e == "require"

    def obstacle(self, device_id: str, features: Features) -> str | None:
        """Why a phone may not come, in a sentence for its person (see `protocol.pairing.Obstacle`); None: it may."""
        if features.seals:
            return None
        if self._phones.is_pinned(device_id):
            return "this phone is known to this agent by its key, and came without end-to-end encryption"
        if self._phones.is_revoked(device_id):
            return "this phone was revoked; `mobifai pair` shows a link that lets it in anew"
        if self._requires_e2e:
            return "this agent takes phones with end-to-end encryption only; open the link that `mobifai pair` shows"
        return None
