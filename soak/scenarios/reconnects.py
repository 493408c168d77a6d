"""The scenario `reconnects`: phones that leave and return in every way, and a relay that restarts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import ClassVar, Literal

from mobifai.transport.relay_client import LASTING_SECONDS
from soak import shell
from soak.phone.event_log import PhoneError
from soak.phone.offsets import FEATURES
from soak.phone.phone import Phone
from soak.scenarios import filling_limits
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs
from soak.scenarios.terminals import WORDS

LARGE = 1_000_000
"""Bytes printed while the transport changes. The agent blocks the program if no transport accepts output."""
AWAY = 60_000
"""Bytes printed without a phone: less than the ring holds, so that the phone may miss none."""


class Reconnects(Scenario):
    """Phones reconnect in every way, while a terminal prints."""

    name = "reconnects"
    summary = "phones leave, vanish, fall silent and return, paths change, and the relay is restarted"
    relay: ClassVar[Literal["own", "separate", "restarted"]] = "restarted"
    block: ClassVar[tuple[str, ...]] = (
        *("polite relay",) * 2,
        *("vanish relay",) * 2,
        "half-open relay",
        "polite channel",
        "vanish channel",
        "half-open channel",
        "channel to relay",
        "relay to channel",
        "relay drops",
        "second phone",
        "refused",
        "relay restart",
    )

    def __init__(self) -> None:
        self._connected_at = 0.0

    once: ClassVar[frozenset[str]] = frozenset({"relay restart"})

    async def setup(self, context: ScenarioContext) -> None:
        """Connect a phone, open a terminal, and disconnect the phone. The terminal stays open for the whole block."""
        self._connected_at = self._connected_at or asyncio.get_running_loop().time()
        self.tabs = CheckedTabs(context)
        phone = await arrive(self.tabs)
        self.uuid = await self.tabs.open(phone)
        await depart(self.tabs, phone)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """Run one cycle of the kind `kind`. The cycle begins and ends without a phone."""
        if kind == "relay restart":
            await self._lasting_connection()
        await ACTIONS[kind](self.tabs, self.uuid)
        if kind == "relay restart":
            self._connected_at = asyncio.get_running_loop().time()

    async def _lasting_connection(self) -> None:
        """Wait until the agent regards its connection as stable. Otherwise it would delay each reconnect longer than
        the one before.
        """
        lasting_at = self._connected_at + LASTING_SECONDS / self.tabs.context.time_scale + 0.5
        await asyncio.sleep(max(0.0, lasting_at - asyncio.get_running_loop().time()))

    async def fill(self, context: ScenarioContext) -> None:
        """Fill the window of a terminal, the relay's backlog, and the limits on commands and codes."""
        phone = await arrive(self.tabs, features=FEATURES)
        await filling_limits.fill_window(self.tabs, phone)
        await depart(self.tabs, phone)
        phone = await arrive(self.tabs, features=())
        await filling_limits.fill_backlog(self.tabs, phone)
        await filling_limits.fill_commands(context)
        await self.tabs.kill_all(phone)

    async def back(self, context: ScenarioContext) -> None:
        """Close the terminal, with a new phone if none is connected, and disconnect the phone."""
        phone = context.phones[0] if context.phones else await arrive(self.tabs)
        await self.tabs.kill_all(phone)
        await visits.everybody_leaves(context)


async def arrive(
    tabs: CheckedTabs,
    *,
    channel: bool = False,
    features: tuple[str, ...] | None = None,
    like: Phone | None = None,
    after: Phone | None = None,
) -> Phone:
    """Connect a new phone through the relay, or by the data channel if `channel` is set.

    The other parameters are those of `visits.new_phone`.
    """
    phone = await visits.new_phone(tabs, webrtc=channel, features=features, like=like, after=after)
    await visits.arrive(tabs.context, phone, channel=channel)
    return phone


async def depart(tabs: CheckedTabs, phone: Phone) -> None:
    """Disconnect a phone, and remove it from the context. Raises IntegrityError if any phone has received wrong output
    so far.
    """
    tabs.context.phones.remove(phone)
    tabs.blink(phone)  # the channel closes first, so the rest arrives through the relay for a moment
    await phone.leave()
    tabs.check()


async def use(tabs: CheckedTabs, phone: Phone, uuid: str) -> None:
    """Wait until the phone has all output of the terminal, then type a line and wait for its output."""
    await tabs.settled(phone, uuid)
    await tabs.run(phone, uuid, shell.say(WORDS))


async def come_and_go(tabs: CheckedTabs, uuid: str, *, channel: bool, politely: bool) -> None:
    """Disconnect a phone while the terminal prints to it, and connect the phone again.

    `channel`: its transport is the data channel, otherwise the relay. `politely`: it closes its connections, otherwise
    it vanishes.
    """
    phone = await arrive(tabs, channel=channel)
    await use(tabs, phone, uuid)
    await tabs.type(phone, uuid, tabs.flood(uuid, AWAY))
    await tabs.printing(phone, uuid)
    if not politely:
        await phone.vanish()
    await depart(tabs, phone)
    phone = await arrive(tabs, after=phone)
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


