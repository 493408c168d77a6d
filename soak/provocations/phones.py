"""Provocations by phones that never acknowledge or finish, send too much or too early, or are too many."""

import asyncio
from contextlib import suppress

from mobifai.limits import (
    CANDIDATES,
    CHANNEL_BUFFER,
    CHANNEL_INBOUND,
    CONTROL_QUEUE,
    E2E_LINKS,
    E2E_PHONES,
    E2E_REVOKED,
    INBOUND,
    KEYS,
    LISTENERS,
    MAX_KEYS,
    SESSION_HELD,
    SESSIONS,
    TERMINAL_OUTBOX,
    TERMINAL_RING,
    TERMINAL_WINDOW,
)
from mobifai.protocol.features import KEYS as SHARES_KEYS
from mobifai.transport.peer_connection import BULK_MARK
from soak.phone.encryption import InvitationLink, PhoneKeys
from soak.phone.event_log import PhoneError
from soak.phone.offsets import FEATURES
from soak.phone.phone import Phone
from soak.provocations.provocation import ProvocationEnvironment, held, provocation
from soak.scenarios import filling_limits
from soak.scenarios import phone_visits as visits
from soak.scenarios.conversation_steps import LOOK, ask
from soak.scenarios.terminal_checks import PATIENCE

FIRST_PHONE = 3000
"""The number of the first phone that the provocations of this module invite by a link."""

FIRST_TURN = [{"type": "delay", "ms": 300}, LOOK]
"""The model's first answer: a pause, in which the phone stops answering before the model sends much."""
LONG_TURN = [*[{"type": "message", "text": "😀" * 4000}] * 28, LOOK]
"""An answer of the model with messages of 16,000 bytes each. Together they are smaller than a conversation may be."""
BUSY_TURN = [*[{"type": "message", "text": "and so on"}] * 48, LOOK]
"""An answer of the model with many short messages.

If the model gives this answer in all remaining turns, it sends more than 256 messages.
"""

LETTERS, TOO_MANY_LETTERS = 360, 400
"""Numbers of three-byte letters in each key combination. With LETTERS, all combinations fit in one message; with
TOO_MANY_LETTERS, they do not.
"""


async def sealed_phone(env: ProvocationEnvironment, number: int, *features: str, webrtc: bool = False) -> Phone:
    """Create a phone that encrypts end to end, add it to the context, and connect it to the relay. It is not paired
    yet.
    """
    invitation = await env.context.target.ask("pair")
    phone = Phone(
        env.url,
        str(invitation["token"]),
        name=f"soak phone {number}",
        device_id=visits.device_id(number),
        identity=visits.identity(number),
        webrtc=webrtc,
        features=features,
        keys=PhoneKeys.by_link(InvitationLink.read(str(invitation["link"]))),
    )
    env.context.phones.append(phone)
    env.tabs.watch(phone)
    await phone.connect(PATIENCE)
    await visits.on_offer(env.context, phone)
    return phone


async def gone(env: ProvocationEnvironment, phone: Phone) -> None:
    """Disconnect a phone and wait until the agent has noticed. Raises PhoneError."""
    await phone.vanish()
    if phone in env.context.phones:
        env.context.phones.remove(phone)
    await visits.status_when(env.context, lambda status: status["path"] is None, "no transport to a phone")


async def refused(env: ProvocationEnvironment, limit: str, before: int) -> None:
    """Wait until the limit `limit` has refused or dropped more than `before`, an earlier result of `refusals`.

    Raises PhoneError.
    """

    def is_so(status: visits.Status) -> bool:
        return any(one["refused"] + one["evicted"] > before for one in status["bounds"] if one["name"] == limit)

    await visits.status_when(env.context, is_so, f"the agent to enforce the limit {limit}")


async def refusals(env: ProvocationEnvironment, limit: str) -> int:
    """Return the amount that the limit `limit` has refused or dropped so far."""
    entry = (await env.bounds())[limit]
    return int(entry["refused"]) + int(entry["evicted"])


# -- phones that do not read


async def never_acknowledges(env: ProvocationEnvironment) -> None:
    """Print to a phone that reads nothing, until its terminal's window is full. Then let the phone read everything."""
    phone = await visits.new_phone(env.tabs, webrtc=False, features=FEATURES)
    await visits.arrive(env.context, phone)
    await filling_limits.fill_window(env.tabs, phone)
    await phone.leave()
    env.context.phones.remove(phone)
    await visits.status_when(env.context, lambda status: status["phone"] is None, "no phone")


