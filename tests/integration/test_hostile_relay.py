"""A relay that reads, changes, repeats, reorders, drops and forges messages causes nothing but errors.

The secrets are typed text and the output for it. None may be in anything that the relay saw, and nothing
that the relay sends in another device's name may have an effect.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mobifai.protocol import e2e
from mobifai.protocol.codec import decode_base64, encode_base64
from mobifai.protocol.noise import NO_SECRET, KeyPair, Responder
from soak.phone.encryption import PhoneKeys
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from tests.integration.relays import NO_STUN, RunningRelay, relaying, sign_in
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, asked, on_path, path_of, until
from tests.support.eventually import eventually
from tests.support.hostile_relay import Device, HostileRelay, Passing, hostile_relay, lets_pass
from tests.support.sealed import sealed_by, sealed_phone

pytestmark = pytest.mark.extended

TYPED, PRINTED = "typed-secret-words", "printed-4711-result"
LINE = f"x={TYPED}; echo printed-$((4710 + 1))-result\r"


@dataclass
class Scene:
    """An agent and an encrypting phone on a hostile relay."""

    agent: RunningAgent
    relay: RunningRelay
    hostile: HostileRelay
    phone: Phone
    folder: Path

    async def arrive(self, phone: Phone | None = None) -> Phone:
        """Connect and pair, and retry while the relay does not offer the agent."""
        phone = phone or self.phone
        async with asyncio.timeout(20):
            while True:
                try:
                    if not phone.relay_is_up:
                        await phone.connect()
                    await phone.pair(self.agent.device_id, timeout=5)
                except PhoneError:
                    await phone.drop_relay()
                    await asyncio.sleep(0.05)
                else:
                    return phone

    async def speak(self) -> str:
        """Type a secret, and wait for its output."""
        terminal = await self.phone.create()
        await self.phone.type(terminal, LINE)
        await self.phone.wait_output(terminal, PRINTED)
        return terminal

    def saw_nothing(self) -> None:
        """Check that the relay saw none of the secrets."""
        assert self.hostile.knows(TYPED, PRINTED) == []

    def trap(self) -> tuple[str, Path]:
        """Return a command that creates a file, and the file."""
        trace = self.folder / "trace"
        return f"touch {trace}\r", trace

    async def not_done(self, trace: Path) -> None:
        """Check that the phone's next input has an effect, and the relay's earlier input has none."""
        await self.arrive()
        terminal = await self.phone.create()
        await answers(self.phone, terminal)
        assert not trace.exists()
        self.saw_nothing()


@asynccontextmanager
async def scene(folder: Path, *options: str, webrtc: bool = False, arrives: bool = True) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(folder / "relay"))
        hostile = await scope.enter_async_context(hostile_relay(relay.url))
        agent = await scope.enter_async_context(
            serving(folder / "state", "--relay", hostile.url, *NO_STUN, *options, ready=False)
        )
        await sign_in(agent, relay)
        invitation = await agent.invite()
        phone = await scope.enter_async_context(
            sealed_phone(hostile.url, invitation["token"], sealed_by(invitation), webrtc=webrtc)
        )
        made = Scene(agent, relay, hostile, phone, folder)
        if arrives:
            await made.arrive()
        yield made


ALLOW = ("--e2e", "allow")
"""The agent accepts legacy apps that the relay announces."""


def disguises(passing: Passing) -> list[tuple[str, Any]]:
    """Tell the agent that a phone does not encrypt, and the relay behind, which would refuse it, that it does."""
    if passing.event == "register" and passing.by == "phone":
        return [(passing.event, {**passing.payload, "features": ["e2e"]})]
    if passing.event == "handshake:initiate" and passing.to == "agent":
        return [(passing.event, {**passing.payload, "peerFeatures": []})]
    return lets_pass(passing)


def once(change: Callable[[Passing], list[tuple[str, Any]]], *, event: str, by: Device, after: int = 0) -> Any:
    """Change one event of a device, the first one after `after` others."""
    left = after

    def meddle(passing: Passing) -> list[tuple[str, Any]]:
        nonlocal left
        if (passing.event, passing.by) != (event, by):
            return lets_pass(passing)
        left -= 1
        return change(passing) if left == -1 else lets_pass(passing)

    return meddle


def flipped(passing: Passing) -> list[tuple[str, Any]]:
    """Change one character of the Base64 text."""
    name = "data" if "data" in passing.payload else "message"
    text = passing.payload[name]
    other = "A" if text[10] != "A" else "B"
    return [(passing.event, {name: text[:10] + other + text[11:]})]


def dropped(_: Passing) -> list[tuple[str, Any]]:
    return []


def repeated(passing: Passing) -> list[tuple[str, Any]]:
    return [(passing.event, passing.payload)] * 2


class Held:
    """Holds one message back, and sends it after the next one."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Any]] = []

    def __call__(self, passing: Passing) -> list[tuple[str, Any]]:
        if passing.event != "e2e:sealed" or passing.by is None:
            return lets_pass(passing)
        if not self._kept:
            self._kept = lets_pass(passing)
            return []
        kept, self._kept = self._kept, []
        return [*lets_pass(passing), *kept]


