"""Provocations with too many commands and terminals."""

import asyncio
from contextlib import AsyncExitStack

from mobifai.limits import CONTROL_CLIENTS, RELAY_CODES, TERMINAL_INPUT, TERMINAL_RING, TERMINALS
from soak.provocations.provocation import ProvocationEnvironment, provocation
from soak.scenarios import filling_limits, terminals
from soak.scenarios import phone_visits as visits
from soak.scenarios.terminal_checks import PATIENCE


async def many_commands(env: ProvocationEnvironment) -> None:
    """Open as many idle connections to the control socket as the agent accepts, and one more. Then request too many
    invitations.
    """
    async with AsyncExitStack() as scope:
        for _ in range(CONTROL_CLIENTS.value):
            await _connect(env, scope)
        one_more = await _connect(env, scope)
        async with asyncio.timeout(PATIENCE):
            await one_more.read()
    await filling_limits.fill_commands(env.context)


async def _connect(env: ProvocationEnvironment, scope: AsyncExitStack) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_unix_connection(env.context.target.control_socket)
    scope.callback(writer.close)
    return reader


async def many_terminals(env: ProvocationEnvironment) -> None:
    """Open as many terminals as the agent allows. Flood one, make its program stop reading, and type into it."""
    phone = await visits.new_phone(env.tabs, webrtc=False, features=())
    await visits.arrive(env.context, phone)
    await terminals.fill_terminals(env.tabs, phone)
    await visits.everybody_leaves(env.context)


PROVOCATIONS = (
    provocation(
        "many commands", "17 commands at a time, and 17 invitations", many_commands, CONTROL_CLIENTS, RELAY_CODES,
    ),
    provocation(
        "many terminals", "65 terminals, one of them flooded, one whose program reads nothing", many_terminals,
        TERMINALS, TERMINAL_RING, TERMINAL_INPUT,
    ),
)  # fmt: skip
"""The provocations of this module."""
