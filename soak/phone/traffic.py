"""The account of every byte typed and printed, and the error that ends a run which lost one. Counts nothing itself."""

from dataclasses import dataclass

from mobifai.errors import MobiFaiError


class IntegrityError(MobiFaiError):
    """Bytes were lost, doubled or came out of order; `amount` is how many, as far as can be told (at least 1)."""

    def __init__(self, detail: str, amount: int = 1) -> None:
        super().__init__(detail)
        self.amount = max(1, amount)


@dataclass
class Traffic:
    """Totals over a scenario, in bytes as UTF-8.

    `bytes_sent` were typed, `bytes_received` came as output and as screens, `lost` are missing, doubled or out of
    order.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    lost: int = 0
