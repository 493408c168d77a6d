"""Counts the Python objects and the C heap of this process. Keeps nothing between two counts.

All numbers are exact: blocks of the object allocator, bytes in use on the C heap, objects by type, tasks by coroutine,
threads and handlers by name.
"""

import asyncio
import collections
import gc
import logging
import sys
import threading
from collections.abc import Iterable, Mapping

from mobifai.bounds import Ledger
from mobifai.health.process_stats import heap_in_use
from soak.inside.tidy import tidy

CANARIES = frozenset(
    {
        "mobifai.session.session.Session",
        "mobifai.terminals.feed.TerminalFeed",
        "mobifai.terminals.terminal.Terminal",
        "mobifai.terminals.pty.Pty",
        "mobifai.transport.peer_connection.PeerConnection",
        "mobifai.assistant.conversation.Conversation",
        "mobifai.assistant.loop.AgentLoop",
        "mobifai.relay.websocket_connection.WebSocketConnection",
        "mobifai.relay.local_connection.LocalConnection",
        "aiortc.rtcpeerconnection.RTCPeerConnection",
        "aiortc.rtcsctptransport.RTCSctpTransport",
        "mobifai.webrtc.sctp.FastSctpTransport",
        "mobifai.webrtc.dtls.FastDtlsTransport",
        "aiortc.rtcdtlstransport.RTCDtlsTransport",
        "aiortc.rtcdatachannel.RTCDataChannel",
        "aioice.ice.Connection",
        "mobifai.terminals.ring_memory.RingMemory",
        "mobifai.terminals.output_cursor.OutputCursor",
        "mobifai.terminals.child_watcher.ChildWatcher",
        "mobifai.terminals.keeper_shells.HeldShell",
        "ptyprocess.ptyprocess.PtyProcess",
    }
)
"""Types whose objects must end with a phone, a terminal, a conversation or the agent's connection to its own relay."""

LISTENERS = ("link.listeners",)
"""Entries of the ledger that count listeners."""


def count(ledger: Ledger, *, disturb: bool) -> dict[str, float]:
    """Return the values of a process with an event loop and a ledger, named as in `soak.gauges.gauge.GAUGES`.

    With `disturb`, garbage is collected and the caches of libraries are emptied before counting. The value
    `uncollected` is the number of collected objects.
    """
    return {**count_process(disturb=disturb), **_named("tasks", _tasks()), **_ledger(ledger)}


def count_process(*, disturb: bool) -> dict[str, float]:
    """Return the values that can be counted in every process, with or without an event loop.

    With `disturb`, garbage is collected and the caches of libraries are emptied before counting.
    """
    uncollected = _collect() if disturb else 0
    blocks, heap = sys.getallocatedblocks(), heap_in_use()
    values: dict[str, float] = {"python.blocks": blocks, "uncollected": uncollected}
    if heap is not None:
        values["heap.bytes"] = heap
    values.update(_types())
    values.update(_named("threads", (_family(thread.name) for thread in threading.enumerate())))
    return {**values, "garbage": len(gc.garbage), "frozen": gc.get_freeze_count(), "handlers": _handlers()}


def _collect() -> int:
    found = gc.collect()
    tidy()
    return found + gc.collect()


def _types() -> Mapping[str, float]:
    """Return the number of objects that the garbage collector tracks, by type, as `types:NAME`.

    Those of the types in CANARIES are also given as `canaries:NAME`.
    """
    types: dict[type, list[None]] = {}  # lists, not numbers: 200,000 numbers would be as many blocks
    for thing in gc.get_objects():
        kind = type(thing)
        if kind in types:
            types[kind].append(None)
        else:
            types[kind] = [None]
    found: dict[str, float] = {}
    for kind, members in types.items():
        amount = len(members)
        name = f"{kind.__module__}.{kind.__qualname__}"
        found[f"types:{name}"] = found.get(f"types:{name}", 0) + amount
        if name in CANARIES:
            found[f"canaries:{name}"] = amount
    return found


def _tasks() -> Iterable[str]:
    for task in asyncio.all_tasks():
        coroutine = task.get_coro()
        yield getattr(coroutine, "__qualname__", type(coroutine).__name__)


def _family(name: str) -> str:
    """Return a thread's name without the number at its end, so that threads of one pool are counted together."""
    return name.rstrip("0123456789").rstrip("-_") or name


def _ledger(ledger: Ledger) -> Mapping[str, float]:
    entries = ledger.entries()
    found: dict[str, float] = {f"instances:{entry.name}": entry.instances for entry in entries}
    found.update({f"listeners:{entry.name}": entry.total for entry in entries if entry.name in LISTENERS})
    return found


def _handlers() -> int:
    loggers = [logging.root, *(known for known in logging.root.manager.loggerDict.values())]
    return sum(len(logger.handlers) for logger in loggers if isinstance(logger, logging.Logger))


def _named(family: str, members: Iterable[str]) -> Mapping[str, float]:
    return {f"{family}:{member}": amount for member, amount in collections.Counter(members).items()}
