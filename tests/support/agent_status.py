"""The state of a running agent, seen from outside: its status, its resources, and whether it serves a phone.

Each call asks again, through the control socket (fast enough for a loop) and psutil.
"""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psutil

from mobifai.control.client import send_request
from mobifai.errors import StateError
from mobifai.state import StateDir
from soak.phone.event_log import PhoneError
from soak.phone.interface import Path, PhoneInterface
from tests.support.agent import RunningAgent
from tests.support.eventually import eventually

_numbers = itertools.count(1000)


async def until(look: Callable[[], Awaitable[object]], timeout: float) -> None:
    """Repeat a check until it is true. Raises TimeoutError."""
    async with asyncio.timeout(timeout):
        while True:
            if await look():
                return
            await asyncio.sleep(0.05)


async def asked(agent: RunningAgent, question: str = "status", **arguments: object) -> dict[str, Any]:
    """Send a request over the control socket, by default for the status that `mobifai status --json` prints."""
    return dict(await send_request(StateDir(agent.state_dir).control_socket, question, arguments))


async def status_when(
    agent: RunningAgent, is_so: Callable[[dict[str, Any]], object], what: str, timeout: float = 20
) -> dict[str, Any]:
    """Wait until the status meets a condition, and return the status. Raises AssertionError."""
    status: dict[str, Any] = {}

    async def look() -> object:
        nonlocal status
        try:
            status = await asked(agent)
        except StateError:  # it is being restarted
            return False
        return is_so(status)

    try:
        await until(look, timeout)
    except TimeoutError:
        known = {name: status.get(name) for name in ("relay", "phone", "path", "terminals")}
        raise AssertionError(f"expected {what} within {timeout:g} s; the agent says {known}") from None
    return status


async def path_of(agent: RunningAgent) -> Path | None:
    """Return the path by which the agent serves its phone, or None if it serves none."""
    return path_in(await asked(agent))


def path_in(status: dict[str, Any]) -> Path | None:
    """Return the path in a status."""
    path: Path | None = status["path"]
    return path


async def phone_of(agent: RunningAgent) -> str | None:
    """Return the device id of the paired phone, or None."""
    return phone_in(await asked(agent))


def phone_in(status: dict[str, Any]) -> str | None:
    """Return the paired phone in a status."""
    return None if status["phone"] is None else str(status["phone"])


async def is_encrypted(agent: RunningAgent) -> bool:
    """Return whether the session with the phone is encrypted end to end."""
    return bool((await asked(agent))["e2e"])


async def relay_stage(agent: RunningAgent) -> str:
    """Return the stage of the agent's registration with its relay: offline, sign-in, waiting, ..."""
    return str((await asked(agent))["relay"])


async def on_path(
    agent: RunningAgent, path: Path | None, phone: PhoneInterface | None = None, timeout: float = 20
) -> None:
    """Wait until the agent serves by this path (and this phone). Raises AssertionError."""
    await status_when(
        agent,
        lambda status: path_in(status) == path and (phone is None or phone_in(status) == phone.device_id),
        f"the agent to serve {phone.name if phone else 'any phone'} by {path}",
        timeout,
    )


async def at_relay_stage(agent: RunningAgent, stage: str, timeout: float = 20) -> None:
    """Wait until the agent's registration has reached this stage. Raises AssertionError."""
    await status_when(agent, lambda status: status["relay"] == stage, f"the agent to be {stage} at the relay", timeout)


@dataclass(frozen=True)
class Holdings:
    """Resources that an agent holds. `bounds` are the open accounts of its ledger, by name."""

    descriptors: dict[str, int]
    udp_sockets: int
    threads: int
    tasks: int
    children: int
    bounds: dict[str, int]


LOOKS = 20


async def holdings(agent: RunningAgent) -> Holdings:
    """Count until two counts agree: between two messages a connection may lack a task for a moment."""
    now = await _count(agent)
    for _ in range(LOOKS):
        before, now = now, await _count(agent)
        if now == before:
            break
    return now


async def _count(agent: RunningAgent) -> Holdings:
    """Count once. The request itself counts too, the same in each count."""
    status = await asked(agent)
    process = psutil.Process(status["agent_pid"])
    return Holdings(
        descriptors=status["descriptors_by_kind"],
        udp_sockets=sum(1 for one in process.net_connections("inet") if one.type.name == "SOCK_DGRAM"),
        threads=process.num_threads(),
        tasks=status["tasks"],
        children=len(process.children(recursive=True)),
        bounds={entry["name"]: entry["instances"] for entry in status["bounds"]},
    )


async def same_holdings(agent: RunningAgent, before: Holdings, timeout: float = 15) -> None:
    """Wait until the agent has the same resources as before. Raises AssertionError."""
    now = before

    async def look() -> bool:
        nonlocal now
        now = await holdings(agent)
        return now == before

    try:
        await until(look, timeout)
    except TimeoutError:
        raise AssertionError(f"the agent does not hold the same as before:\n  then {before}\n  now  {now}") from None


async def answers(phone: PhoneInterface, terminal: str, via: Path | None = None) -> None:
    """Type a calculation and see its result: the terminal works, in both directions."""
    number = next(_numbers)
    await phone.type(terminal, f"echo is-$(({number}*3))-so\r", via)
    await phone.wait_output(terminal, f"is-{number * 3}-so")


async def arrive(phone: PhoneInterface, device_id: str, *, channel: bool = True) -> None:
    """Connect, pair, and wait for the data channel unless the relay is to serve the phone."""
    await phone.connect()
    await phone.pair(device_id)
    if channel:
        await phone.channel_open()


async def get_in_again(phone: PhoneInterface, agent: RunningAgent, *, channel: bool, timeout: float = 20) -> None:
    """Lose all connections without a goodbye, then reconnect as an app does: try until it succeeds."""
    async with asyncio.timeout(timeout):
        while True:
            try:
                await phone.vanish()
                await phone.connect(timeout=5)
                await phone.pair(agent.device_id, timeout=5)
                if channel:
                    await phone.channel_open(timeout=5)
            except PhoneError:
                await asyncio.sleep(0.1)
            else:
                return


async def pair_again(agent: RunningAgent, phone: PhoneInterface) -> None:
    """Pair again on a relay that forwards everything, and wait for the new channel that replaces the old one."""
    mark = phone.mark()
    await phone.pair(agent.device_id)

    def changed_over() -> bool:
        return [message.path for message in phone._log._of("processes:sync", mark)][-2:] == ["relay", "channel"]

    await phone.until(changed_over, "a sync by relay, then one by the new channel", 20)
    await on_path(agent, "channel", phone)


def nothing_went_wrong(agent: RunningAgent) -> None:
    """Check that the log has no traceback and no error. Raises AssertionError."""
    log = agent.log.read_text()
    bad = [line for line in log.splitlines() if re.search(r"Traceback| ERROR |internal error|never retrieved", line)]
    assert not bad, "\n".join(bad)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process."""
    times = process.cpu_times()
    return times.user + times.system


async def until_running(process: psutil.Process, timeout: float = 20) -> None:
    """Wait until a process uses processor time."""
    used = cpu_seconds(process)
    await eventually(lambda: cpu_seconds(process) > used + 0.05, timeout)


async def until_stopped(process: psutil.Process) -> None:
    """Wait until a process has used no processor time for a second."""
    async with asyncio.timeout(20):
        calm, used = 0, cpu_seconds(process)
        while calm < 10:
            await asyncio.sleep(0.1)
            calm, used = calm + 1 if cpu_seconds(process) == used else 0, cpu_seconds(process)
