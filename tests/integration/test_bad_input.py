"""Any input of a phone or a relay has an error or no effect, never a crash, and no later message is lost."""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobifai.protocol import messages
from soak.phone.event_log import Json, PhoneError
from soak.phone.interface import Path as Way
from soak.phone.interface import PhoneInterface
from soak.phone.phone import Phone
from tests.integration.relays import NO_STUN, ready
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, arrive, asked, nothing_went_wrong, on_path
from tests.support.connected import both_paths, connected_phone
from tests.support.eventually import eventually
from tests.support.legacy_relay import LegacyRelay
from tests.support.loops import loop_factory
from tests.support.phones import Kind, open_phone, phone_kinds

pytestmark = pytest.mark.extended

ECHO = "#!/bin/sh\nstty raw -echo\nprintf listening.\nexec cat\n"
"""A shell that only echoes its input, so that random input runs no command."""

VICTIM = "11111111-2222-3333-4444-555555555555"

numbers = st.integers() | st.sampled_from([0, -1, 1, 80, 1000, 1001, 100_000, 2**53, 2**63, 2**64, 10**400])
texts = st.text(max_size=40) | st.sampled_from(["", VICTIM, "no-such-terminal", "\x00", "\ud800", "é" * 200, "../../x"])
scalars = st.none() | st.booleans() | numbers | st.floats() | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
known = st.fixed_dictionaries(
    {},
    optional={
        "uuid": texts | values,
        "name": values,
        "cols": numbers | values,
        "rows": numbers | values,
        "data": values,
        "activeUuids": st.lists(texts) | values,
        "actions": st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "command", "x"]), "value": values}))
        | values,
        "prompt": values,
        "answer": st.fixed_dictionaries({"type": st.sampled_from(["answer", "offer", "x"]), "sdp": texts}) | values,
        "candidate": st.fixed_dictionaries({"candidate": texts, "sdpMid": values, "sdpMLineIndex": values}) | values,
    },
)
payloads = known | values
events = st.sampled_from(
    [*messages.FROM_PHONE, "webrtc:answer", "webrtc:offer", "webrtc:ice-candidate", "process:created", "code:getFile"]
)
names = events | st.sampled_from(["getFile", "terminal:", "terminal:x", "system:message"]) | texts
frames = st.one_of(
    st.fixed_dictionaries({"type": names, "payload": payloads}),
    st.fixed_dictionaries({"namespace": st.just("terminal"), "action": names, "payload": payloads}),
    st.fixed_dictionaries({"namespace": texts, "action": names, "payload": payloads}),
    st.fixed_dictionaries({}, optional={"type": values, "namespace": values, "action": values, "payload": payloads}),
    values,
).map(json.dumps)