async def refusal(it: Scene, phone: Phone) -> str:
    """Return why the agent refuses a phone. After a refusal it is away for a moment."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(PhoneError):
                if not phone.relay_is_up:
                    await phone.connect()
                await phone.pair(it.agent.device_id, timeout=5)
                raise AssertionError("the phone was let in")
            with contextlib.suppress(PhoneError):
                return str((await phone.expect("e2e:refused", timeout=0.2))["reason"])
            await phone.drop_relay()


async def expect_refusal(it: Scene, phone: Phone, why: str) -> None:
    """Retry until a phone gets a reason for its refusal. After a refusal the agent is away for a moment."""
    async with asyncio.timeout(20):
        while True:
            try:
                if not phone.relay_is_up:
                    await phone.connect()
                await phone.pair(it.agent.device_id, timeout=5)
            except PhoneError as error:
                if why in str(error):
                    return
                await asyncio.sleep(0.05)
            else:
                raise AssertionError("the phone was let in")


async def test_what_it_reads_tells_it_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        terminal = await it.speak()
        await answers(it.phone, terminal)
        assert it.hostile.knows(TYPED, PRINTED, terminal, "terminal:input", "processes:sync") == []
        assert it.hostile.events("e2e:sealed", by="phone")
        assert it.hostile.events("e2e:sealed", by="agent")
        assert it.phone.forged == 0


async def test_it_sees_nothing_of_how_the_channel_is_made(tmp_path: Path) -> None:
    async with scene(tmp_path, webrtc=True) as it:
        await it.phone.channel_open()
        await on_path(it.agent, "channel", it.phone)
        await it.speak()
        assert it.hostile.knows(TYPED, PRINTED, "fingerprint", "webrtc:", "a=candidate") == []


@pytest.mark.parametrize("by", ["phone", "agent"])
@pytest.mark.parametrize("change", [flipped, dropped, repeated])
async def test_a_message_that_it_changes_drops_or_repeats_ends_the_session_and_is_not_done(
    tmp_path: Path, by: Device, change: Callable[[Passing], list[tuple[str, Any]]]
) -> None:
    async with scene(tmp_path) as it:
        terminal = await it.speak()
        it.hostile.meddle = once(change, event="e2e:sealed", by=by)
        mark = it.phone.mark()
        await it.phone.type(terminal, "echo once\r")
        with contextlib.suppress(PhoneError):  # the session may have ended already
            await it.phone.type(terminal, "echo twi''ce\r")
        await it.phone.expect("error", since=mark)
        assert it.phone.paired_with is None
        it.hostile.meddle = lets_pass
        await it.arrive()
        await answers(it.phone, terminal)
        it.saw_nothing()


async def test_messages_in_another_order_end_the_session(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        terminal = await it.speak()
        it.hostile.meddle = Held()
        for word in ("one", "two"):
            await it.phone.type(terminal, f"echo {word}\r")
        await it.phone.until(lambda: it.phone.paired_with is None, "the session to end")
        it.hostile.meddle = lets_pass
        await it.arrive()
        await answers(it.phone, terminal)


@pytest.mark.parametrize(("event", "by"), [("e2e:hello", "phone"), ("e2e:welcome", "agent"), ("e2e:sealed", "phone")])
async def test_a_handshake_that_it_changes_fails_and_the_next_one_does_not(
    tmp_path: Path, event: str, by: Device
) -> None:
    async with scene(tmp_path, arrives=False) as it:
        it.hostile.meddle = once(flipped, event=event, by=by)
        await it.phone.connect()
        with pytest.raises(PhoneError):
            await it.phone.pair(it.agent.device_id)
            await it.phone.create(timeout=5)
        it.hostile.meddle = lets_pass
        await it.arrive()
        await it.speak()
        it.saw_nothing()


async def test_what_it_says_for_the_phone_is_not_done(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        terminal = await it.speak()
        command, trace = it.trap()
        for event, payload in (
            ("terminal:input", {"uuid": terminal, "data": command}),
            ("terminal:input", command),
            ("terminal:actions", {"uuid": terminal, "actions": [{"type": "command", "value": command}]}),
            ("process:terminate", {"uuid": terminal}),
            ("ai:prompt", {"prompt": "do it"}),
            ("webrtc:answer", {"answer": {"type": "answer", "sdp": "v=0"}}),
        ):
            await it.hostile.say_to("agent", event, payload)
        await answers(it.phone, terminal)
        assert not trace.exists()
        assert it.agent.log.read_text().count("ignored an unencrypted") == 1


async def test_what_it_says_for_the_agent_is_not_shown(tmp_path: Path) -> None:
    async with scene(tmp_path, webrtc=True) as it:
        terminal = await it.speak()
        for event, payload in (
            ("terminal:output", {"uuid": terminal, "data": "forged output"}),
            ("process:screen", {"uuid": terminal, "data": "forged screen"}),
            ("processes:sync", {"processes": [], "activeUuids": []}),
            ("webrtc:offer", {"offer": {"type": "offer", "sdp": "v=0"}}),
        ):
            await it.hostile.say_to("phone", event, payload)
        await answers(it.phone, terminal)
        assert it.phone.forged == 4
        assert "forged" not in it.phone.output(terminal)


async def test_a_recorded_session_said_again_opens_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        terminal = await it.speak()
        await it.phone.drop_relay()
        await on_path(it.agent, None)
        it.hostile.passed.clear()
        await it.arrive()  # as a known phone, without a link
        command, trace = it.trap()
        await it.phone.type(terminal, command)
        await eventually(trace.exists)
        recorded = [one for one in it.hostile.passed if one.by == "phone" and one.event.startswith("e2e:")]
        trace.unlink()
        await it.phone.drop_relay()
        await on_path(it.agent, None)

        def recorded_instead(passing: Passing) -> list[tuple[str, Any]]:
            """The relay replays the phone's earlier hello, and all messages after it."""
            if passing.by == "phone" and passing.event == "e2e:hello":
                return [(one.event, one.payload) for one in recorded]
            return [] if passing.by == "phone" and passing.event.startswith("e2e:") else lets_pass(passing)

        it.hostile.meddle = recorded_instead
        await it.phone.connect()
        with pytest.raises(PhoneError):
            await it.phone.pair(it.agent.device_id)
        await eventually(lambda: "(reason: broken): expected message 0 of this session" in it.agent.log.read_text())
        it.hostile.meddle = lets_pass
        await it.not_done(trace)


