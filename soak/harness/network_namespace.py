"""A network of its own for a run (Linux): nothing that is driven hard speaks to the machine's real networks.

WebRTC gathers no candidate on 127.0.0.1, so the namespace has a second address on its loopback. It lives as long as the
processes in it; this module owns nothing that stays open. Where there are no namespaces (macOS, no permission) the
machine's own addresses serve, and what is sent to them does not leave the machine either.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ADDRESS = "10.64.0.1"
LOOPBACK = b"lo"
ALIAS = b"lo:1"

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C  # linux/sockios.h
_IFF_UP = 1


def enter(wire_up: Callable[[], None] | None = None) -> str:
    """Move this process, which must have one thread only, into a network of its own. What was done, in words."""
    if not sys.platform.startswith("linux"):
        return "the machine's own addresses (network namespaces are a part of Linux)"
    refused = _why_not(wire_up or add_address)
    if refused:
        return f"the machine's own addresses (no network namespace: {refused})"
    _move(wire_up or add_address)
    return f"a network namespace of its own, {ADDRESS}"


def add_address() -> None:
    """Bring the loopback up, with a second address. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as network:
        fcntl.ioctl(network, _SIOCSIFFLAGS, struct.pack("16sh22x", LOOPBACK, _IFF_UP))
        fcntl.ioctl(network, _SIOCSIFADDR, _request(ALIAS, ADDRESS))
        fcntl.ioctl(network, _SIOCSIFNETMASK, _request(ALIAS, "255.255.255.255"))


def _request(name: bytes, address: str) -> bytes:
    """A `struct ifreq` with an address (netdevice(7))."""
    return struct.pack("16sHH4s16x", name, socket.AF_INET, 0, socket.inet_aton(address))


def _why_not(wire_up: Callable[[], None]) -> str:
    """Try it in a child: a process that got into a namespace and may not set it up could not go back."""
    if threading.active_count() > 1:
        return f"it takes a process with one thread; this one has {threading.active_count()}"
    return _tell_from_child(lambda: _move(wire_up))


def _tell_from_child(action: Callable[[], None]) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _act_and_exit(action, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        reason = told.read().decode(errors="replace")
    os.waitpid(child, 0)
    return reason


def _act_and_exit(action: Callable[[], None], writer: int) -> None:
    try:
        action()
    except BaseException as error:
        os.write(writer, f"{type(error).__name__}: {error}".encode()[:4096])
    finally:
        os._exit(0)


def _move(wire_up: Callable[[], None]) -> None:
    root, user, group = os.geteuid() == 0, os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWNET if root else _CLONE_NEWUSER | _CLONE_NEWNET)
    if not root:
        # The same ids inside: what this process and its children see of files and of themselves stays as it was.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    wire_up()


def _unshare(flags: int) -> None:
    # os.unshare is there from Python 3.12 only.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")
