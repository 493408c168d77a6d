"""Provocations of a shared relay: many accounts, many connections, and a relay that is suspended, so that queues fill.

Starts a separate relay and agent.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from mobifai.errors import StateError
from mobifai.limits import ASSISTANT_TURNS, RELAY_ACCOUNT_SOCKETS, RELAY_ACCOUNTS, RELAY_QUEUE, SIGNALS, TERMINAL_RING
from soak import shell
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.phone.event_log import PhoneError
from soak.provocations.phones import BUSY_TURN, candidate, gone, refusals, refused
from soak.provocations.provocation import ProvocationEnvironment, held, provocation
from soak.provocations.relay_storms import FIRST_DEVICE
from soak.provocations.stranger import RawRelayClient
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.conversation_steps import LOOK, PROMPT
from soak.scenarios.conversations import Conversations
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

ENDLESS = "flood 1000000 9000000\n"
"""Input that makes a program print for much longer than the provocation lasts."""


@asynccontextmanager
async def _agent(env: ProvocationEnvironment) -> AsyncIterator[tuple[AgentUnderTest, ProvocationEnvironment]]:
    talks, own = Conversations(), env.folder / "script"
    own.mkdir()
    settings = env.folder / "shared.toml"
    settings.write_text(talks.settings())
    options = ["--shell", shell.COMMAND, *talks.serve_options(own)]
    async with agent_under_test(
        env.folder / "shared", settings, options, separate_relay=True, installation=env.installation
    ) as target:
        context = ScenarioContext(target, env.context.random)
        try:
            yield (
                target,
                ProvocationEnvironment(context, CheckedTabs(context), talks.script, env.folder, env.installation),
            )
        finally:
            for phone in context.phones:
                await phone.vanish()


async def shared_relay(env: ProvocationEnvironment) -> None:
    """Fill the limits on accounts and their connections, suspend the relay, and record the ledgers of relay
    and agent.
    """
    async with _agent(env) as (target, inner):
        await _many_accounts(target)
        await _many_connections(inner)
        await _burst_of_signals(inner)
        await _relay_that_stops(target, inner)
        env.record((await inner.bounds()).values())
        env.record((await target.ask_relay("status"))["bounds"])


async def _many_accounts(target: AgentUnderTest) -> None:
    for number in range(RELAY_ACCOUNTS.value):
        try:
            await target.ask_relay("account-add", {"name": f"soak-{number}"})
        except StateError as error:
            if RELAY_ACCOUNTS.name not in str(error):
                raise
            return
    raise PhoneError(
        "error", f"expected the relay to refuse account {RELAY_ACCOUNTS.value + 1}; the account was created"
    )


async def _many_connections(env: ProvocationEnvironment) -> None:
    """Connect more devices of one account than the account may have connections."""
    async with AsyncExitStack() as scope:
        for number in range(FIRST_DEVICE, FIRST_DEVICE + RELAY_ACCOUNT_SOCKETS.value + 1):
            token = str((await env.context.target.ask("pair", {"legacy": True}))["token"])
            device = await scope.enter_async_context(RawRelayClient(env.url))
            if await device.register(token, visits.device_id(number)) != "authenticated":
                return
    raise PhoneError(
        "error", f"expected the relay to refuse connection {RELAY_ACCOUNT_SOCKETS.value + 1}; all were accepted"
    )


async def _burst_of_signals(env: ProvocationEnvironment) -> None:
    """Suspend the agent while a phone sends many candidates, so that it then receives them faster than it processes
    them.
    """
    before = await refusals(env, SIGNALS.name)
    phone = await visits.new_phone(env.tabs, webrtc=False, features=())
    await visits.arrive(env.context, phone)
    await phone.expect("webrtc:offer", lambda _: True, PATIENCE)
    agent = int((await env.context.target.ask("status"))["agent_pid"])
    with stopped(agent):
        for number in range(3 * SIGNALS.value):
            await phone.send("webrtc:ice-candidate", {"candidate": candidate(number)})
    await refused(env, SIGNALS.name, before)
    await gone(env, phone)


async def _relay_that_stops(target: AgentUnderTest, env: ProvocationEnvironment) -> None:
    """Suspend the relay while a terminal prints and a conversation continues, until the agent's queue of packets is
    full.
    """
    phone = await visits.new_phone(env.tabs, webrtc=False, features=())
    await visits.arrive(env.context, phone)
    uuid = await env.tabs.open(phone)
    env.tabs.ignore(phone)
    env.script.write([{"type": "delay", "ms": SILENT_MS}, LOOK], BUSY_TURN)
    await phone.send("ai:prompt", {"uuid": uuid, "prompt": PROMPT})
    await visits.status_when(env.context, _has_a_turn, "the conversation to begin")
    await phone.type(uuid, ENDLESS)
    await visits.status_when(env.context, _prints, "the terminal to print")
    with stopped(target.relay_pid):
        await held(env, RELAY_QUEUE)
    await gone(env, phone)


def _has_a_turn(status: visits.Status) -> bool:
    return any(one["name"] == ASSISTANT_TURNS.name and one["used"] for one in status["bounds"])


def _prints(status: visits.Status) -> bool:
    return any(one["name"] == TERMINAL_RING.name and one["evicted"] for one in status["bounds"])


SILENT_MS = 2000
"""How long the model waits, in milliseconds. The relay is suspended during this time."""


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Suspend a process within a scope, as happens when its machine sleeps."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


PROVOCATIONS = (
    provocation(
        "shared relay", "a relay with 32 accounts, one of which has 48 devices; the relay stops under its agent",
        shared_relay, RELAY_ACCOUNTS, RELAY_ACCOUNT_SOCKETS, RELAY_QUEUE, SIGNALS,
    ),
)  # fmt: skip
"""The provocations of this module."""
