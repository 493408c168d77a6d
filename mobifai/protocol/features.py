"""Features that a phone and the agent negotiate in addition to the legacy protocol. This module does no I/O.

Each side lists its features when it registers. A feature is used if both sides list it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

ACK = "ack"
"""The phone acknowledges the output that it has rendered (`terminal:ack`)."""

RESUME = "resume"
"""A phone that reconnects reports the output that it already has (`terminal:resume`)."""

E2E = "e2e"
"""Messages through the relay are encrypted end to end (`protocol.e2e`)."""

UNSEEN = "unseen"
"""The phone is notified when a terminal that it does not show prints output (`process:printed`)."""

KEYS = "keys"
"""A phone that encrypts synchronizes the user's key combinations through the agent (`keys:get`, `keys:set`)."""

EXITS = "exits"
"""The phone keeps showing terminals whose shell has ended, with the exit status, until they are closed
(`process:exited`)."""

ORDER = "order"
"""The messages of an encrypted session are numbered, and keep their order over all paths (`protocol.order`)."""

BIND = "bind"
"""Signatures of the handshake cover both devices and their roles (`protocol.handshake.bound_text`)."""

ASSISTANT = "assistant"
"""A phone that reconnects gets the assistant's conversations, and approvals that are pending (`ai:history`)."""

FEATURES = (ACK, RESUME, E2E, UNSEEN, KEYS, EXITS, ORDER, BIND, ASSISTANT)
"""The features that this agent lists."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features that are used with one phone."""

    acknowledges: bool = False
    resumes: bool = False
    e2e: bool = False
    unseen_output: bool = False
    shares_keys: bool = False
    shows_exits: bool = False
    ordered: bool = False
    binds: bool = False
    follows_assistant: bool = False

    @classmethod
    def common(cls, theirs: Iterable[str]) -> "Features":
        """Return the features that the agent uses with a phone that lists the features `theirs`."""
        listed = frozenset(theirs)
        return cls(
            acknowledges=ACK in listed,
            resumes=RESUME in listed,
            e2e=E2E in listed,
            unseen_output=UNSEEN in listed,
            shares_keys=KEYS in listed,
            shows_exits=EXITS in listed,
            ordered=E2E in listed and ORDER in listed,
            binds=BIND in listed,
            follows_assistant=ASSISTANT in listed,
        )

    @property
    def offsets(self) -> bool:
        """Whether output messages contain their offset in the terminal's stream."""
        return self.acknowledges or self.resumes


NO_FEATURES = Features()
"""The features used with a legacy app: none."""
