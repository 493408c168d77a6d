"""A phone on a slow, far or lossy network, by data channel (UDP) and by relay (TCP), against the agent as it is run.

How fast anything is, is for `python -m benchmarks.impairment` to say: here it is whether all of it comes, in order, and
how much comes before what was asked for.
"""

import hashlib
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from mobifai.limits import TERMINAL_WINDOW
from soak.phone.offsets import FEATURES
from tests.support import impaired_link
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, arrive, nothing_went_wrong, on_path
from tests.support.impaired_link import CLEAN, IMPAIRMENTS, ImpairedLink
from tests.support.node_phone import NodePhone

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(bool(impaired_link.why_not()), reason=impaired_link.why_not() or "there is one"),
]

paths = pytest.mark.parametrize("path", ["channel", "relay"])
phones = pytest.mark.parametrize(
    ("features", "wire"),
    [(FEATURES, wire) for wire in IMPAIRMENTS] + [((), "none"), ((), "all")],
    ids=lambda given: given if isinstance(given, str) else "acknowledges" if given else "legacy app",
)

OUTPUT_BYTES = 2_000_000
BEGINS = 500_000
"""Bytes of a flood after which what it fills on its way is full."""
KEYS = "abcde"

UNDER_WAY = {"channel": 1 << 20, "relay": 24 << 20}
"""Bytes of output that may be under way to a legacy app. By channel: an outbox and a buffer of 64 KiB, and what
SCTP has sent; by relay: also the buffers of three TCP connections, which the kernel makes as large as it likes."""
BESIDE_WINDOW = 64 << 10
"""Bytes that a phone has rendered and not acknowledged yet, and what comes for its acknowledgement on its way."""


@dataclass(frozen=True)
class Scene:
    """An agent near, a phone far, and the wire between them."""

    link: ImpairedLink
    agent: RunningAgent
    phone: NodePhone
    path: str

    def under_way(self) -> int:
        """The most bytes of one terminal's output that may be under way."""
        return TERMINAL_WINDOW.value + BESIDE_WINDOW if "ack" in self.phone.features else UNDER_WAY[self.path]


@asynccontextmanager
async def apart(folder: Path, path: str, features: tuple[str, ...]) -> AsyncIterator[Scene]:
    """A phone that is served by this path, over a wire that is still clean."""
    async with impaired_link.impaired_link() as link, serving(folder / "state", "--host", link.near) as agent:
        token = (await agent.invite_legacy())["token"]
        phone = NodePhone(
            *(agent.relay_url, token),
            name="far phone",
            webrtc=path == "channel",
            keep_output=True,
            features=features,
            inside=link.inside,
        )
        async with phone:
            await arrive(phone, agent.device_id, channel=path == "channel")
            await on_path(agent, path, phone)  # type: ignore[arg-type]
            yield Scene(link, agent, phone, path)
        nothing_went_wrong(agent)


NUMBERED = f"""
import hashlib, sys
text = "".join(f"{{number}} \\u00e9\\u6f22\\U0001f600\\n" for number in range({OUTPUT_BYTES // 18})).encode()
sys.stdout.buffer.write(b"<" + b"<-" + text + b"->" + b">" + hashlib.sha256(text).hexdigest().encode() + b"!")
"""

FLOODING = """
import itertools, signal, sys
ended = False
def end(*_):
    global ended
    ended = True
signal.signal(signal.SIGINT, end)
for number in itertools.count(0, 100):
    sys.stdout.write("".join(f"line {one} of very many\\n" for one in range(number, number + 100)))
    sys.stdout.flush()
    if ended:
        break
print(f"counted to {number + 99}.")
"""
"""Counts until somebody presses Ctrl-C."""


