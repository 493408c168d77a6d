"""The rights of a viewer. This module does no I/O."""

from dataclasses import dataclass

from mobifai.protocol.features import Features


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of one session. `keys`: the viewer may read and write the key combinations that phones share."""

    keys: bool = False

    @classmethod
    def of(cls, features: Features) -> "Rights":
        """Return the rights of a phone with these features.

        Only a phone that encrypts may share key combinations, since a key combination types into a terminal.
        """
        return cls(keys=features.e2e and features.shares_keys)
