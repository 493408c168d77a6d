"""The context of a scenario: the agent under test, its phones, randomness, and traffic totals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

from soak.phone.encryption import PhoneKeys
from soak.phone.phone import Phone
from soak.phone.traffic import Traffic


class TargetAgent(Protocol):
    """The agent under test, as scenarios use it. `soak.harness.agent_process` implements it."""

    relay_url: str
    device_id: str

    @property
    def control_socket(self) -> Path:
        """The path of the agent's control socket."""

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a request to the agent's control socket and return the answer. Raises StateError."""

    async def token(self, number: int, *, encrypted: bool = False) -> str:
        """Return the token of phone `number`, always the same, so that the relay's list of devices does not grow.

        Without `encrypted`, it is the token of a legacy app. Raises StateError.
        """

    async def keys(self, number: int) -> PhoneKeys | None:
        """Return the encryption keys of phone `number`, always the same ones; None if the agent can't encrypt."""

    async def restart_relay(self, *, politely: bool) -> None:
        """Stop the separate relay with SIGTERM (`politely`) or SIGKILL, start it again on its port, and wait until it
        answers.

        Raises RuntimeError if the agent uses its own relay.
        """


@dataclass
class ScenarioContext:
    """State that the cycles of one scenario share.

    `phones` are the phones in use; after `back` there are none. At most `most_phones` devices are connected at the same
    time. The agent's timers run `time_scale` times as fast as usual. `other_ledgers` has the ledger entries of other
    MobiFai processes whose limits the scenario has filled.
    """

    target: TargetAgent
    random: Random
    most_phones: int = 1
    time_scale: float = 1.0
    traffic: Traffic = field(default_factory=Traffic)
    phones: list[Phone] = field(default_factory=list)
    other_ledgers: list[dict[str, Any]] = field(default_factory=list)
