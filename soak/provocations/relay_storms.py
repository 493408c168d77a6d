"""Provocations of a relay: many connections, addresses, failed sign-ins, and devices that do not read."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress

from mobifai.limits import (
    RELAY_ATTEMPTS,
    RELAY_BACKLOG,
    RELAY_DEVICES,
    RELAY_KNOWN_ADDRESSES,
    RELAY_MESSAGE,
    RELAY_REQUESTS,
    RELAY_SETTINGS,
    RELAY_SOCKETS,
    RELAY_UNSIGNED,
)
from mobifai.relay.connection_slots import KNOWN_FACTOR
from mobifai.relay.http_connections import MOST_PER_ADDRESS
from mobifai.relay.socketio_endpoint import MOST_UNSIGNED
from soak.phone.event_log import PhoneError
from soak.provocations.provocation import ProvocationEnvironment, held, provocation
from soak.provocations.stranger import RawRelayClient
from soak.scenarios import phone_visits as visits
from soak.scenarios.terminal_checks import PATIENCE

FIRST_DEVICE = 2000
"""The number of the first device of a household. The phones of scenarios have smaller numbers."""

AT_ONCE = 24
"""Number of connections that are opened concurrently."""


def address(number: int) -> str:
    """Return a loopback address. No two numbers below 16,000 have the same address."""
    return f"127.7.{number // 250}.{1 + number % 250}"


async def failed_sign_ins(env: ProvocationEnvironment) -> None:
    """Attempt one sign-in with an invalid token from each of more addresses than a relay remembers."""

    async def fail(number: int) -> None:
        async with RawRelayClient(env.url, address(number)) as stranger:
            await stranger.request("GET", "/api/settings", Authorization="Bearer none")

    for first in range(0, RELAY_ATTEMPTS.value + 1, AT_ONCE):
        last = min(first + AT_ONCE, RELAY_ATTEMPTS.value + 1)
        await asyncio.gather(*(fail(number) for number in range(first, last)))


async def household(env: ProvocationEnvironment) -> None:
    """Sign in as many devices as an account may have, from more addresses than the relay remembers.

    Then open as many connections as the relay accepts. Known addresses have reserved connections, and unknown addresses
    share the others. So the provocation uses up both kinds.
    """
    tokens = await _new_devices(env)
    try:
        await _sign_in_from_everywhere(env, tokens)
        async with AsyncExitStack() as scope:
            await _take_places(env, tokens, scope)
    finally:
        for number in tokens:
            await env.context.target.ask("revoke", {"device_id": visits.device_id(number)})


async def _new_devices(env: ProvocationEnvironment) -> dict[int, str]:
    """Return the tokens of new devices, created until the account is full. Raises PhoneError."""
    tokens: dict[int, str] = {}  # bounded by the relay's devices
    for number in range(FIRST_DEVICE, FIRST_DEVICE + RELAY_DEVICES.value + 1):
        token = str((await env.context.target.ask("pair", {"legacy": True}))["token"])
        async with RawRelayClient(env.url) as device:
            if await device.register(token, visits.device_id(number)) != "authenticated":
                return tokens
        tokens[number] = token
    raise PhoneError("error", f"expected the relay to refuse device {RELAY_DEVICES.value + 1}; the device was accepted")


async def _sign_in_from_everywhere(env: ProvocationEnvironment, tokens: dict[int, str]) -> None:
    numbers = list(tokens)
    for count in range(RELAY_KNOWN_ADDRESSES.value + 1):
        number = numbers[count % len(numbers)]
        async with RawRelayClient(env.url, address(count)) as device:
            await device.register(tokens[number], visits.device_id(number))


async def _take_places(env: ProvocationEnvironment, tokens: dict[int, str], scope: AsyncExitStack) -> None:
    """Open as many WebSockets and plain connections as the relay accepts, and try one more of each."""
    known = [address(count) for count in range(1, RELAY_KNOWN_ADDRESSES.value + 1)]
    for number in list(tokens)[: RELAY_SOCKETS.value - RELAY_UNSIGNED.value - 1]:  # the agent has one
        device = await scope.enter_async_context(RawRelayClient(env.url, known[number % len(known)]))
        await device.register(tokens[number], visits.device_id(number))
    per_address = KNOWN_FACTOR * MOST_UNSIGNED
    for number in range(RELAY_UNSIGNED.value + 1):
        await _hold(RawRelayClient(env.url, known[number // per_address]), scope, upgrade=True)
    per_address = KNOWN_FACTOR * MOST_PER_ADDRESS
    for number in range(RELAY_REQUESTS.value + 1):
        await _hold(RawRelayClient(env.url, known[number // per_address]), scope)
    await held(env, RELAY_SOCKETS, RELAY_UNSIGNED, RELAY_REQUESTS)


async def _hold(stranger: RawRelayClient, scope: AsyncExitStack, *, upgrade: bool = False) -> None:
    scope.push_async_callback(stranger.close)
    with suppress(OSError, asyncio.IncompleteReadError):
        await stranger.open()
        if upgrade:
            await stranger.upgrade()


async def longest_packet(env: ProvocationEnvironment) -> None:
    """Sign in and send the longest packet that a device may send. The relay answers it as usual."""
    async with RawRelayClient(env.url) as device:
        await device.register(await env.context.target.token(0), visits.device_id(0))
        begin, end = '42["relay:echo",{"nonce":"', '"}]'
        await device.send(begin + "x" * (RELAY_MESSAGE.value - len(begin) - len(end)) + end)
        await device.until("error", "relay:echo")


async def deaf_device(env: ProvocationEnvironment) -> None:
    """Change an account's settings repeatedly while one of its devices does not read, until the relay disconnects the
    device.
    """
    token = await env.context.target.token(0)
    largest = {"soak": "x" * (RELAY_SETTINGS.value - 20)}
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    async with RawRelayClient(env.url) as deaf, RawRelayClient(env.url) as writer:
        await deaf.register(token, visits.device_id(0))
        deaf.deaf()
        status, _ = await writer.request(
            "PUT", "/api/settings", json.dumps({"soak": "x" * (1 << 15)}).encode(), **headers
        )
        if status != 413:
            raise PhoneError("error", f"expected status 413 for settings of 32 KiB; found {status}")
        async with asyncio.timeout(PATIENCE):
            while not (await env.bounds())[RELAY_BACKLOG.name]["refused"]:
                await writer.request("PUT", "/api/settings", json.dumps(largest).encode(), **headers)
        await writer.request("PUT", "/api/settings", b'{"soak":""}', **headers)


PROVOCATIONS = (
    provocation(
        "failed sign-ins", "one failed sign-in from each of 1,025 addresses", failed_sign_ins, RELAY_ATTEMPTS,
        many_addresses=True,
    ),
    provocation(
        "household", "100 devices sign in from 65 addresses, then hold every connection that the relay has",
        household, RELAY_DEVICES, RELAY_KNOWN_ADDRESSES, RELAY_SOCKETS, RELAY_UNSIGNED, RELAY_REQUESTS,
        many_addresses=True,
    ),
    provocation("longest packet", "a device sends a packet of 1 MiB", longest_packet, RELAY_MESSAGE),
    provocation(
        "deaf device", "the settings of an account change under a device that reads nothing", deaf_device,
        RELAY_BACKLOG, RELAY_SETTINGS,
    ),
)  # fmt: skip
"""The provocations of this module."""
