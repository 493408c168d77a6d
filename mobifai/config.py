"""The settings of a running agent or relay: one frozen value, made by the command line.

Precedence is option, then environment (`MOBIFAI_*`), then the file `config.toml` of the state directory.
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
    """Where an own relay listens, and how it is reached.

    Port 0 is any free one. `allowed_hosts` are hosts (`NAME` or `NAME:PORT`) by which a proxy reaches or serves it;
    `trusted_proxies` are believed about the clients behind them. `public_url` is the address that phones use, without a
    slash at its end; None: the relay finds one.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Settings of health and housekeeping. Seconds, and bytes."""

    check_seconds: float = 600.0
    memory_limit_bytes: int = 512 * 10**6
    trim_seconds: float = 300.0
    inactive_seconds: float = 300.0
    inactive_screen_bytes: int = 10_000


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a person can set about an agent.

    `relay` is an own relay's place, or the URL of one elsewhere. `ice_servers` are STUN or TURN URLs; empty: none is
    asked. `limits` replaces values of `limits.LIMITS`. `restart_daily` is a local time at which the agent restarts.
    `time_scale` says how many times as fast as usual timers run that wait for nothing but time; `health` has it in it.
    `e2e` says whether legacy apps, which have no end-to-end encryption, may come. `public_url` replaces the address of
    a relay elsewhere in what phones are given.
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
