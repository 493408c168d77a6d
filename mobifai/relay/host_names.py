"""The host names of this relay, and the check of a request's Host and Origin headers against them.

The check of Host prevents DNS rebinding, by which a page of another site reaches this relay under its own name. The
check of Origin keeps pages of other sites from sending forms and opening WebSockets.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import SplitResult

from mobifai.relay.forwarded_headers import split_host, split_origin

_PORTS = {"http": 80, "https": 443}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")


class HostNames:
    """The names under which this relay may be reached: those of this machine, and those from the settings.

    Any IP address is accepted, too, since DNS rebinding needs a name.

    `allowed` are hosts under which a proxy reaches or serves the relay, each `NAME` or `NAME:PORT`. `public_url` is the
    URL that phones use. `hostname` is this machine's name; if it is None, the system is asked.
    """

    def __init__(self, allowed: Iterable[str] = (), public_url: str | None = None, hostname: str | None = None) -> None:
        own = (hostname or socket.gethostname()).lower().removesuffix(".local")
        public = split_host(public_url.partition("://")[2].partition("/")[0]) if public_url else None
        self._served_at = [host for host in (*map(split_host, allowed), public) if host is not None]
        self._names = {"localhost", own, f"{own}.local", *(host.hostname or "" for host in self._served_at)} - {""}

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def check(self, hosts: list[str], origins: list[str], forwarded_host: str | None) -> str | None:
        """Return the problem with a request's Host headers (`hosts`) and Origin headers; None if there is none.

        `forwarded_host` is the host under which the client reached a trusted proxy, if there is one.
        """
        host = split_host(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            return f"expected one Host header with an address or a name of this relay; found {_shown(hosts)}"
        if not self._is_own(host.hostname or ""):
            remedy = _remedy(host.hostname, None)
            return f"expected an address or a name of this relay in the Host header; found {_shown(hosts)}{remedy}"
        seen = [host, *filter(None, [split_host(forwarded_host or "")])]
        for origin in origins:
            found = split_origin(origin)
            if found is None or found.scheme not in _PORTS:
                return f"expected a request of this relay's own pages; found the origin {_shown([origin])}"
            if not any(_is_same(found, one) for one in (*seen, *self._served_at)):
                remedy = _remedy(found.hostname, found.port)
                return f"expected a request of this relay's own pages; found the origin {_shown([origin])}{remedy}"
        return None

    def _is_own(self, name: str) -> bool:
        name = name.rstrip(".")
        return name in self._names or _is_ip_address(name)


def _is_same(origin: SplitResult, host: SplitResult) -> bool:
    """Return whether an origin has this host and port, with any scheme."""
    default = _PORTS[origin.scheme]
    return (origin.hostname, origin.port or default) == (host.hostname, host.port or default)


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _remedy(name: str | None, port: int | None) -> str:
    """Return the end of an error message that says how to allow a host name; empty if the name is not valid."""
    if name is None or not (_PLAIN_NAME.fullmatch(name) or _is_ip_address(name)):
        return ""
    shown = f"[{name}]" if ":" in name else name
    option = f"--allow-host {shown}{f':{port}' if port else ''}"
    return f". If your proxy serves the relay there, start MobiFai with `{option}`"


def _shown(values: list[str]) -> str:
    return repr(", ".join(values)[:200]) if values else "none"