async def half_open(tabs: CheckedTabs, uuid: str, *, channel: bool) -> None:
    """Let a phone fall silent without closing its connection. It returns as the same device while the agent still
    serves that connection.
    """
    silent = await arrive(tabs, channel=channel)
    await use(tabs, silent, uuid)
    await tabs.type(silent, uuid, tabs.flood(uuid, AWAY))
    await tabs.printing(silent, uuid)
    tabs.ignore(silent)
    with silent.silent_relay():
        if channel:
            await silent.silence_channel()
        phone = await arrive(tabs, like=silent)
        await use(tabs, phone, uuid)
    await silent.vanish()
    await depart(tabs, silent)
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


async def channel_to_relay(tabs: CheckedTabs, uuid: str) -> None:
    """Close the data channel while the terminal prints, so that the rest comes through the relay. The output is shorter
    than a screen or much longer.
    """
    phone = await arrive(tabs, channel=True)
    await use(tabs, phone, uuid)
    size = tabs.context.random.choice((AWAY, LARGE))
    await tabs.type(phone, uuid, tabs.flood(uuid, size))
    await tabs.printing(phone, uuid)
    tabs.blink(phone)
    await phone.drop_channel()
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


async def relay_to_channel(tabs: CheckedTabs, uuid: str) -> None:
    """Open the data channel while the terminal prints through the relay."""
    phone = await visits.new_phone(tabs)
    await visits.arrive(tabs.context, phone)
    await tabs.settled(phone, uuid)
    await tabs.type(phone, uuid, tabs.flood(uuid, LARGE))
    await visits.on_channel(tabs.context, phone)
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


async def relay_drops(tabs: CheckedTabs, uuid: str) -> None:
    """Lose the relay while the data channel is in use, reconnect to the relay, and disconnect from both."""
    phone = await arrive(tabs, channel=True)
    await use(tabs, phone, uuid)
    await tabs.type(phone, uuid, tabs.flood(uuid, LARGE))
    await tabs.printing(phone, uuid)
    await phone.drop_relay()
    await use(tabs, phone, uuid)
    await phone.reconnect(PATIENCE)
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


async def second_phone(tabs: CheckedTabs, uuid: str) -> None:
    """Connect a second phone. The agent refuses it while the first is connected, and accepts it after the first has
    left.

    With a limit of one phone, only the first connects and leaves.
    """
    first = await arrive(tabs)
    await use(tabs, first, uuid)
    if tabs.context.most_phones == 1:
        await depart(tabs, first)
        return
    second = await visits.new_phone(tabs, 1, webrtc=False)
    await second.connect(PATIENCE)
    await refuses(second, second.pair(tabs.context.target.device_id, PATIENCE))
    await tabs.type(first, uuid, tabs.flood(uuid, AWAY))
    await tabs.printing(first, uuid)
    await depart(tabs, first)
    await visits.arrive(tabs.context, second)
    await use(tabs, second, uuid)
    await depart(tabs, second)


async def refused(tabs: CheckedTabs, uuid: str) -> None:
    """Connect with an invalid token, and ask for an unknown agent. Then connect as usual."""
    phone = await visits.new_phone(tabs, webrtc=False)
    right = phone.token
    phone.token = "no.such.token"  # noqa: S105 - an invalid one
    await refuses(phone, phone.connect(PATIENCE))
    await phone.drop_relay()
    phone.token = right
    await phone.connect(PATIENCE)
    await refuses(phone, phone.pair(visits.device_id(1000), PATIENCE))
    await visits.arrive(tabs.context, phone)
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


async def refuses(phone: Phone, asking: Awaitable[object]) -> None:
    """Expect a request to be refused. Raises PhoneError if the request is granted or not answered."""
    try:
        await asking
    except PhoneError as error:
        if error.event in ("timeout", "not_connected"):
            raise
    else:
        raise PhoneError("error", f"expected {phone.name} to be refused; the request was granted")


async def relay_restart(tabs: CheckedTabs, uuid: str) -> None:
    """Restart the relay while a phone is connected, with or without a clean exit. Agent and phone reconnect."""
    phone = await arrive(tabs)
    await use(tabs, phone, uuid)
    await tabs.type(phone, uuid, tabs.flood(uuid, AWAY))
    await tabs.printing(phone, uuid)
    await tabs.context.target.restart_relay(politely=tabs.context.random.random() < 0.5)
    await phone.until(lambda: not phone.relay_is_up, "the connection to the old relay to end", PATIENCE)
    await visits.arrive(tabs.context, phone)
    await use(tabs, phone, uuid)
    await depart(tabs, phone)


ACTIONS: Mapping[str, Callable[[CheckedTabs, str], Awaitable[None]]] = {
    "polite relay": partial(come_and_go, channel=False, politely=True),
    "vanish relay": partial(come_and_go, channel=False, politely=False),
    "half-open relay": partial(half_open, channel=False),
    "polite channel": partial(come_and_go, channel=True, politely=True),
    "vanish channel": partial(come_and_go, channel=True, politely=False),
    "half-open channel": partial(half_open, channel=True),
    "channel to relay": channel_to_relay,
    "relay to channel": relay_to_channel,
    "relay drops": relay_drops,
    "second phone": second_phone,
    "refused": refused,
    "relay restart": relay_restart,
}
"""The function of each kind of cycle. Each cycle begins and ends without a phone, and with a terminal that stays open.
"""