async def test_it_can_not_be_the_phone(tmp_path: Path) -> None:
    """The relay uses its own key and the phone's name: as a known phone, and with a guessed secret."""
    async with scene(tmp_path) as it:
        await it.speak()
        await it.phone.leave()
        await on_path(it.agent, None)
        keys = it.phone.keys
        assert keys is not None
        for psk in (NO_SECRET, e2e.link_psk(bytes(16))):
            forger = PhoneKeys(keys.agent_key, keys.agent_id, KeyPair.generate(), psk)
            token = (await it.agent.invite())["token"]
            async with sealed_phone(it.hostile.url, token, forger) as stranger:
                assert await refusal(it, stranger) in ("unknown", "link-used")
        assert await path_of(it.agent) is None


async def test_it_can_not_be_the_agent(tmp_path: Path) -> None:
    """The relay answers the phone's hello itself, with its own key, and with an empty answer."""
    async with scene(tmp_path, arrives=False) as it:
        own = KeyPair.generate()

        def answer(passing: Passing) -> list[tuple[str, Any]]:
            if passing.by == "agent" and passing.event == "e2e:welcome":
                ephemeral = KeyPair.generate()
                return [("e2e:welcome", {"message": encode_base64(ephemeral.public + own.public + bytes(48))})]
            return lets_pass(passing)

        it.hostile.meddle = answer
        await it.phone.connect()
        with pytest.raises(PhoneError, match="HandshakeFailed"):
            await it.phone.pair(it.agent.device_id)
        hello = it.hostile.events("e2e:hello", by="phone")[0]["message"]
        with pytest.raises(Exception, match="another key or modified data"):
            Responder(own, e2e.prologue(it.agent.device_id, it.phone.device_id), decode_base64(hello))


