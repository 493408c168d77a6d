"""What phones do that never acknowledge, never finish, send too much, come too early, or are too many."""

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
from soak.provocations.provocation import ProvocationContext, held, provocation
from soak.scenarios import filling_limits
from soak.scenarios import phone_visits as visits
from soak.scenarios.conversations import LOOK, ask
from soak.scenarios.terminal_checks import PATIENCE

FIRST_PHONE = 3000
"""The number of the first phone that is let in by a link here."""

FIRST_TURN = [{"type": "delay", "ms": 300}, LOOK]
"""Time in which a phone falls silent before the model says much."""
LONG_TURN = [*[{"type": "message", "text": "😀" * 4000}] * 28, LOOK]
"""Messages of 16,000 bytes each, together less than a conversation may hold."""
BUSY_TURN = [*[{"type": "message", "text": "and so on"}] * 48, LOOK]
"""Many short ones; the turns that are left have more than 256."""

LETTERS, TOO_MANY_LETTERS = 360, 400
"""Letters of three bytes in each key combination: all of them fit, or don't."""


async def sealed_phone(place: ProvocationContext, number: int, *features: str, webrtc: bool = False) -> Phone:
    """Return a phone that encrypts end to end, connected and paired. It is among the world's phones."""
    invitation = await place.world.target.ask("pair")
    phone = Phone(
        place.url,
        str(invitation["token"]),
        name=f"soak phone {number}",
        device_id=visits.device_id(number),
        identity=visits.identity(number),
        webrtc=webrtc,
        features=features,
        seal=PhoneKeys.by_link(InvitationLink.read(str(invitation["link"]))),
    )
    place.world.phones.append(phone)
    place.desk.watch(phone)
    await phone.connect(PATIENCE)
    await visits.on_offer(place.world, phone)
    return phone


async def gone(place: ProvocationContext, phone: Phone) -> None:
    """Have a phone leave, and wait until the agent knows. Raises PhoneError."""
    await phone.vanish()
    if phone in place.world.phones:
        place.world.phones.remove(phone)
    await visits.status_when(place.world, lambda status: status["path"] is None, "no way to a phone")


async def refused(place: ProvocationContext, limit: str, before: int) -> None:
    """Wait until something was refused or dropped because of a limit. Raises PhoneError."""

    def is_so(status: visits.Status) -> bool:
        return any(one["refused"] + one["evicted"] > before for one in status["bounds"] if one["name"] == limit)

    await visits.status_when(place.world, is_so, f"the agent to hold its limit {limit}")


async def refusals(place: ProvocationContext, limit: str) -> int:
    """Return how much was refused or dropped because of a limit so far."""
    entry = (await place.bounds())[limit]
    return int(entry["refused"]) + int(entry["evicted"])


# -- phones that do not read


async def never_acknowledges(place: ProvocationContext) -> None:
    """A terminal prints for a phone that reads nothing, until its window is full; then the phone reads all."""
    phone = await visits.new_phone(place.desk, webrtc=False, features=FEATURES)
    await visits.arrive(place.world, phone)
    await filling_limits.fill_window(place.desk, phone)
    await phone.leave()
    place.world.phones.remove(phone)
    await visits.status_when(place.world, lambda status: status["phone"] is None, "no phone")


async def silent_screen(place: ProvocationContext) -> None:
    """A phone that confirms nothing is shown a full screen, on which the program goes on printing."""
    phone = await visits.new_phone(place.desk, features=())
    await visits.arrive(place.world, phone, channel=True)
    other, uuid = [await place.desk.open(phone) for _ in range(2)]
    await place.desk.run(phone, uuid, place.desk.flood(uuid, 2 * TERMINAL_RING.value))
    await phone.switch(other)
    place.desk.ignore(phone)
    phone.stop_acknowledging()
    await place.desk.type(phone, other, place.desk.flood(other, 2 * TERMINAL_OUTBOX.value))
    await visits.status_when(place.world, filling_limits.program_waits, "the program to wait")
    async with asyncio.timeout(PATIENCE):
        while (await place.bounds())[CHANNEL_BUFFER.name]["used"] < BULK_MARK:  # less while somebody has just typed
            await phone.switch(other)
            await asyncio.sleep(visits.LOOK_SECONDS)
    await phone.switch(other, uuid)
    await place.desk.type(phone, uuid, place.desk.flood(uuid, TERMINAL_OUTBOX.value))
    await held(place, TERMINAL_OUTBOX)
    await gone(place, phone)
    await close_terminals(place)


