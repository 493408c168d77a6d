"""Nothing that a relay sends ends the agent or a shell, with and without `--e2e require`.

The relay forwards bytes until a shell runs. Then it cuts the agent's connection, and answers the next ones with
invalid handshakes, or packets, events and HTTP of any form.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from tests.integration.relays import NO_STUN, relaying, sign_in
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, asked
from tests.support.broken_relay import ACCEPTED, OPENING, Answer, BrokenRelay, broken_relay, frame
from tests.support.eventually import eventually
from tests.support.sealed import sealed_by, sealed_phone

pytestmark = pytest.mark.extended

OPENINGS = (
    "0[]", "0", "0{}", "0null", '0"text"', "01", "", "4", "40", "2", "x", "0{", "0{\x00}", b"", b"0{}", b"\xff\xfe",
    "0" + "[" * 200_000, "0" + '{"a":' * 50_000, "0" + "9" * 100_000,
    '0{"sid":null,"pingInterval":25000,"pingTimeout":20000}', '0{"sid":[],"pingInterval":1,"pingTimeout":1}',
    '0{"sid":"a"}', '0{"sid":"a","pingInterval":"25000","pingTimeout":20000}',
    '0{"sid":"a","pingInterval":NaN,"pingTimeout":20000}', '0{"sid":"a","pingInterval":1e999,"pingTimeout":20000}',
    '0{"sid":"a","pingInterval":-1,"pingTimeout":-1}', f'0{{"sid":"a","pingInterval":{"9" * 400},"pingTimeout":1}}',
    '0{"sid":"a","upgrades":{},"pingInterval":{},"pingTimeout":[]}',
)  # fmt: skip

PACKETS = (
    "", "7", "4", "42", "42{", "42[]", "42{}", "42[1]", "42[[]]", '42["disconnect"]', '42["connect_error",1]',
    '42["*"]', '42["\\ud800"]', '451-["a",{"_placeholder":true,"num":0}]', '4599999999999999-["a"]', "b4AAAA",
    "43[]", "43999999999999[]", '42/admin,["a"]', "44", "45", "46", "5", "6", "1x", "2probe", "3probe",
    '42["authenticated"]', '42["authenticated",{"token":1}]', '42["authenticated",{"token":"a\\r\\nb","user":{}}]',
    '42["authenticated",{"token":"","user":{"id":"","email":"","name":""}}]', '42["login_required",{}]',
    '42["login_required",{"message":"","loginUrl":"http://elsewhere/"}]', '42["auth_error","no"]', '42["auth_error"]',
    '42["handshake:initiate",{"peerId":"a","peerPublicKey":"04","challenge":"00"}]',
    f'42["handshake:initiate",{{"peerId":"a","peerPublicKey":"04{"0" * 128}","challenge":"00","peerChallenge":"00"}}]',
    '42["handshake:verify",{"peerId":"a","signature":"00"}]', '42["paired",{"peerId":"a"}]', '42["paired"]',
    '42["paired",[]]', '42["paired_device_disconnected",5]', '42["device_revoked",{"deviceId":"a"}]',
    '42["device_revoked",{"deviceId":{}}]', '42["relay:echo",{"nonce":"until-channel:1"}]', '42["relay:echo",[]]',
    '42["e2e:hello",{"message":"AAAA"}]', '42["e2e:sealed",{"data":"AAAA"}]', '42["webrtc:answer",{"answer":{}}]',
    '42["webrtc:answer",{"answer":{"type":"answer","sdp":"v=0"}}]', '42["webrtc:ice-candidate",{"candidate":null}]',
    '42["webrtc:ice-candidate",{"candidate":{"candidate":"candidate:1 1 UDP 1 999.9.9.9 99999 typ host"}}]',
    '42["settings:updated",[[[[]]]]]', '42["error",{"message":"a\\nb\\u001b[2J"}]', '42["request_dimensions",0]',
    '42["terminal:input",{"uuid":"a","data":"exit\\r"}]', '42["process:create",{"uuid":"a","cols":1e99,"rows":-1}]',
    '42["code:' + "x" * 60 + '",{}]', '42["error",' + "[" * 100_000, '42["error",' + "9" * 10_000 + "]",
)  # fmt: skip

HTTP = (
    b"", b"\r\n\r\n", b"\x16\x03\x01\x00\x00", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/9.9 999 \xff\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 99999999999\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 307 x\r\nLocation: \xff\xfe[::\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000,
    b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"a" * 20_000 + b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    b"HTTP/1.1 429 x\r\nRetry-After: Fri, 99 Foo 99999 99:99:99 GMT\r\nDate: never\r\n\r\n",
)  # fmt: skip

FRAMES = (
    frame("x", first=0xC0), frame("x", first=0xF0), frame(b"\xff\xff", opcode=1), frame(b"x" * 200, opcode=9),
    frame(b"", opcode=3), frame(b"\x03", opcode=8), frame(b"\x00\x00\xff", opcode=8), frame(b"\x03\xe8\xff", opcode=8),
    bytes((0x81, 127)) + b"\xff" * 8, bytes((0x81, 127, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF)), b"\x81\xfe\x00\x7e",
    frame("x", opcode=0), frame("x", first=0) + frame("y", first=0), frame(b"", opcode=9) * 5000,
)  # fmt: skip


def answers_of_a_relay(seed: int) -> list[Answer]:
    """Return every kind of answer, and some real answers of a relay with changed bytes."""
    chance = random.Random(seed)  # noqa: S311 - the same bytes in every run
    good = frame(OPENING) + frame(ACCEPTED)
    changed = []
    for _ in range(40):
        data = bytearray(good + frame(chance.choice(PACKETS)))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        changed.append(Answer(bytes(data)))
    return [
        *(Answer.of(opening) for opening in OPENINGS),
        *(Answer.of(OPENING, packet) for packet in PACKETS[:20]),
        *(Answer.of(OPENING, ACCEPTED, packet) for packet in PACKETS),
        Answer.of(OPENING, ACCEPTED, *PACKETS, stays=True),
        *(Answer(http=http) for http in HTTP),
        *(Answer(good + junk) for junk in FRAMES),
        *(Answer(junk) for junk in FRAMES),
        *changed,
    ]


@dataclass
class Scene:
    agent: RunningAgent
    broken: BrokenRelay
    phone: Phone
    terminal: str
    pids: tuple[int, int]

    async def pids_now(self) -> tuple[int, int]:
        """The process ids of the agent and of the shell."""
        status = await asked(self.agent)
        return status["agent_pid"], status["terminals"][0]["pid"]

    async def _arrive(self) -> None:
        """Connect and pair, and retry while the relay does not offer the agent."""
        async with asyncio.timeout(20):
            while True:
                try:
                    await self.phone.reconnect()
                    await self.phone.pair(self.agent.device_id, timeout=5)
                except PhoneError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def is_as_it_was(self) -> None:
        """Check that the phone reconnects to the same agent and the same shell."""
        assert await self.pids_now() == self.pids
        assert psutil.pid_exists(self.pids[1])
        self.broken.mend()
        await self._arrive()
        await answers(self.phone, self.terminal)
        assert await self.pids_now() == self.pids
        assert "Traceback" not in self.agent.log.read_text()


@asynccontextmanager
async def scene(folder: Path, *options: str) -> AsyncIterator[Scene]:
    """Run an agent with a shell, whose phone has disconnected. Its delays are short."""
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(folder / "relay"))
        broken = await scope.enter_async_context(broken_relay(relay.url))
        words = ("--relay", broken.url, *NO_STUN, "--time-scale", "2000", "--health-interval", "1000000", *options)
        agent = await scope.enter_async_context(serving(folder / "state", *words, ready=False))
        await sign_in(agent, relay)
        invitation = await agent.invite()
        phone = await scope.enter_async_context(sealed_phone(broken.url, invitation["token"], sealed_by(invitation)))
        await phone.connect()
        await phone.pair(agent.device_id)
        terminal = await phone.create()
        await answers(phone, terminal)
        await phone.drop_relay()
        made = Scene(agent, broken, phone, terminal, (0, 0))
        made.pids = await made.pids_now()
        yield made


@pytest.mark.parametrize("mode", ["allow", "require"])
async def test_nothing_that_a_relay_answers_ends_the_agent_or_a_shell(tmp_path: Path, mode: str) -> None:
    async with scene(tmp_path, "--e2e", mode) as here:
        answers_ = answers_of_a_relay(seed=len(mode))
        here.broken.break_with(answers_)
        await eventually(lambda: here.broken.answered >= len(answers_), 60)
        await here.is_as_it_was()


async def test_a_flood_of_packets_does_not_keep_the_agent_from_answering(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        packets = [packet for packet in PACKETS if len(packet) < 1000 and not packet.startswith("1")]
        here.broken.break_with([Answer.of(OPENING, ACCEPTED, *packets * 2000, b"the end")])
        slowest = 0.0
        while not here.broken.answered:
            began = time.monotonic()
            await asked(here.agent)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1
        await here.is_as_it_was()


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        trap = await scope.enter_async_context(broken_relay())
        trap.break_with([Answer.of(OPENING, ACCEPTED, stays=True)])
        there = f"HTTP/1.1 302 Found\r\nLocation: {trap.url}/socket.io/\r\nContent-Length: 0\r\n\r\n".encode()
        broken = await scope.enter_async_context(broken_relay())
        broken.break_with([Answer(http=there)] * 3)
        agent = await scope.enter_async_context(
            serving(tmp_path / "state", "--relay", broken.url, *NO_STUN, "--time-scale", "2000", ready=False)
        )
        await eventually(lambda: broken.waiting == 0, 30)
        await eventually(lambda: "redirects are not followed" in agent.log.read_text())
        assert trap.requests == []
