"""Both phones do what the apps do, and are gone when they say so."""

import hashlib
import json

import pytest

from mobifai.protocol.handshake import Identity
from soak.phone.event_log import PhoneError
from soak.phone.interface import PhoneInterface
from tests.phones.echo_agent import RESET, EchoAgent
from tests.support.eventually import eventually
from tests.support.legacy_relay import LegacyRelay
from tests.support.phones import Kind, open_phone, phone_kinds

EVERY_PLANE = "".join(chr(plane << 16 | 0x4E2D) for plane in range(17)) + "\r\n\x1b[0m\0"


async def open_channel(phone: PhoneInterface) -> None:
    await phone.connect()
    await phone.pair()
    await phone.channel_open()
    await phone.expect("processes:sync")


@phone_kinds
async def test_a_phone_pairs_and_types_on_the_data_channel(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            assert (await phone.connect())["user"]["email"] == "ada@example.org"
            paired = await phone.pair(agent.device_id)
            assert paired["peerId"] == agent.device_id
            await phone.channel_open()
            assert phone.path == "channel"

            uuid = await phone.create(name="work", cols=100, rows=30)
            await phone.type(uuid, EVERY_PLANE + "end")
            assert await phone.wait_output(uuid, "end") == EVERY_PLANE + "end"
            assert phone.totals(uuid).sha256 == hashlib.sha256((EVERY_PLANE + "end").encode()).hexdigest()
            assert (
                "channel",
                "process:create",
                {"uuid": uuid, "name": "work", "cols": 100, "rows": 30},
            ) in agent.received
            assert agent.offers == 1  # though `paired` came twice
            await eventually(lambda: "webrtc:ice-candidate" in sent_by(relay, phone))


@phone_kinds
async def test_a_phone_without_webrtc_uses_the_relay(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token(), webrtc=False) as phone:
            await phone.connect()
            await phone.pair()
            assert phone.path == "relay"
            await phone.type("some-tab", "ls\r")
            await phone.wait_output("some-tab", "ls\r")
            assert agent.received == [("relay", "terminal:input", {"uuid": "some-tab", "data": "ls\r"})]


@phone_kinds
async def test_the_relay_drops_what_it_does_not_forward(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()):
        async with open_phone(kind, relay.url, relay.token(), webrtc=False) as phone:
            await phone.connect()
            await phone.pair()
            with pytest.raises(PhoneError, match="process:created"):
                await phone.create(timeout=0.3)
            assert [seen.event for seen in relay.seen if seen.dropped] == ["process:create"]


@phone_kinds
@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("react", {"namespace": "terminal", "action": "process:switch", "payload": {"activeUuids": ["a", "b"]}}),
        ("flutter", {"type": "process:switch", "payload": {"activeUuids": ["a", "b"]}}),
    ],
)
async def test_frames_have_the_form_of_an_app(kind: Kind, style: str, expected: dict[str, object]) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token(), frame_style=style) as phone:
            await open_channel(phone)
            await phone.switch("a", "b")
            await phone.wait_output("b", RESET)
            assert [json.loads(frame) for frame in agent.frames] == [expected]