async def silent_channel(place: ProvocationContext) -> None:
    """The assistant says much to a phone whose data channel takes nothing any more, until the agent hangs up."""
    before = await refusals(place, CONTROL_QUEUE.name)
    phone = await visits.new_phone(place.desk, features=())
    await visits.arrive(place.world, phone, channel=True)
    place.script.write(FIRST_TURN, LONG_TURN, BUSY_TURN)
    uuids = [await place.desk.open(phone) for _ in range(2)]
    for uuid in uuids:
        await ask(place.desk, uuid)
    await visits.silence_channel(phone)
    await refused(place, CONTROL_QUEUE.name, before)
    await gone(place, phone)
    await close_terminals(place)


async def close_terminals(place: ProvocationContext) -> None:
    """Close all terminals with whatever goes on in them, by a phone that comes for that. Raises PhoneError."""
    phone = await visits.new_phone(place.desk, webrtc=False, features=())
    place.desk.ignore(phone)
    await visits.arrive(place.world, phone)
    await place.desk.kill_all(phone)
    await phone.leave()
    place.world.phones.remove(phone)
    await visits.status_when(place.world, lambda status: status["phone"] is None, "no phone")


# -- phones that send too much


async def unfinished_message(place: ProvocationContext) -> None:
    """A phone sends a message on the data channel whose end never comes, until the agent closes the connection."""
    before = await refusals(place, CHANNEL_INBOUND.name)
    phone = await visits.new_phone(place.desk, features=())
    await visits.arrive(place.world, phone, channel=True)
    await phone.begin_message(CHANNEL_INBOUND.value + (1 << 20))
    await refused(place, CHANNEL_INBOUND.name, before)
    await gone(place, phone)


async def more_than_can_be_done(place: ProvocationContext) -> None:
    """A phone sends key combinations faster than they can be checked and kept, until the agent hangs up."""
    before = await refusals(place, INBOUND.name)
    phone = await sealed_phone(place, FIRST_PHONE, SHARES_KEYS)
    await phone.pair(place.world.target.device_id, PATIENCE)
    with suppress(PhoneError):  # it is hung up on
        async with asyncio.timeout(PATIENCE):
            while phone.paired_with is not None:
                await phone.send("keys:set", _combinations(LETTERS))
    await refused(place, INBOUND.name, before)
    await gone(place, phone)
    await forget_phone(place, FIRST_PHONE)


async def too_many_keys(place: ProvocationContext) -> None:
    """A phone asks for more key combinations to be kept than one message to a phone can hold."""
    phone = await sealed_phone(place, FIRST_PHONE, SHARES_KEYS)
    await phone.pair(place.world.target.device_id, PATIENCE)
    await phone.send("keys:set", _combinations(LETTERS))
    await phone.expect("keys:state", lambda _: True, PATIENCE)
    await phone.send("keys:set", _combinations(TOO_MANY_LETTERS))
    await phone.expect("process:error", lambda payload: KEYS.name in payload["error"], PATIENCE)
    await phone.send("keys:set", {"combinations": []})
    await phone.expect("keys:state", lambda payload: not payload["combinations"], PATIENCE)
    await gone(place, phone)
    await forget_phone(place, FIRST_PHONE)


def _combinations(letters: int) -> dict[str, object]:
    """As many combinations as one message may have, each with so many letters of three bytes."""
    listed = [{"id": str(number), "label": "soak", "sequence": "字" * letters} for number in range(MAX_KEYS)]
    return {"combinations": listed}


# -- phones whose messages come too early


async def early_candidates(place: ProvocationContext) -> None:
    """A phone names more addresses than any phone has, and never answers the offer."""
    phone = await visits.new_phone(place.desk, webrtc=False, features=())
    await visits.arrive(place.world, phone)
    await phone.expect("webrtc:offer", lambda _: True, PATIENCE)
    for number in range(CANDIDATES.value + 1):
        await phone.send("webrtc:ice-candidate", {"candidate": candidate(number)})
    await held(place, CANDIDATES)
    await gone(place, phone)


