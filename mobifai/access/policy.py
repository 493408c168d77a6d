"""Which phones without end-to-end encryption may come: by what the agent knows, and what the person has set.

Owns nothing. A phone that encrypts shows its key; of any other, a relay elsewhere says who it is. With a relay in this
process the agent knows which devices came by an invitation for legacy apps, and takes no others.
"""

from collections.abc import Callable
from typing import Literal

from mobifai.access.known_phones import KnownPhones
from mobifai.protocol.features import Features


class AccessPolicy:
    """The rule. With `require` no legacy app is let in.

    `is_legacy` tells whether a device was invited as a legacy app; None: only the relay knows.
    """

    def __init__(
        self, phones: KnownPhones, e2e: Literal["allow", "require"], is_legacy: Callable[[str], bool] | None = None
    ) -> None:
        self._is_legacy = is_legacy
        self._phones = phones
        self._requires_e2e = e2e == "require"

    def rejection_reason(self, device_id: str, features: Features) -> str | None:
        """Return why a phone is rejected, as a sentence for its user (see `RejectionReason`), or None to accept it."""
        if features.e2e:
            return None
        if self._phones.is_pinned(device_id):
            return "this phone is known to this agent by its key, and came without end-to-end encryption"
        if self._phones.is_revoked(device_id):
            return "this phone was revoked; `mobifai pair` shows a link that lets it in anew"
        if self._requires_e2e:
            return (
                "this agent takes phones with end-to-end encryption only (--e2e require, the default with --relay); "
                "open the link that `mobifai pair` shows, or start the agent with --e2e allow"
            )
        if self._is_legacy is not None and not self._is_legacy(device_id):
            return "this device was not invited as a legacy app; `mobifai pair --legacy` invites one"
        return None
