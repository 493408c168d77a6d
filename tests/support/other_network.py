"""Runs a command in a separate network (Linux, root), with the interfaces that a test names.

As a program: `python other_network.py JSON COMMAND...`, where the JSON is a list of interfaces as `Wire` has them.
"""

import ctypes
import json
import os
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__)

_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Wire:
    """An interface that is up. Addresses are `ADDRESS/PREFIX`; `gateway` makes it the default route of its family."""

    name: str
    addresses: tuple[str, ...]
    gateway: str | None = None


def words(*wires: Wire) -> tuple[str, ...]:
    """Return the prefix of a command that runs in such a network."""
    return (sys.executable, str(PROGRAM), json.dumps([asdict(wire) for wire in wires]))


@cache
def why_not() -> str:
    """Return why such a network is not possible here, or an empty text."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    child = os.fork()
    if child == 0:
        try:
            _enter([asdict(Wire("docker0", ("172.17.0.1/16",)))])
        except BaseException:  # any error is the answer
            os._exit(1)
        os._exit(0)
    return "" if os.waitpid(child, 0)[1] == 0 else "this machine allows no network namespace"


def _enter(wires: list[dict[str, Any]]) -> None:
    from pyroute2 import IPRoute  # noqa: PLC0415 - exists on Linux only

    libc = ctypes.CDLL(None, use_errno=True)  # os.unshare exists since Python 3.12
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with IPRoute() as route:
        route.link("set", index=route.link_lookup(ifname="lo")[0], state="up")
        for number, wire in enumerate(wires):
            route.link("add", ifname=wire["name"], kind="veth", peer=f"far{number}")
            index = route.link_lookup(ifname=wire["name"])[0]
            for one in (index, route.link_lookup(ifname=f"far{number}")[0]):
                route.link("set", index=one, state="up")
            for address in wire["addresses"]:
                place, _, prefix = address.partition("/")
                # 0x02: skip IPv6's search for another owner of the address.
                flags = {"flags": 0x02} if ":" in place else {}
                route.addr("add", index=index, address=place, prefixlen=int(prefix), **flags)
            if wire["gateway"]:
                route.route("add", dst="default", gateway=wire["gateway"], oif=index)


if __name__ == "__main__":
    _enter(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606
