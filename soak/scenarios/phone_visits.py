"""Connects and disconnects phones, always with the same device ids. The phones belong to the scenario's context."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mobifai.protocol.handshake import Identity
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.scenarios.context import ScenarioContext
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

LOOK_SECONDS = 0.02
SEALED = 100
"""Added to the number of a phone that encrypts.

So this phone is another device than the legacy app with the same number.
"""

Status = dict[str, Any]


def device_id(number: int) -> str:
    """Return the device id of phone `number`, always the same."""
    return str(uuid5(NAMESPACE_URL, f"mobifai:soak:{number}"))


def identity(number: int) -> Identity:
    """Return the identity of phone `number`, always the same. It protects nothing, so it need not be random."""
    return Identity.from_hex(f"{number + 1:064x}")


async def new_phone(
    tabs: CheckedTabs,
    number: int = 0,
    *,
    webrtc: bool = True,
    features: tuple[str, ...] | None = None,
    like: Phone | None = None,
    after: Phone | None = None,
) -> Phone:
    """Create a phone, add it to the context, and check its output from now on. It is not connected yet.

    Without `features`, the kinds of phones alternate: one encrypts end to end, one has only stream offsets, and one is
    a legacy app. With `like`, the new phone is of the same kind as this phone, and is the same device after a restart.
    With `after`, the new phone is also of the same kind, and continues with the stream offsets of this phone. Raises
    StateError.
    """
    context = tabs.context
    known, encrypted = tabs.next_kind() if features is None else (features, False)
    if (same := after or like) is not None:
        known, encrypted = same.features, same.keys is not None
    keys = await context.target.keys(number) if encrypted else None
    if keys is not None:
        number += SEALED  # the agent accepts this device only with its key
    phone = Phone(
        context.target.relay_url,
        await context.target.token(number, encrypted=keys is not None),
        name=f"soak phone {number}",
        device_id=device_id(number),
        identity=identity(number),
        webrtc=webrtc,
        features=known,
        keys=keys,
    )
    if after is not None:
        phone.offsets = after.offsets
    context.phones.append(phone)
    tabs.watch(phone)
    return phone


async def arrive(context: ScenarioContext, phone: Phone, *, channel: bool = False) -> None:
    """Connect and pair, retrying until the agent is available. With `channel`, also wait for the data channel.

    Raises PhoneError.
    """
    if not phone.relay_is_up:
        await phone.connect(PATIENCE)
    await pair(context, phone)
    if channel:
        await on_channel(context, phone)


async def pair(context: ScenarioContext, phone: Phone) -> None:
    """Pair, retrying while the agent is still disconnecting an earlier phone. Raises PhoneError."""
    refusal = ""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                await on_offer(context, phone)
                try:
                    await phone.pair(context.target.device_id, PATIENCE)
                except PhoneError as error:
                    if error.event != "error":
                        raise
                    refusal = str(error)
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    return
    except TimeoutError:
        raise PhoneError(
            "timeout", f"expected {phone.name} to be paired within {PATIENCE:g} s; the last refusal is: {refusal}"
        ) from None


async def on_offer(context: ScenarioContext, phone: Phone) -> None:
    """Wait until the relay lists the agent as available. Raises PhoneError."""
    wanted = context.target.device_id

    def offered() -> bool:
        return any(device["deviceId"] == wanted for device in phone.devices)

    await phone.until(offered, "the relay to list the agent", PATIENCE)


async def on_channel(context: ScenarioContext, phone: Phone) -> None:
    """Wait until the data channel is open and the agent sends on it. Raises PhoneError."""
    await phone.channel_open(PATIENCE)
    await served(context, phone, "channel")


async def served(context: ScenarioContext, phone: Phone, path: str) -> Status:
    """Wait until the agent sends to this phone by the transport `path`, and return its status. Raises PhoneError."""
    return await status_when(
        context,
        lambda status: status["path"] == path and status["phone"] == phone.device_id,
        f"the agent to use the path {path} to {phone.name}",
    )


async def status_when(
    context: ScenarioContext, is_so: Callable[[Status], object], what: str, patience: float = PATIENCE
) -> Status:
    """Wait until the agent's status satisfies `is_so`, and return the status. Raises StateError.

    Raises PhoneError after `patience` seconds. In this error, `what` describes what was expected.
    """
    status: Status = {}
    try:
        async with asyncio.timeout(patience):
            while not is_so(status := dict(await context.target.ask("status"))):  # noqa: ASYNC110 - it can only be polled
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        known = {name: status.get(name) for name in ("relay", "phone", "path", "terminals")}
        raise PhoneError("timeout", f"expected {what} within {patience:g} s; the agent reports {known}") from None
    return status


async def everybody_leaves(context: ScenarioContext) -> None:
    """Disconnect all phones and wait until the agent has no session and no terminal. Raises PhoneError, StateError."""
    while context.phones:
        await context.phones.pop().leave()
    await status_when(
        context,
        lambda status: status["phone"] is None and not status["terminals"],
        "no phone and no terminal",
    )
