"""How the agent is, for a phone that asks: small enough for one frame, and cheap, since a page asks again and again."""

from mobifai import __version__
from mobifai.bounds import Ledger
from mobifai.bounds.ledger import Entry
from mobifai.health.process_stats import memory_in_use
from mobifai.protocol import messages as wire


def health(ledger: Ledger, terminals: int, uptime_seconds: float, memory_limit_bytes: int) -> wire.Health:
    """What `system:health` answers. Raises OSError when the system does not tell."""
    return wire.Health(
        version=__version__,
        uptime_seconds=round(uptime_seconds, 1),
        memory_bytes=memory_in_use(),
        memory_limit_bytes=memory_limit_bytes,
        terminals=terminals,
        worst_case_bytes=ledger.worst_case_bytes,
        bounds=tuple(map(_state, ledger.entries())),
    )


def _state(entry: Entry) -> wire.BoundState:
    """All containers of a limit together; the peak is of the fullest."""
    return wire.BoundState(
        name=entry.name,
        unit=entry.unit,
        used=entry.total,
        peak=entry.peak,
        capacity=entry.capacity * max(1, entry.instances),
        refused=entry.refused,
        evicted=entry.evicted,
    )
