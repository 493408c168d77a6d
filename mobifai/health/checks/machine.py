"""Checks of the machine: open files, pseudo-terminals, the relay's port, UDP and the clock."""

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
"""The limit on open files below which `mobifai doctor` warns. Each terminal needs four descriptors (the
pseudo-terminal's master, the ring's file, a watch and, briefly, a directory), and each device of the relay needs
one."""

NEEDED_DESCRIPTORS = 128

FIRST_SECOND = 1_735_689_600.0
"""The start of 2025, in seconds since the epoch. MobiFai was first released later, so a clock with an earlier time is
wrong."""

_AHEAD_SECONDS = 3600.0


def descriptors(_: CheckedInstallation) -> CheckResult:
    """Check that the limit on open files is high enough for all terminals and devices."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= WANTED_DESCRIPTORS:
        return ok(f"the limit on open files is {'unlimited' if soft == resource.RLIM_INFINITY else soft}")
    raised = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    found = f"the limit on open files is {soft}; {TERMINALS.value} terminals need {WANTED_DESCRIPTORS}"
    judge = problem if soft < NEEDED_DESCRIPTORS else warning
    return judge(found, f"run `ulimit -n {raised}` in the shell that starts MobiFai")


def terminals(subject: CheckedInstallation) -> CheckResult:
    """Check that a pseudo-terminal can be opened, and that the system allows enough of them."""
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return problem(
            f"could not allocate a terminal: {error}",
            "close programs with terminals, or raise the limit on pseudo-terminals",
        )
    most, used = _terminal_limits(subject.proc)
    if most is None:
        return ok("pseudo-terminals are available; this system does not report how many")
    free = most - used
    if free < TERMINALS.value:
        where = "kern.tty.ptmx_max" if sys.platform == "darwin" else "kernel.pty.max"
        return warning(
            f"{free} of {most} pseudo-terminals are free; MobiFai may need {TERMINALS.value}",
            f"run `sudo sysctl -w {where}=4096`",
        )
    return ok(f"{free} of {most} pseudo-terminals are free")


def _terminal_limits(proc: Path) -> tuple[int | None, int]:
    """Return the system's limit on pseudo-terminals (None if unknown), and the number in use."""
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
    """Check that the built-in relay can listen on its port, or already listens there."""
    if subject.relay_url is not None:
        return ok("not needed: the relay is on another machine")
    if subject.port == 0:
        return ok("not checked: port 0 means any free port")
    if not _is_address(subject.host):
        return ok(f"{subject.host} is a name, so port {subject.port} was not checked")
    error = _why_not_bound(subject.host, subject.port)
    if error is None:
        return ok(f"{subject.host}:{subject.port} is free")
    return await _who_has_it(subject) if error.errno == errno.EADDRINUSE else _refused(subject, error)


def _is_address(host: str) -> bool:
    """Return whether a host is an IP address. A host name would need a lookup."""
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
        return ok(f"port {subject.port} is in use by the running agent")
    return problem(
        f"port {subject.port} is in use by another program",
        f"choose another with --port; `lsof -i :{subject.port}` shows the program",
    )


def _refused(subject: CheckedInstallation, error: OSError) -> CheckResult:
    if error.errno == errno.EACCES:
        return problem(f"port {subject.port} needs root privileges", "choose a port of 1024 or above with --port")
    found = f"a relay can't listen on {subject.host}:{subject.port}: {error.strerror or error}"
    return problem(found, "choose an address of this machine with --host")


def udp(_: CheckedInstallation) -> CheckResult:
    """Check that datagrams reach this machine over loopback, and that the machine has an address for WebRTC."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.settimeout(2)
            ours.bind(("127.0.0.1", 0))
            ours.sendto(b"mobifai", ours.getsockname())
            ours.recv(16)
    except OSError as error:
        return problem(f"a datagram over loopback failed: {error}", "check the rules of the firewall or the container")
    if not _addresses():
        return warning(
            "no address but loopback, so WebRTC can't be used", "connect to a network; until then, phones use the relay"
        )
    return ok(f"works; {len(_addresses())} address(es) for WebRTC")


def _addresses() -> list[str]:
    """Return this machine's addresses except loopback and link-local ones."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                known = ipaddress.ip_address(address.address.partition("%")[0])
                found += [] if known.is_loopback or known.is_link_local else [address.address]
    return found


def clock(subject: CheckedInstallation) -> CheckResult:
    """Check that the clock is plausible, since tokens and codes expire according to it."""
    now, remedy = subject.now(), "set the clock, and have the system synchronize it (NTP)"
    if now < FIRST_SECOND:
        return problem(
            "the clock is set to a time before the release of this version, so certificates and tokens fail", remedy
        )
    newest = max((found.st_mtime for _, found in files_of(subject.state_dir)), default=now)
    if newest > now + _AHEAD_SECONDS:
        return warning(f"files in the state directory are {(newest - now) / 3600:.0f} h newer than the clock", remedy)
    return ok("plausible")
