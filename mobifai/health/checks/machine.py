"""Checks of the machine: descriptors, terminals, a port, UDP, a plausible clock."""

import errno
import ipaddress
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from mobifai.health.checks.check import CheckedInstallation, CheckResult, ok, problem, warning
from mobifai.health.checks.relays import running_agent
from mobifai.health.checks.storage import files_of
from mobifai.limits import RELAY_SOCKETS, TERMINALS

WANTED_DESCRIPTORS = 4 * TERMINALS.value + RELAY_SOCKETS.value + 128
"""A terminal takes four (its master, its screen's file, a watch, a directory for a moment), a relay's device one."""

NEEDED_DESCRIPTORS = 128

FIRST_SECOND = 1_735_689_600.0
"""2025 began then, and MobiFai after that."""

_AHEAD_SECONDS = 3600.0


def descriptors(_: CheckedInstallation) -> CheckResult:
    """The limit on open files of a process that is started like this one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= WANTED_DESCRIPTORS:
        return ok(f"{'any number' if soft == resource.RLIM_INFINITY else soft} may be open at a time")
    raised = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    found = f"{soft} may be open at a time; {WANTED_DESCRIPTORS} are enough for {TERMINALS.value} terminals"
    judge = problem if soft < NEEDED_DESCRIPTORS else warning
    return judge(found, f"`ulimit -n {raised}` in the shell that starts MobiFai")


def terminals(subject: CheckedInstallation) -> CheckResult:
    """How many terminals the system has left."""
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return problem(f"no terminal to be had: {error}", "end programs that hold terminals, or raise the limit")
    most, used = _terminal_limits(subject.proc)
    if most is None:
        return ok("there are some; this system does not say how many")
    free = most - used
    if free < TERMINALS.value:
        where = "kern.tty.ptmx_max" if sys.platform == "darwin" else "kernel.pty.max"
        return warning(
            f"{free} of {most} are free; MobiFai may want {TERMINALS.value}", f"raise it: sudo sysctl -w {where}=4096"
        )
    return ok(f"{free} of {most} are free")


def _terminal_limits(proc: Path) -> tuple[int | None, int]:
    """How many terminals there may be, and are in use."""
    place = proc / "sys/kernel/pty"
    try:
        return int((place / "max").read_text()), int((place / "nr").read_text())
    except (OSError, ValueError):
        pass
    if sys.platform != "darwin":
        return None, 0
    asked = subprocess.run(
        ["/usr/sbin/sysctl", "-n", "kern.tty.ptmx_max"], capture_output=True, text=True, timeout=5, check=False
    )
    return (int(asked.stdout), 0) if asked.stdout.strip().isdigit() else (None, 0)


async def port(subject: CheckedInstallation) -> CheckResult:
    """Whether the own relay can listen where it should, or does."""
    if subject.relay_url is not None:
        return ok("none is needed: the relay is elsewhere")
    if subject.port == 0:
        return ok("any free one will do")
    if not _is_address(subject.host):
        return ok(f"{subject.host} is a name, so whether {subject.port} is free there was not looked at")
    error = _why_not_bound(subject.host, subject.port)
    if error is None:
        return ok(f"{subject.host}:{subject.port} is free")
    return await _who_has_it(subject) if error.errno == errno.EADDRINUSE else _refused(subject, error)


def _is_address(host: str) -> bool:
    """Whether nobody need be asked where it is."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _why_not_bound(host: str, number: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, number))
    except OSError as error:
        return error
    return None


async def _who_has_it(subject: CheckedInstallation) -> CheckResult:
    agent = await running_agent(subject.state_dir)
    url = str(agent.get("own_relay_url") or agent.get("relay_url")) if agent is not None else ""
    if urlsplit(url).port == subject.port:
        return ok(f"{subject.port} is the running agent's")
    return problem(
        f"{subject.port} is another program's", f"choose another with --port; `lsof -i :{subject.port}` shows whose"
    )


def _refused(subject: CheckedInstallation, error: OSError) -> CheckResult:
    if error.errno == errno.EACCES:
        return problem(f"{subject.port} is for the system's programs", "choose one from 1024 on with --port")
    found = f"{subject.host}:{subject.port}: {error.strerror or error}"
    return problem(found, "choose an address of this machine with --host")


def udp(_: CheckedInstallation) -> CheckResult:
    """Whether datagrams get through to this machine itself, and whether it has an address for WebRTC at all."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.settimeout(2)
            ours.bind(("127.0.0.1", 0))
            ours.sendto(b"mobifai", ours.getsockname())
            ours.recv(16)
    except OSError as error:
        return problem(
            f"a datagram to this machine itself fails: {error}", "look at the firewall, or the container's rules"
        )
    if not _addresses():
        return warning(
            "no address but loopback, so no WebRTC", "none is needed: phones use the relay; a network brings it"
        )
    return ok(f"works; {len(_addresses())} address(es) for WebRTC")


def _addresses() -> list[str]:
    """This machine's addresses beside loopback and those without a network."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                known = ipaddress.ip_address(address.address.partition("%")[0])
                found += [] if known.is_loopback or known.is_link_local else [address.address]
    return found


def clock(subject: CheckedInstallation) -> CheckResult:
    """Whether the clock stands at a time that can be: tokens and codes end by it."""
    now, remedy = subject.now(), "set the clock, and let the system keep it right (NTP)"
    if now < FIRST_SECOND:
        return problem("it stands before this version was made; every certificate and token fails", remedy)
    newest = max((found.st_mtime for _, found in files_of(subject.state_dir)), default=now)
    if newest > now + _AHEAD_SECONDS:
        return warning(f"files of the state directory are {(newest - now) / 3600:.0f} h ahead of it", remedy)
    return ok("makes sense")