async def silent_screen(env: ProvocationEnvironment) -> None:
    """Make the agent send a full screen and further output to a phone that acknowledges nothing."""
    phone = await visits.new_phone(env.tabs, features=())
    await visits.arrive(env.context, phone, channel=True)
    other, uuid = [await env.tabs.open(phone) for _ in range(2)]
    await env.tabs.run(phone, uuid, env.tabs.flood(uuid, 2 * TERMINAL_RING.value))
    await phone.switch(other)
    env.tabs.ignore(phone)
    phone.stop_acknowledging()
    await env.tabs.type(phone, other, env.tabs.flood(other, 2 * TERMINAL_OUTBOX.value))
    await visits.status_when(env.context, filling_limits.program_is_blocked, "the program to be blocked")
    async with asyncio.timeout(PATIENCE):
        while (await env.bounds())[CHANNEL_BUFFER.name]["used"] < BULK_MARK:  # the limit is lower just after input
            await phone.switch(other)
            await asyncio.sleep(visits.LOOK_SECONDS)
    await phone.switch(other, uuid)
    await env.tabs.type(phone, uuid, env.tabs.flood(uuid, TERMINAL_OUTBOX.value))
    await held(env, TERMINAL_OUTBOX)
    await gone(env, phone)
    await close_terminals(env)


async def silent_channel(env: ProvocationEnvironment) -> None:
    """Make the assistant send many messages to a phone that does not answer on the data channel, until the agent
    disconnects it.
    """
    before = await refusals(env, CONTROL_QUEUE.name)
    phone = await visits.new_phone(env.tabs, features=())
    await visits.arrive(env.context, phone, channel=True)
    env.script.write(FIRST_TURN, LONG_TURN, BUSY_TURN)
    uuids = [await env.tabs.open(phone) for _ in range(2)]
    for uuid in uuids:
        await ask(env.tabs, uuid)
    await phone.silence_channel()
    await refused(env, CONTROL_QUEUE.name, before)
    await gone(env, phone)
    await close_terminals(env)


async def close_terminals(env: ProvocationEnvironment) -> None:
    """Close all terminals, with a phone that connects for this. Raises PhoneError."""
    phone = await visits.new_phone(env.tabs, webrtc=False, features=())
    env.tabs.ignore(phone)
    await visits.arrive(env.context, phone)
    await env.tabs.kill_all(phone)
    await phone.leave()
    env.context.phones.remove(phone)
    await visits.status_when(env.context, lambda status: status["phone"] is None, "no phone")


# -- phones that send too much


async def unfinished_message(env: ProvocationEnvironment) -> None:
    """Let a phone send a message on the data channel without its end, until the agent closes the connection."""
    before = await refusals(env, CHANNEL_INBOUND.name)
    phone = await visits.new_phone(env.tabs, features=())
    await visits.arrive(env.context, phone, channel=True)
    await phone.begin_message(CHANNEL_INBOUND.value + (1 << 20))
    await refused(env, CHANNEL_INBOUND.name, before)
    await gone(env, phone)


async def more_than_can_be_done(env: ProvocationEnvironment) -> None:
    """Let a phone send key combinations faster than the agent can store them, until the agent disconnects it."""
    before = await refusals(env, INBOUND.name)
    phone = await sealed_phone(env, FIRST_PHONE, SHARES_KEYS)
    await phone.pair(env.context.target.device_id, PATIENCE)
    with suppress(PhoneError):  # it is disconnected
        async with asyncio.timeout(PATIENCE):
            while phone.paired_with is not None:
                await phone.send("keys:set", _combinations(LETTERS))
    await refused(env, INBOUND.name, before)
    await gone(env, phone)
    await forget_phone(env, FIRST_PHONE)


async def too_many_keys(env: ProvocationEnvironment) -> None:
    """Let a phone share so many long key combinations that the agent could not send them in one message. The agent
    refuses them.
    """
    phone = await sealed_phone(env, FIRST_PHONE, SHARES_KEYS)
    await phone.pair(env.context.target.device_id, PATIENCE)
    await phone.send("keys:set", _combinations(LETTERS))
    await phone.expect("keys:state", lambda _: True, PATIENCE)
    await phone.send("keys:set", _combinations(TOO_MANY_LETTERS))
    await phone.expect("process:error", lambda payload: KEYS.name in payload["error"], PATIENCE)
    await phone.send("keys:set", {"combinations": []})
    await phone.expect("keys:state", lambda payload: not payload["combinations"], PATIENCE)
    await gone(env, phone)
    await forget_phone(env, FIRST_PHONE)


def _combinations(letters: int) -> dict[str, object]:
    """Return the payload of `keys:set` with MAX_KEYS key combinations of `letters` letters, of three bytes each."""
    listed = [{"id": str(number), "label": "soak", "sequence": "字" * letters} for number in range(MAX_KEYS)]
    return {"combinations": listed}


# -- phones whose messages come too early


