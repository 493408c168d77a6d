"""The scenario `terminals`: a phone that stays connected opens and closes terminals."""

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
"""Bytes that a flood prints: more than the agent's ring holds, so that old output is evicted."""


class TerminalChurn(Scenario):
    """Terminals are opened, used and closed on the data channel."""

    name = "terminals"
    summary = "terminals are opened, typed into, flooded, resized, renamed, switched and closed"
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
        """Connect one phone, and wait for its data channel."""
        self.tabs = CheckedTabs(context)
        await visits.arrive(context, await visits.new_phone(self.tabs), channel=True)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """Run one cycle of the kind `kind` with the connected phone."""
        await ACTIONS[kind](self.tabs, context.phones[0])

    async def fill(self, context: ScenarioContext) -> None:
        """Fill the limits on terminals, their rings, and their input."""
        await fill_terminals(self.tabs, context.phones[0])

    async def back(self, context: ScenarioContext) -> None:
        """Close all terminals and disconnect the phone."""
        await self.tabs.kill_all(context.phones[0])
        await visits.everybody_leaves(context)


async def type_and_close(tabs: CheckedTabs, phone: Phone) -> None:
    """Open a terminal, type into it in several ways, and let the program exit."""
    uuid = await tabs.open(phone)
    await tabs.run(phone, uuid, shell.say(WORDS * tabs.context.random.randrange(1, 20)))
    for line in shell.echo(f"\x03\x04\x7f\t{WORDS}" * tabs.context.random.randrange(1, 20)):
        await tabs.run(phone, uuid, line)
    await tabs.leave(phone, uuid)


async def flood_and_exit(tabs: CheckedTabs, phone: Phone) -> None:
    """Print more than a ring holds and receive all of it. The program exits with output in flight."""
    uuid = await tabs.open(phone)
    await tabs.type(phone, uuid, tabs.flood(uuid, FLOOD))
    await tabs.leave(phone, uuid)


async def resize(tabs: CheckedTabs, phone: Phone) -> None:
    """Resize a terminal three times, and check that the program sees each size."""
    uuid = await tabs.open(phone)
    for _ in range(3):
        cols, rows = tabs.context.random.randrange(20, 200), tabs.context.random.randrange(5, 80)
        await phone.resize(uuid, cols, rows)
        await tabs.run(phone, uuid, shell.size(cols, rows))
    await tabs.leave(phone, uuid)


async def rename(tabs: CheckedTabs, phone: Phone) -> None:
    """Rename a terminal twice."""
    uuid = await tabs.open(phone)
    for _ in range(2):
        await phone.rename(uuid, f"{WORDS}{tabs.context.random.randrange(1000)}", PATIENCE)
    await tabs.leave(phone, uuid)


async def switch(tabs: CheckedTabs, phone: Phone) -> None:
    """Open three terminals, and flood the two that are not active.

    Then make one of these two active, and finally all three.
    """
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
    """Close a terminal whose program is printing, and a terminal whose program does not read its input."""
    uuid = await tabs.open(phone)
    await tabs.type(phone, uuid, tabs.flood(uuid, 4 * FLOOD))
    await tabs.printing(phone, uuid)
    await tabs.kill(phone, uuid)
    deaf = await tabs.open(phone)
    await tabs.type(phone, deaf, shell.DEAF)
    await tabs.kill(phone, deaf)


async def refused(tabs: CheckedTabs, phone: Phone) -> None:
    """Send requests that the agent refuses: it answers with an error and changes nothing."""
    uuid = await tabs.open(phone)
    await phone.create(uuid, timeout=PATIENCE)  # the terminal exists, so this only makes it active
    gone = visits.device_id(1000)
    await phone.type(gone, "nobody receives this")
    await expect_error(phone, gone)
    await phone.resize(uuid, 0, 0)
    await expect_error(phone, uuid)
    await tabs.run(phone, uuid, shell.say(WORDS))
    await tabs.leave(phone, uuid)


async def expect_error(phone: Phone, uuid: str) -> str:
    """Wait until a request about the terminal `uuid` is refused. Return the text of the error. Raises PhoneError."""
    refusal = await phone.expect("process:error", lambda payload: payload["uuid"] == uuid, PATIENCE)
    return str(refusal["error"])


async def fill_terminals(tabs: CheckedTabs, phone: Phone) -> None:
    """Fill `terminals`, `terminal.ring` and `terminal.input`.

    Raises PhoneError if the agent does not refuse the terminal or the input that exceeds these limits.
    """
    uuids = [await tabs.open(phone, greeted=False) for _ in range(TERMINALS.value)]
    try:
        await phone.create(visits.device_id(1000), timeout=PATIENCE)
    except PhoneError as error:
        if error.event != "process:error":
            raise
    else:
        raise PhoneError(
            "error", f"expected the agent to refuse terminal {TERMINALS.value + 1}; the terminal was created"
        )
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
"""The function of each kind of cycle. Each needs a connected phone, by any transport."""
