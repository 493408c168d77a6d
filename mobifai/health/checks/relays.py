"""Checks of the agent and its relay, over loopback only, and of a relay on another machine that the user named."""

import asyncio
import datetime as dt
import ipaddress
import socket
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec

from mobifai.control.client import send_request
from mobifai.errors import StateError
from mobifai.health.checks.check import CheckedInstallation, CheckResult, ok, problem, warning
from mobifai.logs.formatting import without_secrets
from mobifai.state import StateDir

CLOCK_SECONDS = 60.0
"""The difference of clocks, in seconds, from which a warning is given. Codes are valid for 10 minutes, tokens for 30
days."""

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_MOST_BYTES = 4096


async def running_agent(state_dir: Path) -> dict[str, Any] | None:
    """Return the status of this state directory's agent, or None if no agent runs.

    Raises StateError if the agent does not answer.
    """
    path = StateDir(state_dir).control_socket
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    writer.close()
    return dict(await send_request(path, "status"))


async def _without_agent(state_dir: Path) -> CheckResult:
    """Return the result for the case that no agent runs.

    It is a problem if a keeper runs and can't start the agent, otherwise it is ok.
    """
    try:
        kept = await send_request(StateDir(state_dir).keeper_socket, "status")
    except (StateError, OSError):
        return ok("no agent is running with this state directory")
    reason = kept.get("problem") or "the agent is starting"
    remedy = "fix that, and run `mobifai restart` to try again now; all terminals are kept meanwhile"
    return problem(f"the agent can't start: {reason}", remedy) if kept.get("problem") else ok(reason)


async def agent(subject: CheckedInstallation) -> CheckResult:
    """Check that the running agent and its relay respond."""
    try:
        status = await running_agent(subject.state_dir)
    except (StateError, OSError) as error:
        return problem(str(error), "see its log (`mobifai service logs`), or run `mobifai restart`")
    if status is None:
        return await _without_agent(subject.state_dir)
    url = without_secrets(str(status.get("relay_url", "")))
    who = f"process {status.get('agent_pid', status.get('relay_pid', '?'))}"
    here = _on_this_machine(urlsplit(str(status.get("own_relay_url") or url)))
    if here is None:
        return ok(f"{who} responds; its relay is on another machine and was not checked; --relay {url} checks it")
    verdict = await _ask_health(here)
    return CheckResult(verdict.state, f"{who} responds; its relay: {verdict.found}", verdict.remedy)


def _on_this_machine(url: SplitResult) -> str | None:
    """Return the URL of a relay on this machine, or None for a relay elsewhere.

    The URL has a loopback address if the relay listens on one.
    """
    try:
        address = ipaddress.ip_address(url.hostname or "")
    except ValueError:
        return None  # a name, whose lookup may leave this machine
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))  # fails for foreign addresses; sends nothing
    except OSError:
        return None
    host = "127.0.0.1" if _listens("127.0.0.1", url.port) else str(address)
    return f"http://{f'[{host}]' if ':' in host else host}:{url.port}"


def _listens(host: str, port: int | None) -> bool:
    try:
        socket.create_connection((host, port or 80), timeout=1).close()
    except OSError:
        return False
    return True


async def relay(subject: CheckedInstallation) -> CheckResult:
    """Check that the relay that the user named responds, and that its clock agrees with that of this machine."""
    if subject.relay_url is None:
        return ok("no relay to check is given with --relay")
    if not subject.relay_url.startswith(("http://", "https://")):
        return problem(
            f"expected a URL; found {without_secrets(subject.relay_url)}",
            "give --relay a URL that begins with https:// or http://",
        )
    return await _ask_health(subject.relay_url.rstrip("/"), subject)


async def _ask_health(url: str, subject: CheckedInstallation | None = None) -> CheckResult:
    shown = without_secrets(url)
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            sent = subject.now() if subject else 0.0
            async with session.get(f"{url}/health", allow_redirects=False) as response:
                body = await response.content.read(_MOST_BYTES)
                status = response.status
            came = subject.now() if subject else 0.0
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        why = str(error) or type(error).__name__
        return problem(
            f"{shown} can't be reached: {without_secrets(why)}", "check the URL, the network and whether it runs"
        )
    timestamp = _timestamp(body)
    if status != 200 or timestamp is None:
        return problem(
            f"{shown} responds with status {status}, but not like a relay",
            "give the URL of a relay, including the path if a proxy serves it under one",
        )
    return _compared(shown, timestamp - (sent + came) / 2) if subject else ok(f"{shown} responds")


def _timestamp(body: bytes) -> float | None:
    """Return the time in the body `{"status": "ok", "timestamp": ISO}`, in seconds since the epoch.

    Return None for any other body.
    """
    try:
        health = msgspec.json.decode(body, type=dict[str, Any])
        if health.get("status") != "ok":
            return None
        return dt.datetime.fromisoformat(str(health["timestamp"])).timestamp()
    except (msgspec.MsgspecError, ValueError, KeyError, OverflowError):
        return None


def _compared(shown: str, ahead: float) -> CheckResult:
    if abs(ahead) > CLOCK_SECONDS:
        found = (
            f"{shown} responds; its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        )
        return warning(found, "correct the clock that is wrong: tokens and pairing codes expire by it")
    return ok(f"{shown} responds; the clocks differ by {abs(ahead):.1f} s")
