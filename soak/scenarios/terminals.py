"""Terminals come and go under one phone that stays."""

from typing import ClassVar

from mobifai.limits import TERMINAL_INPUT, TERMINAL_RING, TERMINALS
from soak import shell
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

WORDS = "one, zwei, три, 四, 🖐 "
FLOOD = 300_000
"""Bytes: three times what the agent's ring holds."""


class TerminalChurn(Scenario):
    """Terminal churn on the data channel."""

    name = "terminals"
    summary = "terminals are opened, typed into, flooded, resized, renamed, switched, closed and killed"
    block: ClassVar[tuple[str, ...]] = (
        *("type",) * 6,
        *("flood",) * 4,
        *("resize",) * 2,
        *("rename",) * 2,
        *("switch",) * 3,
        *("kill",) * 2,
        "refused",
    )

    async def setup(self, context: ScenarioContext) -> None:
        """One phone, on the data channel."""
        self.tabs = CheckedTabs(context)
        await visits.arrive(context, await visits.new_phone(self.tabs), channel=True)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """One cycle."""
        await ACTIONS[kind](self.tabs, context.phones[0])

    async def fill(self, context: ScenarioContext) -> None:
        """As many terminals as may be, full rings, and more input than a program that does not read may be given."""
        await fill_terminals(self.tabs, context.phones[0])

    async def back(self, context: ScenarioContext) -> None:
        """Close what is open still, and leave."""
        await self.tabs.kill_all(context.phones[0])
        await visits.everybody_leaves(context)


async def type_and_close(tabs: CheckedTabs, phone: Phone) -> None:
    """Open, type in several ways, have the shell end."""
    uuid = await tabs.open(phone)
    await tabs.run(phone, uuid, shell.say(WORDS * tabs.context.random.randrange(1, 20)))
    for line in shell.echo(f"\x03\x04\x7f\t{WORDS}" * tabs.context.random.randrange(1, 20)):
        await tabs.run(phone, uuid, line)
    await tabs.leave(phone, uuid)


async def flood_and_exit(tabs: CheckedTabs, phone: Phone) -> None:
    """More output than a ring holds, all of it seen; the shell ends while the last of it is under way."""
    uuid = await tabs.open(phone)
    await tabs.type(phone, uuid, tabs.flood(uuid, FLOOD))
    await tabs.leave(phone, uuid)


async def resize(tabs: CheckedTabs, phone: Phone) -> None:
    """The program gets each size."""
    uuid = await tabs.open(phone)
    for _ in range(3):
        cols, rows = tabs.context.random.randrange(20, 200), tabs.context.random.randrange(5, 80)
        await phone.resize(uuid, cols, rows)
        await tabs.run(phone, uuid, shell.size(cols, rows))
    await tabs.leave(phone, uuid)


async def rename(tabs: CheckedTabs, phone: Phone) -> None:
    """Another name, twice."""
    uuid = await tabs.open(phone)
    for _ in range(2):
        await phone.rename(uuid, f"{WORDS}{tabs.context.random.randrange(1000)}", PATIENCE)
    await tabs.leave(phone, uuid)


async def switch(tabs: CheckedTabs, phone: Phone) -> None:
    """Two are flooded while a third is looked at; then they are looked at, one by one and together."""
    unseen = [await tabs.open(phone) for _ in range(2)]
    seen = await tabs.open(phone)
    for uuid, size in zip(unseen, (FLOOD, TERMINAL_RING.value // 2), strict=True):
        await tabs.type(phone, uuid, tabs.flood(uuid, size))
    await tabs.run(phone, seen, shell.say(WORDS))
    await phone.switch(unseen[0])
    await tabs.settled(phone, unseen[0])
    await phone.switch(*unseen, seen)
    await tabs.settled(phone, *unseen, seen)
    await tabs.run(phone, unseen[1], shell.say(WORDS))
    for uuid in (seen, *unseen):
        await tabs.leave(phone, uuid)


async def kill(tabs: CheckedTabs, phone: Phone) -> None:
    """End one that prints, and one that does not read."""
    uuid = await tabs.open(phone)
    await tabs.type(phone, uuid, tabs.flood(uuid, 4 * FLOOD))
    await tabs.printing(phone, uuid)
    await tabs.kill(phone, uuid)
    deaf = await tabs.open(phone)
    await tabs.type(phone, deaf, shell.DEAF)
    await tabs.kill(phone, deaf)


async def refused(tabs: CheckedTabs, phone: Phone) -> None:
    """What can't be done is said, and changes nothing."""
    uuid = await tabs.open(phone)
    await phone.create(uuid, timeout=PATIENCE)  # it exists: made active again, no more
    gone = visits.device_id(1000)
    await phone.type(gone, "nobody hears this")
    await expect_error(phone, gone)
    await phone.resize(uuid, 0, 0)
    await expect_error(phone, uuid)
    await tabs.run(phone, uuid, shell.say(WORDS))
    await tabs.leave(phone, uuid)


async def expect_error(phone: Phone, uuid: str) -> str:
    """Why something was refused that concerns a terminal. Raises PhoneError."""
    told = await phone.expect("process:error", lambda payload: payload["uuid"] == uuid, PATIENCE)
    return str(told["error"])


async def fill_terminals(tabs: CheckedTabs, phone: Phone) -> None:
    """Fill `terminals`, `terminal.ring` and `terminal.input`; the next of each is refused, or the oldest goes."""
    uuids = [await tabs.open(phone, greeted=False) for _ in range(TERMINALS.value)]
    try:
        await phone.create(visits.device_id(1000), timeout=PATIENCE)
    except PhoneError as error:
        if error.event != "process:error":
            raise
    else:
        raise PhoneError("error", f"expected the agent to refuse terminal {TERMINALS.value + 1}; it made it")
    await tabs.settled(phone, uuids[-1])
    await tabs.run(phone, uuids[-1], tabs.flood(uuids[-1], FLOOD))
    await tabs.run(phone, uuids[-1], shell.DEAF)
    for _ in range(TERMINAL_INPUT.value // 8000 + 2):
        await phone.type(uuids[-1], "." * 8000)
    await expect_error(phone, uuids[-1])
    await tabs.kill_all(phone)


ACTIONS = {
    "type": type_and_close,
    "flood": flood_and_exit,
    "resize": resize,
    "rename": rename,
    "switch": switch,
    "kill": kill,
    "refused": refused,
}
"""The kinds of cycles that need a phone on a path, whichever it is."""