@pytest.mark.parametrize("pinned", [True, False], ids=["known", "new"])
async def test_a_phone_whose_features_it_hides_is_not_served_in_clear(tmp_path: Path, pinned: bool) -> None:
    async with scene(tmp_path, *ALLOW, arrives=pinned) as it:
        if pinned:
            await it.speak()
            await it.phone.leave()
            await on_path(it.agent, None)

        def hide(passing: Passing) -> list[tuple[str, Any]]:
            if "peerFeatures" in (passing.payload or {}):
                return [(passing.event, {**passing.payload, "peerFeatures": []})]
            return lets_pass(passing)

        it.hostile.meddle = hide
        await it.phone.connect()
        with pytest.raises(PhoneError):
            await it.phone.pair(it.agent.device_id)
            await it.phone.create(timeout=3)
        await on_path(it.agent, None)
        it.saw_nothing()
        it.hostile.meddle = lets_pass
        await it.hostile.cut("agent")  # the real relay still has the agent's earlier features
        await it.arrive()
        await it.speak()
        it.saw_nothing()


async def test_it_can_not_pass_for_a_known_legacy_app(tmp_path: Path) -> None:
    async with scene(tmp_path, *ALLOW) as it:
        terminal = await it.speak()
        await it.phone.leave()
        it.hostile.meddle = disguises
        await on_path(it.agent, None)
        async with sealed_phone(it.hostile.url, it.phone.token, None, device_id=it.phone.device_id) as forger:
            await forger.connect()
            with pytest.raises(PhoneError, match="connected without end-to-end encryption"):
                await forger.pair(it.agent.device_id)
            assert forger.processes is None
            assert forger.output(terminal) == ""


@pytest.mark.parametrize("options", [(), ("--e2e", "require")], ids=["default", "require"])
async def test_with_require_it_can_not_pass_for_a_legacy_app(tmp_path: Path, options: tuple[str, ...]) -> None:
    async with scene(tmp_path, *options) as it:
        await it.speak()
        await it.phone.leave()
        await on_path(it.agent, None)
        it.hostile.meddle = disguises
        token = (await it.agent.invite())["token"]
        async with sealed_phone(it.hostile.url, token, None, features=()) as forger:
            await forger.connect()
            with pytest.raises(PhoneError, match="only phones with end-to-end encryption"):
                await forger.pair(it.agent.device_id)
            assert forger.processes is None
        it.saw_nothing()


