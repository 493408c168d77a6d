"""A network of their own for the tests (Linux).

WebRTC gathers no candidate on 127.0.0.1, and tests must not speak to the machine's real networks. So the test process
moves into a new network namespace with loopback and one address on a virtual cable; everything that it starts inherits
that. This module owns nothing that stays open: the namespace lives as long as its processes do.

Where this is not possible (macOS, no permission), the tests use the machine's own addresses.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ADDRESS = "10.64.0.1"
INSIDE = "MOBIFAI_TEST_NETNS"
"""Names, for child processes, the namespace that they are already in."""

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def enter() -> str:
    """Move this process, which must have one thread only, into a network of its own. What was done, in words."""
    if not sys.platform.startswith("linux"):
        return "the machine's own addresses (network namespaces are a part of Linux)"
    if os.environ.get(INSIDE) == _current():
        return f"the network namespace of the parent process, {ADDRESS}"
    refused = _why_not()
    if refused:
        return f"the machine's own addresses (no network namespace: {refused})"
    _move()
    os.environ[INSIDE] = _current()
    return f"a network namespace of its own, {ADDRESS}"


def _current() -> str:
    return str(Path("/proc/self/ns/net").stat().st_ino)


def _why_not() -> str:
    """Try it in a child: a process that got into a namespace and may not set it up could not go back."""
    if threading.active_count() > 1:
        return f"it takes a process with one thread; this one has {threading.active_count()}"
    return _tell_from_child(_move)


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


def _move() -> None:
    root, user, group = os.geteuid() == 0, os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWNET if root else _CLONE_NEWUSER | _CLONE_NEWNET)
    if not root:
        # The same ids inside: what tests and their children see of files and of themselves stays as it was.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _wire_up()


def _unshare(flags: int) -> None:
    # os.unshare is there from Python 3.12 only.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def _wire_up() -> None:
    from pyroute2 import IPRoute  # noqa: PLC0415 - exists on Linux only

    with IPRoute() as network:
        network.link("set", index=_index(network, "lo"), state="up")
        network.link("add", ifname="phone0", kind="veth", peer="phone1")
        network.addr("add", index=_index(network, "phone0"), address=ADDRESS, prefixlen=24)
        for name in ("phone0", "phone1"):
            network.link("set", index=_index(network, name), state="up")


def _index(network: object, name: str) -> int:
    return network.link_lookup(ifname=name)[0]  # type: ignore[attr-defined,no-any-return]
