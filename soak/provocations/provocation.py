"""The type of provocations, which fill limits that ordinary use does not fill, and their environment.

A provocation leaves no phone and no terminal behind.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobifai.limits import Limit
from soak.harness.installation import HERE, Installation
from soak.phone.event_log import PhoneError
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.conversation_steps import ModelScript
from soak.scenarios.terminal_checks import CheckedTabs

Entries = Iterable[Mapping[str, Any]]
"""The entries of a ledger, as `mobifai status --json` has them."""


@dataclass
class ProvocationEnvironment:
    """The environment of a provocation: the agent under test, its scripted model, and an empty folder.

    `record` is called with the ledger entries of another MobiFai process whose limits the provocation has filled.
    """

    context: ScenarioContext
    tabs: CheckedTabs
    script: ModelScript
    folder: Path
    installation: Installation = HERE
    record: Callable[[Entries], None] = field(default=lambda _entries: None)

    @property
    def url(self) -> str:
        """The address of the agent's relay."""
        return self.context.target.relay_url

    async def bounds(self) -> dict[str, dict[str, Any]]:
        """Return the entries of the agent's ledger, by the name of their limit. Raises StateError."""
        return {entry["name"]: dict(entry) for entry in (await self.context.target.ask("status"))["bounds"]}


@dataclass(frozen=True)
class Provocation:
    """A way to fill limits, whose names are in `fills`. `many_addresses`: it needs many loopback addresses."""

    name: str
    summary: str
    fills: tuple[str, ...]
    run: Callable[[ProvocationEnvironment], Awaitable[None]]
    many_addresses: bool = False

    @property
    def possible(self) -> bool:
        """Whether the provocation works on this system: macOS has one loopback address, Linux has 127.0.0.0/8."""
        return not self.many_addresses or sys.platform.startswith("linux")


async def held(env: ProvocationEnvironment, *limits: Limit) -> None:
    """Wait until these limits are full, and check for a while that they stay full. Raises PhoneError."""
    names = {limit.name: limit.piece for limit in limits}

    def full(status: visits.Status) -> bool:
        return all(
            one["used"] > one["capacity"] - names[one["name"]] for one in status["bounds"] if one["name"] in names
        )

    await visits.status_when(env.context, full, f"{', '.join(names)} to be full")
    for _ in range(LOOKS):
        await asyncio.sleep(visits.LOOK_SECONDS)
        status = await env.context.target.ask("status")
        if not full(status):
            raise PhoneError("error", f"expected {', '.join(names)} to stay full; found one that has room")


LOOKS = 10
"""How many times `held` checks that a full limit stays full."""


def provocation(
    name: str,
    summary: str,
    run: Callable[[ProvocationEnvironment], Awaitable[None]],
    *limits: Limit,
    many_addresses: bool = False,
) -> Provocation:
    """Return the description of a provocation, whose function `run` fills the limits `limits`."""
    return Provocation(name, summary, tuple(limit.name for limit in limits), run, many_addresses)
