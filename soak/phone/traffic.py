"""Totals of typed and printed bytes, which scenarios count, and the error for lost bytes."""

from dataclasses import dataclass

from mobifai.errors import MobiFaiError


class IntegrityError(MobiFaiError):
    """Bytes were lost, duplicated or reordered. `amount` is their number (at least 1), as far as it is known."""

    def __init__(self, detail: str, amount: int = 1) -> None:
        super().__init__(detail)
        self.amount = max(1, amount)


@dataclass
class Traffic:
    """Totals of one scenario, in bytes of UTF-8.

    `bytes_sent` were typed, `bytes_received` arrived as output and screens, and `lost` were lost, duplicated or
    reordered.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    lost: int = 0