def candidate(number: int) -> dict[str, object]:
    """Return a candidate at a discard port, another one for each number."""
    line = f"candidate:{number} 1 udp {2122260223 - number} 10.64.0.1 9 typ host"
    return {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}


async def before_the_first(place: ProvocationContext) -> None:
    """A phone's messages come by the relay, but the one before them does not come by the data channel."""
    before = await refusals(place, SESSION_HELD.name)
    phone = await sealed_phone(place, FIRST_PHONE, *FEATURES, webrtc=True)
    await phone.pair(place.world.target.device_id, PATIENCE)
    await phone.channel_open(PATIENCE)
    await visits.served(place.world, phone, "channel")
    phone.skip_number()
    with suppress(PhoneError):  # the session ends
        for _ in range(SESSION_HELD.value + 1):
            await phone.send("terminal:input", {"uuid": visits.device_id(0), "data": "." * 8000}, via="relay")
    await refused(place, SESSION_HELD.name, before)
    await gone(place, phone)
    await forget_phone(place, FIRST_PHONE)


# -- too many phones


async def phones_of_years(place: ProvocationContext) -> None:
    """Pair as many phones by link as the agent knows, revoke them all and some more, and invite without end."""
    for _ in range(E2E_LINKS.value + 1):
        await place.world.target.ask("pair")
    numbers = await _pin_phones(place)
    for number in numbers:
        await forget_phone(place, number)
    before = await refusals(place, E2E_REVOKED.name)
    for number in range(FIRST_PHONE, FIRST_PHONE + E2E_REVOKED.value + 1):
        if await refusals(place, E2E_REVOKED.name) > before:
            return
        phone = await sealed_phone(place, number)
        await phone.pair(place.world.target.device_id, PATIENCE)
        await gone(place, phone)
        await forget_phone(place, number)


async def _pin_phones(place: ProvocationContext) -> list[int]:
    """Pair phones by link until the agent refuses one. Return the numbers of those that it knows."""
    known: list[int] = []  # bounded by the agent's phones
    for number in range(FIRST_PHONE, FIRST_PHONE + E2E_PHONES.value + 1):
        phone = await sealed_phone(place, number)
        try:
            await phone.pair(place.world.target.device_id, PATIENCE)
        except PhoneError:
            return [*known, number]
        finally:
            await gone(place, phone)
        known.append(number)
    raise PhoneError("error", f"expected the agent to refuse phone {E2E_PHONES.value + 1}; it knows it")


async def forget_phone(place: ProvocationContext, number: int) -> None:
    """Revoke a phone. Raises StateError."""
    await place.world.target.ask("revoke", {"device_id": visits.device_id(number)})


PROVOCATIONS = (
    provocation(
        "phone that never acknowledges", "a terminal prints for a phone that reads nothing", never_acknowledges,
        TERMINAL_WINDOW,
    ),
    provocation(
        "silent screen", "a screen and what is printed after it wait for a phone that confirms nothing", silent_screen,
        TERMINAL_OUTBOX,
    ),
    provocation(
        "silent channel", "the assistant talks to a phone whose data channel takes nothing", silent_channel,
        CHANNEL_BUFFER, CONTROL_QUEUE, LISTENERS,
    ),
    provocation(
        "unfinished message", "a phone sends 5 MiB of a message that has no end", unfinished_message, CHANNEL_INBOUND,
    ),
    provocation(
        "more than can be done", "a phone sends key combinations faster than the disk takes them",
        more_than_can_be_done, INBOUND,
    ),
    provocation("too many keys", "a phone shares more key combinations than one message holds", too_many_keys, KEYS),
    provocation("early candidates", "a phone names 65 addresses before it answers", early_candidates, CANDIDATES),
    provocation(
        "message that is missing", "257 messages come before one that does not come", before_the_first, SESSION_HELD,
    ),
    provocation(
        "phones of years", "65 phones come by a link each, and all of them are revoked", phones_of_years,
        E2E_PHONES, E2E_REVOKED, E2E_LINKS,
    ),
)  # fmt: skip
"""By what fills the limits on phones and on the ways to them."""