async def test_a_broken_session_leaves_an_open_channel_alone(tmp_path: Path) -> None:
    async with scene(tmp_path, webrtc=True) as it:
        await it.phone.channel_open()
        await on_path(it.agent, "channel", it.phone)
        terminal = await it.speak()
        await it.hostile.say_to("agent", "e2e:sealed", {"data": "AAAA" * 20})
        await until(lambda: _relay_was_left(it), 10)
        await answers(it.phone, terminal, "channel")
        assert await path_of(it.agent) == "channel"


async def _relay_was_left(it: Scene) -> bool:
    return len([one for one in it.hostile.passed if one.event == "register" and one.by == "agent"]) > 1


@pytest.mark.parametrize("channel", [True, False], ids=["channel", "relay"])
async def test_a_phone_is_revoked_although_the_relay_does_not_cooperate(tmp_path: Path, channel: bool) -> None:
    """The relay neither revokes the phone nor forwards the refusal."""
    async with scene(tmp_path, webrtc=channel) as it:
        if channel:
            await it.phone.channel_open()
        await on_path(it.agent, "channel" if channel else "relay", it.phone)
        terminal = await it.speak()
        command, trace = it.trap()
        it.hostile.refuses = frozenset({"DELETE"})
        it.hostile.meddle = lambda passing: [] if passing.event == "e2e:refused" else lets_pass(passing)
        answer = await it.agent.command("devices", "revoke", it.phone.device_id)
        assert "this relay does not do that" in answer
        with contextlib.suppress(PhoneError):
            await it.phone.type(terminal, command)
        await on_path(it.agent, None)
        assert it.phone.device_id in await it.agent.command("devices", "list")  # admitted on the relay's word
        it.hostile.meddle = lets_pass
        assert await refusal(it, it.phone) == "revoked"
        it.hostile.meddle = disguises
        async with sealed_phone(it.hostile.url, it.phone.token, None, device_id=it.phone.device_id) as plain:
            await it.phone.leave()
            await expect_refusal(it, plain, "was revoked")
        assert not trace.exists()


async def test_a_revoked_legacy_app_is_disconnected_although_the_relay_does_not_cooperate(tmp_path: Path) -> None:
    async with scene(tmp_path, *ALLOW, arrives=False) as it:
        token = (await it.agent.invite_legacy())["token"]
        async with sealed_phone(it.hostile.url, token, None, features=()) as app:
            await app.connect()
            await app.pair(it.agent.device_id)
            await on_path(it.agent, "relay", app)
            it.hostile.refuses = frozenset({"DELETE"})
            with pytest.raises(AssertionError, match="this relay does not do that"):
                await it.agent.command("devices", "revoke", app.device_id)
            await on_path(it.agent, None)


