"""The settings of an agent or a relay, as frozen values.

They come from the options of the command line, environment variables (`MOBIFAI_*`) and the settings file. An option
takes precedence over its variable, and the variable over the settings file.
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
    """The address on which a relay in this process listens, and the addresses by which others reach it.

    Port 0 picks any free port. `allowed_hosts` are the hosts (`NAME` or `NAME:PORT`) under which a reverse proxy
    reaches or serves the relay. `trusted_proxies` are the networks of the proxies whose reports about their clients the
    relay believes. `public_url` is the URL for phones, without a trailing slash; if it is None, the relay determines
    it.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Settings of the health check and of the trimmer, which shortens the rings of inactive terminals.

    The agent is checked every `check_seconds`; it may use `memory_limit_bytes` of memory. The trimmer runs every
    `trim_seconds`. It shortens the ring of a terminal that was inactive for `inactive_seconds` to
    `inactive_screen_bytes`.
    """

    check_seconds: float = 600.0
    memory_limit_bytes: int = 512 * 10**6
    trim_seconds: float = 300.0
    inactive_seconds: float = 300.0
    inactive_screen_bytes: int = 10_000


@dataclass(frozen=True, slots=True)
class Config:
    """The user's settings of an agent.

    `relay` configures a relay in this process, or is the URL of a remote one. `shell` is the command of each new
    terminal. `ice_servers` are STUN or TURN URLs. `ready_file` is a file that exists while the agent serves, with its
    pid and URLs as JSON. `restart_daily` is the local time of a daily restart. `metrics_port` is the port of the
    metrics for Prometheus. `keep_awake` keeps the machine awake while a terminal or a phone is active.

    Timers of reconnects run `time_scale` times as fast; the values in `health` are scaled already. With `e2e` set to
    "require", legacy apps, which have no end-to-end encryption, can't connect. `public_url` replaces the address of a
    remote relay in invitations. `limits` maps names in `limits.LIMITS` to other values.
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