@phones
@paths
async def test_all_output_arrives_complete_and_in_order(
    tmp_path: Path, wire: str, path: str, features: tuple[str, ...]
) -> None:
    program = tmp_path / "numbered.py"
    program.write_text(NUMBERED)
    async with apart(tmp_path, path, features) as scene:
        terminal = await scene.phone.create()
        await scene.link.impair(IMPAIRMENTS[wire])
        await scene.phone.type(terminal, f"stty -opost; {sys.executable} {program}; stty sane\r")
        text = await scene.phone.wait_output(terminal, "!", timeout=90)
        whole, _, rest = text.partition("<<-")[2].partition("->>")
        assert hashlib.sha256(whole.encode()).hexdigest() == rest.partition("!")[0]
        assert whole.count("\n") == OUTPUT_BYTES // 18
        if IMPAIRMENTS[wire].loss:
            assert (await scene.link.counts())["to_far"]["lost"] > 0, "nothing was lost on the way: this proves nothing"


async def echoes(phone: NodePhone, typed: str, flooded: str, keys: str = KEYS) -> tuple[float, int]:
    """The median seconds until a key's echo, and the most bytes of the other terminal that came before one."""
    times, before = [], 0
    for letter in keys:
        start, begun = time.monotonic(), phone.totals(flooded).bytes
        seen = phone.output(typed).count(letter)
        await phone.type(typed, letter)
        await phone.wait_output(typed, lambda text, at=letter, seen=seen: text.count(at) > seen, timeout=60)
        times.append(time.monotonic() - start)
        before = max(before, phone.totals(flooded).bytes - begun)
    await phone.type(typed, "\x15")
    return median(times), before


@phones
@paths
async def test_a_key_s_echo_takes_the_wire_s_time_and_waits_for_no_more_than_what_is_under_way(
    tmp_path: Path, wire: str, path: str, features: tuple[str, ...]
) -> None:
    program = tmp_path / "flooding.py"
    program.write_text(FLOODING)
    async with apart(tmp_path, path, features) as scene:
        phone, link = scene.phone, scene.link
        flooded, typed = await phone.create(), await phone.create()
        await answers(phone, typed)
        clean, _ = await echoes(phone, typed, flooded)
        await link.impair(IMPAIRMENTS[wire])
        longest = 2 * await link.ping() + 20 * clean
        assert (await echoes(phone, typed, flooded))[0] <= longest
        await phone.type(flooded, f"{sys.executable} {program}\r")
        assert (await echoes(phone, typed, flooded))[0] <= longest, (
            "a flood that the phone does not show holds up an echo"
        )
        await phone.switch(typed, flooded)
        await phone.until(lambda: phone.totals(flooded).bytes > BEGINS, "a flood", 60)
        assert (await echoes(phone, typed, flooded, "z"))[1] <= scene.under_way()
        await link.impair(CLEAN)
        await phone.type(flooded, "\x03")
        await phone.wait_output(flooded, "counted to ")


@phones
@paths
async def test_ctrl_c_gets_through_a_flood_of_which_no_line_is_lost(
    tmp_path: Path, wire: str, path: str, features: tuple[str, ...]
) -> None:
    program = tmp_path / "flooding.py"
    program.write_text(FLOODING)
    async with apart(tmp_path, path, features) as scene:
        phone = scene.phone
        terminal = await phone.create()
        await scene.link.impair(IMPAIRMENTS[wire])
        # Without noflsh it is the kernel that throws away what nobody has read yet; an echo would be within a line.
        await phone.type(terminal, f"stty noflsh -echo; {sys.executable} {program}\r")
        await phone.until(lambda: phone.totals(terminal).bytes > BEGINS, "a flood", 60)
        begun = phone.totals(terminal).bytes
        await phone.type(terminal, "\x03")
        text = await phone.wait_output(terminal, re.compile(r"counted to \d+\.").search, timeout=100)
        assert phone.totals(terminal).bytes - begun <= scene.under_way()
        numbers = re.findall(r"line (\d+) of very many\r\n", text)
        assert list(map(int, numbers)) == list(range(len(numbers)))
        assert f"counted to {len(numbers) - 1}." in text
        await answers(phone, terminal)
