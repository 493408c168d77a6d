"""Builds the agent's `AgentStatus` (see `health/status.py`), and the message with its main figures for phones."""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence

from mobifai import __version__
from mobifai.bounds import Entry, Ledger
from mobifai.config import Config
from mobifai.health.figure import Shown, labelled, part
from mobifai.health.process_stats import ProcessStats, collect_process_stats
from mobifai.health.status import AgentStatus, HealthCheck, PhoneStatus, RelayStatus, TerminalStatus
from mobifai.protocol import messages
from mobifai.protocol.agent_pairing import Pairing, PairingStage
from mobifai.session.session import Session
from mobifai.session.sessions import Sessions
from mobifai.terminals.listing import exit_of
from mobifai.terminals.tabs import Tabs
from mobifai.terminals.terminal import Terminal
from mobifai.transport.relay_address import RelayTarget

REUSE_SECONDS = 1.0
"""How long, in seconds, the figures of the process are reused to answer phones' health requests. Reading them takes
milliseconds, and the phone page asks repeatedly."""

_PROGRESS = tuple(PairingStage)
"""The stages of a pairing in their order. Of all registrations, the status shows the stage that comes last in this
order."""


def phone_status(session: Session) -> PhoneStatus:
    """Return the status of the phone that a session serves."""
    peer, path = session.transports.connector.peer, session.path
    idle = asyncio.get_running_loop().time() - session.outbound.last_sent
    return PhoneStatus(
        phone=session.device_id,
        path=path,
        e2e=session.is_encrypted,
        webrtc="connected" if session.transports.channel_open else "disconnected",
        behind_bytes=peer.behind_bytes if peer is not None and peer.open else None,
        confirmed=peer.confirmed if peer is not None else 0,
        phone_idle_s=None if path is None else round(idle, 1),
    )


class StatusReader:
    """Reads the agent's status.

    `last_check` is the last health check, which is part of the status. Its setter is `Vitals.checked`.
    """

    def __init__(
        self,
        config: Config,
        relay_target: RelayTarget,
        ledger: Ledger,
        keeper_pid: int | None,
        problems: Iterable[str],
        fingerprint: str,
        pairings: Sequence[Pairing],
        sessions: Sessions,
        tabs: Tabs,
    ) -> None:
        self._config = config
        self._relay_target = relay_target
        self._ledger = ledger
        self._keeper_pid = keeper_pid
        self._problems = problems
        self._fingerprint = fingerprint
        self._pairings = pairings
        self._sessions = sessions
        self._tabs = tabs
        self._started = time.monotonic()
        self._process: tuple[float, ProcessStats] | None = None
        self.last_check: HealthCheck | None = None

    def phones(self) -> tuple[PhoneStatus, ...]:
        """Return the status of each phone with an open session, oldest session first. This takes little time."""
        return tuple(map(phone_status, self._sessions.open))

    def read(self, reuse_seconds: float = 0.0) -> AgentStatus:
        """Read and return the status.

        Figures of the process are reused if they are less than `reuse_seconds` old. Raises OSError if they can't be
        read.
        """
        phones = self.phones()
        return AgentStatus(
            **part(ProcessStats, self._read_process(reuse_seconds)),
            **part(PhoneStatus, phones[-1] if phones else self._pairing_phone()),
            **part(RelayStatus, self._relay()),
            version=__version__,
            agent_pid=os.getpid(),
            keeper_pid=self._keeper_pid,
            problems=tuple(self._problems),
            uptime_s=round(time.monotonic() - self._started, 1),
            memory_limit_bytes=self._config.health.memory_limit_bytes,
            phones=phones,
            fingerprint=self._fingerprint,
            e2e_mode=self._config.e2e,
            terminals=tuple(map(_terminal_status, self._tabs.terminals)),
            buffer_bytes=self._tabs.buffer_bytes,
            last_check=self.last_check,
            worst_case_bytes=self._ledger.worst_case_bytes,
            bounds=tuple(self._ledger.entries()),
        )

    def health(self) -> messages.Health:
        """Return the answer to a phone's `system:health`. Raises OSError if the process' figures can't be read."""
        return health_message(self.read(REUSE_SECONDS))

    def _pairing_phone(self) -> PhoneStatus:
        """Return the status of the phone that pairs but is not connected yet. Its `phone` is None if no phone pairs."""
        members = self._sessions.members
        return PhoneStatus(phone=members[-1].device_id if members else None)

    def _read_process(self, reuse_seconds: float) -> ProcessStats:
        now = time.monotonic()
        if self._process is None or now - self._process[0] >= reuse_seconds:
            self._process = (now, collect_process_stats())
        return self._process[1]

    def _relay(self) -> RelayStatus:
        return RelayStatus(
            relay=max((pairing.stage for pairing in self._pairings), key=_PROGRESS.index).value,
            relay_url=self._relay_target.public_url,
            own_relay_url=self._relay_target.url if self._relay_target.relay is not None else None,
        )


def _terminal_status(terminal: Terminal) -> TerminalStatus:
    return TerminalStatus(
        uuid=terminal.uuid,
        name=terminal.tab.name,
        pid=terminal.pid,
        active=terminal.flow.is_watched,
        exited=exit_of(terminal),
    )


def health_message(status: AgentStatus) -> messages.Health:
    """Build the answer to a phone's `system:health` from a status. The answer is small enough for one frame."""
    return messages.Health(
        version=status.version,
        uptime_seconds=status.uptime_s,
        memory_bytes=status.memory_bytes,
        memory_limit_bytes=status.memory_limit_bytes,
        terminals=len(status.terminals),
        worst_case_bytes=status.worst_case_bytes,
        facts=tuple(messages.Fact(fig.label, value, fig.unit) for fig, value in labelled(status, Shown.PAGE)),
        bounds=tuple(map(_bound_state, status.bounds)),
    )


def _bound_state(entry: Entry) -> messages.BoundState:
    """Convert the entry of a limit to a message for phones.

    `used` and `capacity` are sums over all containers of the limit. `peak` is that of the fullest container.
    """
    return messages.BoundState(
        name=entry.name,
        unit=entry.unit,
        used=entry.total,
        peak=entry.peak,
        capacity=entry.capacity * max(1, entry.instances),
        refused=entry.refused,
        evicted=entry.evicted,
    )
