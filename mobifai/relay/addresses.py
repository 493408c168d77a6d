"""The address under which phones find this machine."""

import ipaddress
import socket
from collections.abc import Iterator

_EVERYWHERE = ("0.0.0.0", "::", "")


def public_url(host: str, port: int) -> str:
    """The URL that a phone uses for a relay that listens on `host`."""
    shown = (lan_address() or "127.0.0.1") if host in _EVERYWHERE else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"


def lan_address() -> str | None:
    """This machine's IPv4 address on its local network: a private one if it has any."""
    found = list(_addresses())
    private = [address for address in found if ipaddress.ip_address(address).is_private]
    return next(iter(private or found), None)


def _addresses() -> Iterator[str]:
    import psutil  # noqa: PLC0415 - a relay for this machine only needs none of it

    states = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        if name in states and not states[name].isup:
            continue
        for address in addresses:
            if address.family == socket.AF_INET and not ipaddress.ip_address(address.address).is_loopback:
                yield address.address
