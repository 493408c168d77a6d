"""Features that a phone and the agent negotiate beyond the legacy protocol. Pure.

Each side lists what it can do when it registers; only what both list is used.
"""

from collections.abc import Iterable
from dataclasses import dataclass

ACK = "ack"
"""The phone says how much of a terminal's output it has rendered (`terminal:ack`)."""

RESUME = "resume"
"""The phone says how far it has got when it comes back (`terminal:resume`)."""

E2E = "e2e"
"""All between the phone and the agent is encrypted end to end over the relay (`protocol.e2e`)."""

UNSEEN = "unseen"
"""The phone is told when a terminal prints that it does not show (`process:printed`)."""

KEYS = "keys"
"""A phone that encrypts shares its key combinations through the agent (`keys:get`, `keys:set`)."""

EXITS = "exits"
"""The phone shows terminals whose shell has ended, with its exit status, until they are closed (`process:exited`)."""

ORDER = "order"
"""The messages of a session that is encrypted end to end have one order over all paths (`protocol.order`)."""

BIND = "bind"
"""What is signed in the handshake names both devices and their parts in it (`protocol.handshake.bound_text`)."""

ASSISTANT = "assistant"
"""A phone that comes back is told what the assistant has done meanwhile, and what it waits for (`ai:history`)."""

FEATURES = (ACK, RESUME, E2E, UNSEEN, KEYS, EXITS, ORDER, BIND, ASSISTANT)
"""What this agent lists."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is used with one phone."""

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
        """What this agent can do too, of what a phone lists."""
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
        """Whether output tells where in the terminal's stream it belongs."""
        return self.acknowledges or self.resumes


NO_FEATURES = Features()
"""A legacy app supports none of them."""
