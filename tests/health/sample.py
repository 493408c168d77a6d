"""An agent's status with a value in every field."""

from mobifai.bounds import Ledger
from mobifai.health.figure import part
from mobifai.health.process_stats import ProcessStats
from mobifai.health.status import AgentStatus, HealthCheck, PhoneStatus, TerminalStatus
from mobifai.limits import TERMINALS
from mobifai.protocol.messages import Exit

PROCESS = ProcessStats(
    memory_bytes=234 * 10**6,
    heap_bytes=10**6,
    descriptors=26,
    descriptors_by_kind={"socket": 9, "pipe": 17},
    threads=2,
    tasks=19,
    children=4,
    cpu_seconds=1.5,
)
PHONE = PhoneStatus(
    phone="phone-1", path="channel", e2e=True, webrtc="connected", behind_bytes=50, confirmed=100, phone_idle_s=3.5
)


def a_ledger() -> Ledger:
    """A ledger that counts three terminals."""
    ledger = Ledger()
    ledger.open(TERMINALS).set(3)
    return ledger


LEDGER = a_ledger()
CHECK = HealthCheck(
    **part(ProcessStats, PROCESS),
    **part(PhoneStatus, PHONE),
    uptime_s=3600.0,
    terminals=3,
    buffer_bytes=45_000,
    cpu_percent=12.5,
    relay_round_trip_s=0.001,
)
STATUS = AgentStatus(
    **part(ProcessStats, PROCESS),
    **part(PhoneStatus, PHONE),
    relay="paired",
    relay_url="https://relay.example",
    own_relay_url="http://127.0.0.1:8765",
    phones=(PhoneStatus(phone="phone-0", path="relay"), PHONE),
    version="1.2.3",
    agent_pid=1234,
    keeper_pid=1233,
    problems=("no space left on the disk",),
    uptime_s=7200.0,
    memory_limit_bytes=512 * 10**6,
    fingerprint="ab:cd",
    e2e_mode="require",
    terminals=(
        TerminalStatus(uuid="t-1", name="build", pid=11, active=True),
        TerminalStatus(uuid="t-2", name="logs", pid=12, active=False, exited=Exit(status=3)),
        TerminalStatus(uuid="t-3", name="editor", pid=13, active=False, exited=Exit(signal="SIGHUP")),
    ),
    buffer_bytes=45_000,
    last_check=CHECK,
    worst_case_bytes=LEDGER.worst_case_bytes,
    bounds=tuple(LEDGER.entries()),
)