@phone_kinds
async def test_terminals_are_managed_and_a_refusal_is_an_error(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            uuid = await phone.create()
            await phone.rename(uuid, "new name")
            await phone.resize(uuid, 132, 50)
            await phone.type(uuid, "before")
            await phone.wait_output(uuid, "before")
            await phone.switch(uuid)
            await phone.wait_output(uuid, lambda shown: shown == RESET + "before")
            assert phone.screen(uuid) == RESET + "before"
            await phone.terminate(uuid)
            assert ("channel", "terminal:resize", {"uuid": uuid, "cols": 132, "rows": 50}) in agent.received
            with pytest.raises(PhoneError, match="expected columns") as refused:
                await phone.create(cols=0)
            assert refused.value.event == "process:error"


@phone_kinds
async def test_sign_in_is_asked_for_and_arrives_later(kind: Kind) -> None:
    async with LegacyRelay() as relay, open_phone(kind, relay.url) as phone:
        with pytest.raises(PhoneError) as refused:
            await phone.connect()
        assert refused.value.event == "login_required"
        assert refused.value.payload["loginUrl"] == f"/login?deviceId={phone.device_id}&type=mobile"
        await relay.sign_in(phone.device_id)
        token = (await phone.expect("authenticated"))["token"]
        assert phone.token == token


@phone_kinds
async def test_a_bad_token_is_dropped(kind: Kind) -> None:
    async with LegacyRelay() as relay, open_phone(kind, relay.url, "no.such.token") as phone:
        with pytest.raises(PhoneError, match="auth_error"):
            await phone.connect()
        assert phone.token is None
        with pytest.raises(PhoneError, match="login_required"):
            await phone.connect()


@phone_kinds
async def test_a_device_that_is_not_on_offer_is_refused(kind: Kind) -> None:
    async with LegacyRelay() as relay, open_phone(kind, relay.url, relay.token()) as phone:
        await phone.connect()
        with pytest.raises(PhoneError, match="not available"):
            await phone.pair("nobody")


@phone_kinds
async def test_no_relay_is_an_error_that_names_it(kind: Kind) -> None:
    async with LegacyRelay() as relay:
        url = relay.url
    async with open_phone(kind, url) as phone:
        with pytest.raises(PhoneError, match="not_connected"):
            await phone.connect()


@phone_kinds
async def test_a_phone_that_leaves_is_gone_on_both_paths_and_comes_back(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            channel = agent.channel
            await phone.leave()
            assert phone.path is None
            await until_gone(relay, phone.device_id)
            await ended(channel)

            await phone.connect()
            await phone.pair()
            await phone.channel_open()
            await phone.create()


@phone_kinds
async def test_a_phone_that_vanishes_says_nothing_and_comes_back(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            channel = agent.channel
            await phone.vanish()
            assert phone.path is None
            await until_gone(relay, phone.device_id)
            # The relay knows; the agent's channel hangs, since nobody notified it.
            assert channel.readyState == "open"
            assert agent.channel is channel

            await phone.reconnect()
            await phone.pair()
            await phone.channel_open()
            await phone.create()
            assert agent.offers == 2


@phone_kinds
async def test_the_channel_can_go_while_the_relay_stays(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()):
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            await phone.drop_channel()
            assert phone.path == "relay"
            await phone.type("tab", "x")
            await phone.wait_output("tab", "x")


@phone_kinds
async def test_the_relay_can_go_while_the_channel_stays(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            await phone.drop_relay()
            await until_gone(relay, phone.device_id)
            assert phone.path == "channel"
            await phone.create()
            assert agent.offers == 1
            await phone.reconnect()
            assert phone.path == "channel"


@phone_kinds
async def test_a_relay_that_restarts_is_found_again(kind: Kind) -> None:
    async with LegacyRelay() as relay, open_phone(kind, relay.url, relay.token()) as phone:
        await phone.connect()
        await relay.stop()
        await phone.until(lambda: not phone.relay_is_up, "the relay to be lost")
        await relay.start()
        await phone.reconnect()


@phone_kinds
async def test_a_second_offer_replaces_the_first_connection(kind: Kind) -> None:
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            mark = phone.mark()
            await agent.offer_again()
            await phone.expect("processes:sync", since=mark)
            await phone.create()


@phone_kinds
async def test_pairing_is_announced_early_by_a_relay_with_a_stale_flag(kind: Kind) -> None:
    async with LegacyRelay(stale_verified=True) as relay, EchoAgent(relay.url, relay.token()) as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await open_channel(phone)
            assert agent.offers == 1


@phone_kinds
async def test_a_secret_with_leading_zeros_pairs(kind: Kind) -> None:
    agent_key, phone_key = Identity.generate(), Identity.generate()
    while agent_key.shared_secret(phone_key.public_hex)[0] != 0:
        phone_key = Identity.generate()
    async with LegacyRelay() as relay, EchoAgent(relay.url, relay.token(), identity=agent_key):
        async with open_phone(kind, relay.url, relay.token(), identity=phone_key) as phone:
            await phone.connect()
            await phone.pair()


def sent_by(relay: LegacyRelay, phone: PhoneInterface) -> list[str]:
    return [seen.event for seen in relay.seen if seen.device_id == phone.device_id]


async def until_gone(relay: LegacyRelay, device_id: str) -> None:
    await eventually(lambda: device_id not in relay.device_ids())


async def ended(channel: object) -> None:
    await eventually(lambda: channel.readyState == "closed")
