"""The settings of a running agent or relay: one frozen value, made by the command line.

Precedence is option, then environment (`MOBIFAI_*`), then the file `config.toml` of the state directory.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

PUBLIC_STUN = "stun:stun.l.google.com:19302"
DEFAULT_PORT = 8765


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """Where an own relay listens. Port 0 is any free one; `allowed_hosts` are names by which a proxy reaches it."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """Settings of health and housekeeping. Seconds, and bytes."""

    check_seconds: float = 600.0
    memory_limit_bytes: int = 512 * 10**6
    housekeeping_seconds: float = 300.0
    inactive_seconds: float = 300.0
    inactive_screen_bytes: int = 10_000


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a person can set about an agent.

    `relay` is an own relay's place, or the URL of one elsewhere. `ice_servers` are STUN or TURN URLs; empty: none is
    asked. `limits` replaces values of `limits.LIMITS`. `restart_daily` is a local time at which the agent starts anew.
    `time_scale` says how many times as fast as usual timers run that wait for nothing but time; `health` has it in it.
    `e2e` says whether phones without end-to-end encryption may come.
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
    health: HealthConfig = HealthConfig()
    limits: Mapping[str, int] = field(default_factory=dict)
