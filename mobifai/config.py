"""The settings of an agent or a relay: frozen values, built from the options of the command line.

An option takes precedence over its environment variable (`MOBIFAI_*`), and that over the settings file.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

PUBLIC_STUN = "stun:stun.l.google.com:19302"
DEFAULT_PORT = 8765
EVERY_ADDRESS = "::"
"""The host of a relay that listens on every address of the machine, IPv4 and IPv6."""
EVERY_IPV4_ADDRESS = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """The addresses on which a relay in this process listens, and by which it is reached.

    Port 0 picks any free port. `allowed_hosts` are the hosts (`NAME` or `NAME:PORT`) under which a proxy reaches or
    serves it. The relay believes what `trusted_proxies` report about their clients. `public_url` is the address for
    phones, without a trailing slash; if it is None, the relay determines it.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Settings of the health check and the trimmer, in seconds and bytes."""

    check_seconds: float = 600.0
    memory_limit_bytes: int = 512 * 10**6
    trim_seconds: float = 300.0
    inactive_seconds: float = 300.0
    inactive_screen_bytes: int = 10_000


@dataclass(frozen=True, slots=True)
class Config:
    """The user's settings of an agent.

    `relay` configures a relay in this process, or is the URL of a remote one. `ice_servers` are STUN or TURN URLs.
    `limits` replaces values of `limits.LIMITS`. `restart_daily` is the local time of a daily restart. Timers of
    reconnects run `time_scale` times as fast; the values in `health` are scaled already. `e2e` decides if legacy apps,
    which have no end-to-end encryption, may connect. `public_url` replaces the address of a remote relay in
    invitations.
    """

    relay: RelayConfig | str
    shell: tuple[str, ...]
    device_name: str
    ice_servers: tuple[str, ...] = ()
    ready_file: Path | None = None
    restart_daily: dt.time | None = None
    metrics_port: int | None = None
    keep_awake: bool = False
    time_scale: float = 1.0
    e2e: Literal["allow", "require"] = "allow"
    public_url: str | None = None
    health: HealthConfig = HealthConfig()
    limits: Mapping[str, int] = field(default_factory=dict)