async def early_candidates(env: ProvocationEnvironment) -> None:
    """Let a phone send more ICE candidates than any phone has, and never answer the agent's offer."""
    phone = await visits.new_phone(env.tabs, webrtc=False, features=())
    await visits.arrive(env.context, phone)
    await phone.expect("webrtc:offer", lambda _: True, PATIENCE)
    for number in range(CANDIDATES.value + 1):
        await phone.send("webrtc:ice-candidate", {"candidate": candidate(number)})
    await held(env, CANDIDATES)
    await gone(env, phone)


def candidate(number: int) -> dict[str, object]:
    """Return an ICE candidate at the discard port. It differs for each `number`."""
    line = f"candidate:{number} 1 udp {2122260223 - number} 10.64.0.1 9 typ host"
    return {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}


async def before_the_first(env: ProvocationEnvironment) -> None:
    """Let a phone send numbered messages through the relay, while the message before them never arrives on the data
    channel.
    """
    before = await refusals(env, SESSION_HELD.name)
    phone = await sealed_phone(env, FIRST_PHONE, *FEATURES, webrtc=True)
    await phone.pair(env.context.target.device_id, PATIENCE)
    await phone.channel_open(PATIENCE)
    await visits.served(env.context, phone, "channel")
    phone.skip_number()
    with suppress(PhoneError):  # the session ends
        for _ in range(SESSION_HELD.value + 1):
            await phone.send("terminal:input", {"uuid": visits.device_id(0), "data": "." * 8000}, via="relay")
    await refused(env, SESSION_HELD.name, before)
    await gone(env, phone)
    await forget_phone(env, FIRST_PHONE)


# -- too many phones


async def phones_of_years(env: ProvocationEnvironment) -> None:
    """Pair as many phones by link as the agent stores, and revoke so many that it forgets that some were revoked."""
    for _ in range(E2E_LINKS.value + 1):
        await env.context.target.ask("pair")
    numbers = await _pin_phones(env)
    for number in numbers:
        await forget_phone(env, number)
    before = await refusals(env, E2E_REVOKED.name)
    for number in range(FIRST_PHONE, FIRST_PHONE + E2E_REVOKED.value + 1):
        if await refusals(env, E2E_REVOKED.name) > before:
            return
        phone = await sealed_phone(env, number)
        await phone.pair(env.context.target.device_id, PATIENCE)
        await gone(env, phone)
        await forget_phone(env, number)


async def _pin_phones(env: ProvocationEnvironment) -> list[int]:
    """Pair phones by link until the agent refuses one. Return the numbers of the phones that it stores."""
    known: list[int] = []  # bounded by the agent's phones
    for number in range(FIRST_PHONE, FIRST_PHONE + E2E_PHONES.value + 1):
        phone = await sealed_phone(env, number)
        try:
            await phone.pair(env.context.target.device_id, PATIENCE)
        except PhoneError:
            return [*known, number]
        finally:
            await gone(env, phone)
        known.append(number)
    raise PhoneError("error", f"expected the agent to refuse phone {E2E_PHONES.value + 1}; the phone was accepted")


async def forget_phone(env: ProvocationEnvironment, number: int) -> None:
    """Revoke phone `number` on the agent. Raises StateError."""
    await env.context.target.ask("revoke", {"device_id": visits.device_id(number)})


PROVOCATIONS = (
    provocation(
        "phone that never acknowledges", "a terminal prints for a phone that reads nothing", never_acknowledges,
        TERMINAL_WINDOW,
    ),
    provocation(
        "silent screen", "a screen and the output after it wait for a phone that acknowledges nothing", silent_screen,
        TERMINAL_OUTBOX,
    ),
    provocation(
        "silent channel", "the assistant sends to a phone whose data channel accepts nothing", silent_channel,
        CHANNEL_BUFFER, CONTROL_QUEUE, LISTENERS, SESSIONS,
    ),
    provocation(
        "unfinished message", "a phone sends 5 MiB of a message that has no end", unfinished_message, CHANNEL_INBOUND,
    ),
    provocation(
        "more than can be done", "a phone sends key combinations faster than the disk stores them",
        more_than_can_be_done, INBOUND,
    ),
    provocation("too many keys", "a phone shares more key combinations than one message holds", too_many_keys, KEYS),
    provocation("early candidates", "a phone names 65 addresses before it answers", early_candidates, CANDIDATES),
    provocation(
        "message that is missing", "257 messages arrive while an earlier one is missing",
        before_the_first, SESSION_HELD,
    ),
    provocation(
        "phones of years", "65 phones connect, each with its own link, and all are revoked", phones_of_years,
        E2E_PHONES, E2E_REVOKED, E2E_LINKS,
    ),
)  # fmt: skip
"""The provocations of this module."""
