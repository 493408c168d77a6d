"""A network namespace for a run (Linux), so that the load never reaches the machine's real networks.

WebRTC gathers no candidate on 127.0.0.1, so the namespace has a second loopback address. The namespace exists as long
as its processes. Without namespaces (macOS, or no permission), a run uses the machine's own addresses. Packets to these
do not leave the machine either.
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
    """Move this process, which must have a single thread, into a network namespace. Return a description of the
    network for the report.

    `wire_up` is called in the namespace to set up its addresses, by default `add_address`. If no namespace can be used,
    the process stays in its network, and the description says why.
    """
    if not sys.platform.startswith("linux"):
        return "the machine's own addresses (only Linux has network namespaces)"
    refused = _why_not(wire_up or add_address)
    if refused:
        return f"the machine's own addresses (no network namespace: {refused})"
    _move(wire_up or add_address)
    return f"a network namespace of its own, {ADDRESS}"


def add_address() -> None:
    """Bring up the loopback interface with a second address. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as network:
        fcntl.ioctl(network, _SIOCSIFFLAGS, struct.pack("16sh22x", LOOPBACK, _IFF_UP))
        fcntl.ioctl(network, _SIOCSIFADDR, interface_request(ALIAS, ADDRESS))
        fcntl.ioctl(network, _SIOCSIFNETMASK, interface_request(ALIAS, "255.255.255.255"))


def interface_request(name: bytes, address: str) -> bytes:
    """Return a `struct ifreq` (netdevice(7)) that names an interface and an IPv4 address for it."""
    return struct.pack("16sHH4s16x", name, socket.AF_INET, 0, socket.inet_aton(address))


def _why_not(wire_up: Callable[[], None]) -> str:
    """Return why a namespace can't be used; "" if it can be used.

    A child process tries to use one, because a process can't leave a namespace again.
    """
    if threading.active_count() > 1:
        return f"expected a process with one thread; this one has {threading.active_count()}"
    return _reason_from_child(lambda: _move(wire_up))


def _reason_from_child(action: Callable[[], None]) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _act_and_exit(action, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
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
        # User and group have the same ids inside, so that files and processes look the same.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    wire_up()


def _unshare(flags: int) -> None:
    # os.unshare needs Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")
