"""A network of their own for the tests (Linux): a namespace as `soak.harness.network_namespace` makes it, and a cable.

libwebrtc, which the Node phone uses, gathers no candidate on a loopback interface, so the address is on the cable.
Everything that the test process starts inherits the namespace.
"""

import os
from pathlib import Path

from soak.harness import network_namespace as network

ADDRESS = network.ADDRESS

INSIDE = "MOBIFAI_TEST_NETNS"
"""Names, for child processes, the namespace that they are already in."""


def enter() -> str:
    """Move this process, which must have one thread only, into a network of its own. Return a description of it."""
    if os.environ.get(INSIDE) and os.environ[INSIDE] == _current():
        return f"the network namespace of the parent process, {ADDRESS}"
    outside = _current()
    description = network.enter(_wire_up)
    if _current() != outside:
        os.environ[INSIDE] = _current()
    return description


def is_inside() -> bool:
    """Whether this process is in a network that was made by `enter`."""
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
