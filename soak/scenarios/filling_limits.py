"""Fills limits of transports, relay and commands. Each function closes every connection and terminal that it opens."""

import asyncio
from contextlib import AsyncExitStack, suppress

from mobifai.errors import StateError
from mobifai.limits import CONTROL_CLIENTS, RELAY_CODES, TERMINAL_WINDOW
from mobifai.relay.connection_slots import KNOWN_FACTOR
from mobifai.relay.socketio_endpoint import MOST_UNSIGNED
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.phone.relay_connection import PhoneRelayConnection
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.terminal_checks import CheckedTabs

BACKLOG = 12_000_000
"""Bytes to print: more than the kernel's buffers, the relay's backlog and the agent's queue hold together."""
SILENT_SECONDS = 5.0
"""Seconds for which a phone does not read: half of the time that a relay allows."""


async def fill_commands(context: ScenarioContext) -> None:
    """Fill `control.clients` and `relay.codes` with requests for invitations.

    The first requests are sent together. They are more than the agent answers at a time, so that it refuses some of
    them. All requests together are more than the relay keeps codes for.
    """
    asked = [context.target.ask("pair") for _ in range(max(CONTROL_CLIENTS.value + 4, RELAY_CODES.value + 4))]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, StateError):
            raise answer
    for _ in range(RELAY_CODES.value + 1):
        await context.target.ask("pair")


async def fill_unsigned(context: ScenarioContext) -> None:
    """Open too many unauthenticated connections from one address. The relay closes the oldest. Raises PhoneError."""
    token = await context.target.token(0)
    closed = asyncio.Event()
    async with AsyncExitStack() as scope:
        for number in range(KNOWN_FACTOR * MOST_UNSIGNED + 1):
            link = PhoneRelayConnection(lambda _event, _payload: None, closed.set if number == 0 else lambda: None)
            await link.open(context.target.relay_url, token)
            scope.push_async_callback(link.close)
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                await closed.wait()
        except TimeoutError:
            raise PhoneError("error", "expected the relay to close the oldest connection; it is still open") from None


async def fill_backlog(tabs: CheckedTabs, phone: Phone) -> None:
    """Stop reading from the relay while a terminal prints, until its program is blocked. Then read everything.

    If the kernel's buffers hold all output, no program is blocked, and the limit is reported as not filled.
    """
    uuid = await tabs.open(phone)
    with phone.silent_relay():
        await tabs.type(phone, uuid, tabs.flood(uuid, BACKLOG))
        with suppress(PhoneError):
            await visits.status_when(tabs.context, program_is_blocked, "the program to be blocked", SILENT_SECONDS)
    await tabs.settled(phone, uuid)
    await tabs.kill(phone, uuid)


async def fill_window(tabs: CheckedTabs, phone: Phone) -> None:
    """Fill `terminal.window`: a phone with the feature `ack` stops reading while a terminal prints, then reads
    everything.

    Raises PhoneError.
    """
    uuid = await tabs.open(phone)
    with phone.silent_relay():
        await tabs.type(phone, uuid, tabs.flood(uuid, 2 * TERMINAL_WINDOW.value))
        await visits.status_when(tabs.context, _window_is_full, "the window to be full")
    await tabs.settled(phone, uuid)
    await tabs.kill(phone, uuid)


def _window_is_full(status: visits.Status) -> bool:
    bounds = {entry["name"]: entry for entry in status["bounds"]}
    return bool(bounds[TERMINAL_WINDOW.name]["used"] == TERMINAL_WINDOW.value)


def program_is_blocked(status: visits.Status) -> bool:
    """Return whether a terminal has so much unsent output that the agent stops its program from printing."""
    bounds = {entry["name"]: entry for entry in status["bounds"]}
    return bool(bounds["terminal.outbox"]["used"] >= 64 << 10)
