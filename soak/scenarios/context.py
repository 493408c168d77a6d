"""What a scenario finds: the agent under test, the way in for phones, chance, and the account of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

from soak.phone.encryption import PhoneKeys
from soak.phone.phone import Phone
from soak.phone.traffic import Traffic


class TargetAgent(Protocol):
    """The agent under test, as scenarios see it. `soak.harness.agent_process` has the real one."""

    relay_url: str
    device_id: str

    @property
    def control_socket(self) -> Path:
        """Where commands ask the agent."""

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Ask over the control socket. Raises StateError."""

    async def token(self, number: int, *, encrypted: bool = False) -> str:
        """The token of phone `number`, always the same: it is made once, so that no list of devices grows.

        Without `encrypted`, it is one of a legacy app.
        """

    async def keys(self, number: int) -> PhoneKeys | None:
        """What phone `number` knows of the agent end to end, always the same; None: this agent can't do that."""

    async def restart_relay(self, *, politely: bool) -> None:
        """End the relay apart (SIGTERM or SIGKILL), start it again on its port, and wait until it answers.

        Raises RuntimeError when the relay is the agent's own.
        """


@dataclass
class ScenarioContext:
    """What the cycles of one scenario share. There are at most `most_phones` `phones`; `back` leaves none.

    The agent's timers run `time_scale` times as fast as usual. `other_ledgers` has the ledger entries of other MobiFai
    processes whose limits the scenario has filled.
    """

    target: TargetAgent
    random: Random
    most_phones: int = 1
    time_scale: float = 1.0
    traffic: Traffic = field(default_factory=Traffic)
    phones: list[Phone] = field(default_factory=list)
    other_ledgers: list[dict[str, Any]] = field(default_factory=list)
