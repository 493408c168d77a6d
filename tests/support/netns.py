"""A network for each test process (Linux): a namespace of `soak.harness.network_namespace`, with a virtual cable.

libwebrtc, which the Node phone uses, gathers no candidate on a loopback interface, so the address is on the cable.
Everything that a test process starts inherits its namespace. Each worker of pytest-xdist has its own: an agent gathers
candidates on every address, so it would also open sockets on the interfaces of other workers' tests.
"""

import ctypes
import os
from pathlib import Path

from soak.harness import network_namespace as network

ADDRESS = network.ADDRESS

INSIDE = "MOBIFAI_TEST_NETNS"
"""The variable that names a child process's present namespace."""


_CLONE_NEWNET = 0x40000000  # linux/sched.h


def enter(*, is_worker: bool = False) -> str:
    """Move this process, which must have one thread only, into a network of its own. Return a description of it.

    A process whose parent is in such a network stays in it, except a worker of pytest-xdist. A worker has a second
    thread, which uses no network.
    """
    if is_inside():
        if is_worker and os.geteuid() == 0:
            leave_network()
            _wire_up()
            os.environ[INSIDE] = _current()
            return f"a network namespace of its own, {ADDRESS}"
        return f"the network namespace of the parent process, {ADDRESS}"
    outside = _current()
    description = network.enter(_wire_up)
    if _current() != outside:
        os.environ[INSIDE] = _current()
    return description


def leave_network() -> None:
    """Move this thread, and the threads and processes that it starts from now on, into an empty network.

    Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)  # os.unshare is there from Python 3.12 only
    if libc.unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def is_inside() -> bool:
    """Return whether this process is in a network that `enter` made."""
    return bool(os.environ.get(INSIDE)) and os.environ[INSIDE] == _current()


def _current() -> str:
    place = Path("/proc/self/ns/net")
    return str(place.stat().st_ino) if place.exists() else ""


def _wire_up() -> None:
    from pyroute2 import IPRoute  # noqa: PLC0415 - exists on Linux only

    with IPRoute() as route:
        route.link("set", index=_index(route, "lo"), state="up")
        route.link("add", ifname="phone0", kind="veth", peer="phone1")
        route.addr("add", index=_index(route, "phone0"), address=ADDRESS, prefixlen=24)
        for name in ("phone0", "phone1"):
            route.link("set", index=_index(route, name), state="up")


def _index(route: object, name: str) -> int:
    return route.link_lookup(ifname=name)[0]  # type: ignore[attr-defined,no-any-return]