fuzzed = settings(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Bench:
    """An agent and a phone for many examples, in a loop that runs on request."""

    def __init__(self, runner: asyncio.Runner, agent: RunningAgent, phone: Phone, canary: str) -> None:
        self.runner = runner
        self.agent = agent
        self.phone = phone
        self.canary = canary
        self._names = (f"canary {number}" for number in itertools.count())

    def still_listens(self, via: Way) -> None:
        """Check that the next message is still understood, so no earlier input blocks it."""
        self.runner.run(self._rename(via))

    async def _rename(self, via: Way) -> None:
        name = next(self._names)
        await self.phone.send("process:rename", {"uuid": self.canary, "name": name}, via)
        await self.phone.expect("process:renamed", lambda payload: payload["name"] == name)

    def still_works(self) -> None:
        """Check that the terminal has input and output, and that the log has no error."""
        self.runner.run(self._type())
        nothing_went_wrong(self.agent)

    async def _type(self) -> None:
        await self.phone.switch(self.canary)
        await self.phone.type(self.canary, "all is well.")
        await self.phone.wait_output(self.canary, "all is well.")


@contextmanager
def bench(directory: Path, *, channel: bool) -> Iterator[Bench]:
    shell = directory / "echo"
    shell.write_text(ECHO)
    shell.chmod(0o700)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        scope = AsyncExitStack()
        try:
            yield runner.run(_open(runner, scope, directory, shell, channel))
        finally:
            runner.run(scope.aclose())


async def _open(runner: asyncio.Runner, scope: AsyncExitStack, directory: Path, shell: Path, channel: bool) -> Bench:
    agent = await scope.enter_async_context(serving(directory / "state", "--shell", str(shell)))
    token = (await agent.invite_legacy())["token"]
    phone = await scope.enter_async_context(Phone(agent.relay_url, token, name="fuzzing phone", webrtc=channel))
    await arrive(phone, agent.device_id, channel=channel)
    await on_path(agent, "channel" if channel else "relay", phone)
    return Bench(runner, agent, phone, await phone.create("canary"))


def test_any_frame_on_the_channel_is_survived(tmp_path: Path) -> None:
    with bench(tmp_path, channel=True) as one:

        @given(
            frames
            | st.text()
            | st.sampled_from(
                [
                    "",
                    "{",
                    "[" * 100_000,
                    '{"type":' * 5000,
                    "null",
                    "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
                ]
            )
        )
        @fuzzed
        def check(text: str) -> None:
            assert one.phone._peer is not None
            one.runner.run(one.phone._peer.send(text))
            one.still_listens("channel")

        check()
        one.still_works()


@both_paths
def test_any_event_by_the_relay_is_survived(tmp_path: Path, channel: bool) -> None:
    with bench(tmp_path, channel=channel) as one:

        @given(events, payloads)
        @fuzzed
        def check(event: str, payload: Json) -> None:
            one.runner.run(one.phone.send(event, payload, "relay"))
            one.still_listens("relay")

        check()
        one.still_works()


def unusable(size: int) -> list[tuple[str, Json]]:
    """Messages that can't be carried out. Each is answered with a process:error."""
    return [
        ("process:create", {"uuid": "new", "cols": 0, "rows": 24}),
        ("process:create", {"uuid": "new", "cols": 80, "rows": 100_000}),
        ("process:create", {"uuid": "", "cols": 80, "rows": 24}),
        ("process:create", {"uuid": "x" * size}),
        ("process:create", {}),
        ("process:terminate", {"uuid": "no-such"}),
        ("process:rename", {"uuid": "no-such", "name": "name"}),
        ("process:rename", {"uuid": "canary", "name": "n" * size}),
        ("process:rename", {"uuid": "canary", "name": ""}),
        ("process:switch", {"activeUuids": "canary"}),
        ("process:switch", {"activeUuids": ["x"] * (size // 8)}),
        ("terminal:input", {"uuid": "no-such", "data": "x" * size}),
        ("terminal:input", {"uuid": "canary", "data": ["x"]}),
        ("terminal:input", None),
        ("terminal:actions", {"uuid": "canary", "actions": [{"type": "run", "value": "x"}]}),
        ("terminal:actions", {"uuid": "no-such", "actions": []}),
        ("terminal:resize", {"uuid": "canary", "cols": 0, "rows": 0}),
        ("terminal:resize", {"cols": 100_000, "rows": 24}),
        ("terminal:resize", {"uuid": "no-such", "cols": 80, "rows": 24}),
        ("terminal:dimensions", {"cols": "80", "rows": 24}),
        ("terminal:unheard-of", {}),
    ]


@phone_kinds
@both_paths
async def test_what_can_not_be_done_is_answered_with_an_error_that_says_why(
    tmp_path: Path, kind: Kind, channel: bool
) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, channel=channel) as phone:
            canary = await phone.create("canary")
            for event, payload in unusable(size=40_000):
                mark = phone.mark()
                await phone.send(event, payload)
                error = await phone.expect("process:error", since=mark)
                assert error["error"], (event, payload)
                if isinstance(payload, dict) and payload.get("uuid") == "no-such":
                    assert error["uuid"] == "no-such"
                    assert "no-such" in error["error"]
            sizes = await answer_to(phone, "process:create", {"uuid": "new", "cols": 0})
            assert "terminal size: expected cols from 1 to 1000; found 0" in sizes
            assert [one["uuid"] for one in (await asked(agent))["terminals"]] == [canary]
            await phone.type(canary, "echo $((6*7)) $(stty size)\r")
            await phone.wait_output(canary, "42 24 80")
        nothing_went_wrong(agent)


async def answer_to(phone: PhoneInterface, event: str, payload: Json) -> str:
    mark = phone.mark()
    await phone.send(event, payload)
    return str((await phone.expect("process:error", since=mark))["error"])


def pieces(count: int) -> list[str]:
    """Return the parts of a paste, 100,000 different characters each."""
    return ["".join(f"{piece:03d}-{number:05d}," for number in range(10_000)) for piece in range(count)]


@both_paths
async def test_a_large_paste_arrives_whole_and_what_is_too_much_is_refused(tmp_path: Path, channel: bool) -> None:
    shell = tmp_path / "echo"
    shell.write_text(ECHO)
    shell.chmod(0o700)
    async with serving(tmp_path / "state", "--shell", str(shell)) as agent:
        async with connected_phone(agent, channel=channel) as phone:
            terminal = await phone.create()
            await phone.wait_output(terminal, "listening.")
            phone.forget_output(terminal)
            program = (await asked(agent))["terminals"][0]["pid"]
            os.kill(program, signal.SIGSTOP)
            for piece in pieces(10):
                await phone.send("terminal:input", {"uuid": terminal, "data": piece})
            assert "does not read" in await answer_to(phone, "terminal:input", {"uuid": terminal, "data": pieces(1)[0]})
            os.kill(program, signal.SIGCONT)
            await phone.wait_output(terminal, pieces(10)[-1][-20:], 30)
            assert phone.output(terminal) == "".join(pieces(10))
            await phone.type(terminal, ", and on.")
            await phone.wait_output(terminal, ", and on.")


async def test_a_frame_that_is_larger_than_was_agreed_blocks_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with Phone(agent.relay_url, token, name="rude phone", keep_output=True) as phone:
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            assert phone._peer is not None
            phone._peer._connection.sctp._remote_max_message_size = 0  # as if any size was negotiated
            for size in (1 << 18, 900_000):
                error = await answer_to(phone, "terminal:input", {"uuid": "no-such", "data": "x" * size})
                assert "no-such" in error
            await answers(phone, terminal, "channel")


@phone_kinds
async def test_a_message_that_no_relay_accepts_costs_only_the_connection(tmp_path: Path, kind: Kind) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, channel=False) as phone:
            terminal = await phone.create()
            with suppress(PhoneError):  # cut off in the middle of the message
                await phone.send("terminal:input", {"uuid": terminal, "data": "x" * (2 << 20)})
            await phone.until(lambda: not phone.relay_is_up, "the relay to hang up")
            await on_path(agent, None)
            await arrive(phone, agent.device_id, channel=False)
            await phone.type(terminal, "echo $((6*7))\r")
            await phone.wait_output(terminal, "42")


async def test_the_agent_reconnects_to_a_relay_that_sends_too_much(tmp_path: Path) -> None:
    async with LegacyRelay() as relay:
        async with serving(tmp_path / "state", "--relay", relay.url, "--e2e", "allow", *NO_STUN, ready=False) as agent:
            await signed_in(agent, relay)
            sids = list(relay._devices)
            await relay._emit(sids[0], "system:message", {"type": "x" * (3 << 20)})
            await eventually(lambda: relay._devices and list(relay._devices) != sids)
            assert relay.device_ids() == [agent.device_id]
            async with open_phone("python", relay.url, relay.token()) as phone:
                await arrive(phone, agent.device_id)
            nothing_went_wrong(agent)


async def signed_in(agent: RunningAgent, relay: LegacyRelay) -> None:
    await eventually(relay.device_ids)
    await relay.sign_in(relay.device_ids()[0])
    await ready(agent)


relay_payloads = (
    st.fixed_dictionaries(
        {},
        optional={
            "message": values,
            "token": values,
            "user": values,
            "loginUrl": values,
            "peerId": texts | values,
            "peerPublicKey": texts | st.just("04" + "ab" * 64) | values,
            "challenge": st.just("ab") | values,
            "peerChallenge": st.just("ab") | values,
            "peerFeatures": values,
            "signature": st.just("ab") | values,
            "deviceId": texts,
            "nonce": values,
        },
    )
    | payloads
)


def test_any_event_of_a_relay_is_survived(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        scope = AsyncExitStack()

        async def begin() -> tuple[LegacyRelay, RunningAgent]:
            relay = await scope.enter_async_context(LegacyRelay())
            agent = await scope.enter_async_context(
                serving(tmp_path / "state", "--relay", relay.url, "--e2e", "allow", *NO_STUN, ready=False)
            )
            await signed_in(agent, relay)
            return relay, agent

        async def say(event: str, payload: Json) -> None:
            for sid in list(relay._devices):
                await relay._emit(sid, event, payload)
            await asked(agent)

        async def end() -> None:
            # The message may have disconnected the agent, or made it drop its token: it signs in again.
            await relay.stop()
            await relay.start()
            await eventually(relay.device_ids)
            await relay.sign_in(agent.device_id)
            async with open_phone("python", relay.url, relay.token()) as phone:
                await arrive(phone, agent.device_id)
                terminal = await phone.create()
                await phone.type(terminal, "echo $((6*7))\r")
                await phone.wait_output(terminal, "42")
            nothing_went_wrong(agent)

        try:
            relay, agent = runner.run(begin())

            @given(
                st.sampled_from([*messages.FROM_RELAY, "webrtc:offer", *messages.FROM_PHONE]) | texts, relay_payloads
            )
            @fuzzed
            def check(event: str, payload: Json) -> None:
                runner.run(say(event, payload))

            check()
            runner.run(end())
        finally:
            runner.run(scope.aclose())


@phone_kinds
async def test_a_shell_that_does_not_start_is_an_error_and_the_next_one_may(tmp_path: Path, kind: Kind) -> None:
    shell = tmp_path / "shell"
    shell.symlink_to("/bin/sh")
    async with serving(tmp_path / "state", "--shell", str(shell)) as agent:
        async with connected_phone(agent, kind) as phone:
            shell.unlink()
            with pytest.raises(PhoneError, match="could not start the shell"):
                await phone.create("first")
            assert (await asked(agent))["terminals"] == []
            shell.symlink_to("/bin/sh")
            terminal = await phone.create("first")
            await phone.type(terminal, "echo $((6*7))\r")
            await phone.wait_output(terminal, "42")