async def test_revoking_another_device_leaves_the_pairing_alone(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await on_path(it.agent, "relay", it.phone)
        terminal = await it.speak()
        it.hostile.refuses = frozenset({"DELETE"})
        with pytest.raises(AssertionError, match="this relay does not do that"):
            await it.agent.command("devices", "revoke", "another-device")
        await answers(it.phone, terminal, "relay")
        assert not await _relay_was_left(it)


async def test_input_that_it_holds_back_is_not_done_after_newer_input(tmp_path: Path) -> None:
    """The held input went by relay just before the channel opened. The next input goes by the channel."""
    async with scene(tmp_path, "--e2e", "require", webrtc=True) as it:
        await it.phone.channel_open()
        await on_path(it.agent, "channel", it.phone)
        terminal = await it.speak()
        held = hold_back(it.hostile, by="phone")
        older, newer = tmp_path / "older", tmp_path / "newer"
        await it.phone._to_relay("terminal:input", {"uuid": terminal, "data": f"touch {older}\r"})
        await eventually(lambda: held)
        await it.phone.type(terminal, f"touch {newer}\r")
        await on_path(it.agent, None)
        assert "holds back messages" in it.agent.log.read_text()
        it.hostile.meddle = lets_pass
        for payload in held:
            await it.hostile.say_for("phone", "e2e:sealed", payload)
        await it.arrive()
        await answers(it.phone, terminal)
        assert not older.exists()
        assert not newer.exists()  # it may have been the rest of the missing message


async def test_input_that_it_only_delays_is_done_in_its_order(tmp_path: Path) -> None:
    async with scene(tmp_path, webrtc=True) as it:
        await it.phone.channel_open()
        await on_path(it.agent, "channel", it.phone)
        terminal = await it.speak()
        held = hold_back(it.hostile, by="phone")
        trace = tmp_path / "trace"
        await it.phone._to_relay("terminal:input", {"uuid": terminal, "data": f"echo older >> {trace}; "})
        await eventually(lambda: held)
        await it.phone.type(terminal, f"echo newer >> {trace}\r")
        await until(lambda: _holds_messages(it), 5)
        assert not trace.exists()
        it.hostile.meddle = lets_pass
        await it.hostile.say_for("phone", "e2e:sealed", held[0])
        await eventually(trace.exists)
        await eventually(lambda: trace.read_text() == "older\nnewer\n")
        assert await path_of(it.agent) == "channel"


def hold_back(hostile: HostileRelay, *, by: Device) -> list[Any]:
    """Hold back all encrypted messages of a device, and return them."""
    held: list[Any] = []

    def meddle(passing: Passing) -> list[tuple[str, Any]]:
        if (passing.event, passing.by) != ("e2e:sealed", by):
            return lets_pass(passing)
        held.append(passing.payload)
        return []

    hostile.meddle = meddle
    return held


async def _holds_messages(it: Scene) -> bool:
    return any(bound["name"] == "e2e.held" and bound["used"] for bound in (await asked(it.agent))["bounds"])


async def test_it_can_not_hand_the_agent_its_own_signature(tmp_path: Path) -> None:
    """Both devices get the same challenge, so a signature of one would also be valid for the other."""
    async with scene(tmp_path, *ALLOW, arrives=False) as it:

        def reflect(passing: Passing) -> list[tuple[str, Any]]:
            if passing.event == "handshake:initiate" and passing.to == "agent":
                changed = {"peerChallenge": passing.payload["challenge"], "peerFeatures": []}
                return [(passing.event, {**passing.payload, **changed})]
            return lets_pass(passing)

        it.hostile.meddle = reflect
        await it.phone.connect()
        with pytest.raises(PhoneError):
            await it.phone.pair(it.agent.device_id, timeout=5)
        assert it.hostile.events("handshake:response", by="agent") == []
        assert "the same id, key or challenge" in it.agent.log.read_text()
        it.hostile.meddle = lets_pass
        await it.arrive()


async def test_it_can_not_hide_that_a_phone_signs_for_both_sides(tmp_path: Path) -> None:
    async with scene(tmp_path, arrives=False) as it:

        def hide(passing: Passing) -> list[tuple[str, Any]]:
            if passing.event == "handshake:initiate":
                features = [one for one in passing.payload["peerFeatures"] if one != "bind"]
                return [(passing.event, {**passing.payload, "peerFeatures": features})]
            return lets_pass(passing)

        it.hostile.meddle = hide
        await it.phone.connect()
        with pytest.raises(PhoneError):
            await it.phone.pair(it.agent.device_id)
            await it.phone.create(timeout=3)
        assert (await asked(it.agent))["terminals"] == []
        assert "the relay hides what this phone can do" in it.agent.log.read_text()
        it.hostile.meddle = lets_pass
        await it.arrive()
