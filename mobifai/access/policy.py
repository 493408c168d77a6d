"""The access policy for phones without end-to-end encryption.

A phone that encrypts proves that it holds its key. Any other phone is known only by the device id that the relay
reports. If the relay runs in this process, the agent knows which devices were invited as legacy apps, and accepts no
others without encryption.
"""

from collections.abc import Callable
from typing import Literal

from mobifai.access.known_phones import KnownPhones
from mobifai.protocol.features import Features


class AccessPolicy:
    """Decides which phones without end-to-end encryption are accepted. If `e2e` is "require", all are rejected.

    `is_legacy` returns whether a device was invited as a legacy app. It is None if only the relay knows that.
    """

    def __init__(
        self, phones: KnownPhones, e2e: Literal["allow", "require"], is_legacy: Callable[[str], bool] | None = None
    ) -> None:
        self._is_legacy = is_legacy
        self._phones = phones
        self._requires_e2e = e2e == "require"

    def rejection_reason(self, device_id: str, features: Features) -> str | None:
        """Return why a phone is rejected, as a sentence for its user, or None if it is accepted.

        A phone with end-to-end encryption is always accepted here, since it has to prove later that it holds its key.
        """
        if features.e2e:
            return None
        if self._phones.is_pinned(device_id):
            return "this agent knows the key of this phone, but the phone connected without end-to-end encryption"
        if self._phones.is_revoked(device_id):
            return "this phone was revoked; `mobifai pair` shows a link that lets it in again"
        if self._requires_e2e:
            return (
                "this agent accepts only phones with end-to-end encryption (--e2e require, the default with --relay); "
                "open the link that `mobifai pair` shows, or start the agent with --e2e allow"
            )
        if self._is_legacy is not None and not self._is_legacy(device_id):
            return "this device was not invited as a legacy app; `mobifai pair --legacy` invites one"
        return None
