"""`AgentStatus`: every figure that the agent reports about itself, declared once with its unit and meaning.

The agent builds it (`agent/status.py`). Four renderers show it: `mobifai status` (as text, and all of it with
`--json`), the phone page (`system:health`), Prometheus (`health/metrics.py`) and the log entry of the health check
(`health/monitor.py`).

To add a figure, add a field with its `Figure` here, and set it in `agent/status.py`. With a label, `mobifai status`
(`Shown.LINE`) and the page (`Shown.PAGE`) show it automatically; with a metric, Prometheus does. A test fails while a
renderer lacks a figure that it should show. A field's name is its key in the JSON output, and never changes. A new
field has a default, which `mobifai status` uses for an older agent.
"""

from dataclasses import dataclass
from typing import Annotated

from mobifai.bounds import Entry
from mobifai.health.figure import Figure, Shown
from mobifai.health.process_stats import ProcessStats
from mobifai.protocol.messages import Exit


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalStatus:
    """One open terminal. `pid` is the process id of its shell. `exited` says how the shell ended, if it has."""

    uuid: str
    name: str
    pid: int
    active: bool
    exited: Exit | None = None


@dataclass(frozen=True, kw_only=True)
class PhoneStatus:
    """The connection of one phone. If `path` is None, no phone is connected."""

    phone: Annotated[str | None, Figure("Id of the phone")] = None
    path: Annotated[str | None, Figure("Transport that serves the phone: channel, relay, or none")] = None
    e2e: Annotated[bool, Figure("Whether the phone is encrypted end to end")] = False
    webrtc: Annotated[
        str,
        Figure(
            "State of the data channel: connected or disconnected",
            shown=Shown.LOG,
            metric="mobifai_webrtc_connected",
            number=lambda state: state == "connected",
        ),
    ] = "disconnected"
    behind_bytes: Annotated[
        int | None,
        Figure(
            "Output in the buffer of the data channel, which waits until the phone confirms earlier output",
            "bytes",
            shown=Shown.LOG,
            metric="mobifai_phone_behind_bytes",
            number=lambda behind: behind or 0,
        ),
    ] = None
    confirmed: Annotated[int, Figure("A number that changes whenever the phone confirms output")] = 0
    phone_idle_s: Annotated[float | None, Figure("Time since output was last sent to the phone", "seconds")] = None


@dataclass(frozen=True, kw_only=True)
class RelayStatus:
    """The agent's registration with its relay."""

    relay: Annotated[str, Figure("State of the registration with the relay", shown=Shown.TEXT)]
    relay_url: Annotated[str, Figure("The relay's address for phones", shown=Shown.TEXT)]
    own_relay_url: Annotated[str | None, Figure("Local address of the relay in this process, if there is one")]


@dataclass(frozen=True, kw_only=True)
class HealthCheck(ProcessStats, PhoneStatus):
    """The outcome of one health check: the agent's figures at that time, and the measurements of the check itself."""

    uptime_s: Annotated[float, Figure("Age of the agent", "seconds", shown=Shown.LOG)]
    terminals: Annotated[int, Figure("Open terminals", shown=Shown.LOG)]
    buffer_bytes: Annotated[int, Figure("Kept output of all terminals", "bytes", shown=Shown.LOG)]
    cpu_percent: Annotated[
        float, Figure("CPU use since the previous check; 100 is one core", "percent", shown=Shown.LOG)
    ]
    relay_round_trip_s: Annotated[
        float | None, Figure("Round trip through the relay, if it is connected", "seconds", shown=Shown.LOG)
    ]


@dataclass(frozen=True, kw_only=True)
class AgentStatus(ProcessStats, PhoneStatus, RelayStatus):
    """All figures of the agent at one moment.

    The figures that it inherits from `PhoneStatus` are those of the phone that connected last.
    """

    phones: Annotated[tuple[PhoneStatus, ...], Figure("All connected phones, oldest first", shown=Shown.TEXT)] = ()
    version: Annotated[str, Figure("Version of MobiFai", shown=Shown.TEXT | Shown.PAGE, label="Version")]
    agent_pid: Annotated[int, Figure("Process id of the agent", shown=Shown.TEXT)]
    keeper_pid: Annotated[int | None, Figure("Process id of the keeper, if there is one", shown=Shown.TEXT)]
    problems: Annotated[tuple[str, ...], Figure("Problems that the user should know about", shown=Shown.TEXT)]
    uptime_s: Annotated[float, Figure("Age of the agent", "seconds", shown=Shown.TEXT | Shown.PAGE, label="Uptime")]
    memory_limit_bytes: Annotated[int, Figure("Memory that the agent may use", "bytes", shown=Shown.TEXT | Shown.PAGE)]
    fingerprint: Annotated[str, Figure("Fingerprint of the agent's key", shown=Shown.LINE, label="Key")]
    e2e_mode: Annotated[str, Figure("Whether phones without end-to-end encryption may connect: allow or require")]
    terminals: Annotated[
        tuple[TerminalStatus, ...],
        Figure(
            "The open terminals; the metric is their number",
            shown=Shown.TEXT | Shown.PAGE,
            label="Terminals",
            metric="mobifai_terminals",
            number=len,
        ),
    ]
    buffer_bytes: Annotated[
        int,
        Figure("Kept output of all terminals", "bytes", shown=Shown.TEXT, metric="mobifai_buffer_bytes"),
    ]
    last_check: Annotated[HealthCheck | None, Figure("The last health check", shown=Shown.TEXT)]
    worst_case_bytes: Annotated[
        int,
        Figure("Memory in use if every limit were reached", "bytes", shown=Shown.TEXT | Shown.PAGE, label="Worst case"),
    ]
    bounds: Annotated[
        tuple[Entry, ...], Figure("Use of every limit", shown=Shown.TEXT | Shown.PAGE, metric="mobifai_bound")
    ]
