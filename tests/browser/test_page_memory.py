"""The page runs for weeks: what it holds after a hundred reconnections is what it held after half of them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import CDPSession

from tests.browser.scene import answers
from tests.browser.test_coming_back import behind_a_frail_wire
from tests.support.eventually import eventually
from tests.support.phone_page import PhonePage

ROUNDS = 100

CONNECTIONS = """
{
  const made = [];
  const Real = window.RTCPeerConnection;
  if (Real) window.RTCPeerConnection = class extends Real {
    constructor(...given) { super(...given); made.push(new WeakRef(this)); }
  };
  const sockets = [];
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) { super(...given); sockets.push(new WeakRef(this)); }
  };
  const alive = (all) => all.filter((one) => one.deref() !== undefined).length;
  window.__connections = () => ({peers: alive(made), sockets: alive(sockets)});
}
"""


@dataclass(frozen=True)
class Held:
    """What the page holds, after its garbage was collected."""

    heap_bytes: int
    nodes: int
    listeners: int
    peers: int
    sockets: int


async def held(phone: PhonePage, devtools: CDPSession) -> Held:
    """Count until it is the same twice: what was just closed goes with the next collection."""
    now = await _count(phone, devtools)
    for _ in range(20):
        before, now = now, await _count(phone, devtools)
        if (now.nodes, now.listeners, now.peers, now.sockets) == (
            before.nodes,
            before.listeners,
            before.peers,
            before.sockets,
        ):
            break
        await asyncio.sleep(0.2)
    return now


async def _count(phone: PhonePage, devtools: CDPSession) -> Held:
    for _ in range(2):
        await devtools.send("HeapProfiler.collectGarbage")
    told = {one["name"]: one["value"] for one in (await devtools.send("Performance.getMetrics"))["metrics"]}
    there = await phone.page.evaluate("window.__connections()")
    return Held(
        int(told["JSHeapUsedSize"]), int(told["Nodes"]), int(told["JSEventListeners"]), there["peers"], there["sockets"]
    )


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", ["channel", "relay"])
async def test_a_hundred_reconnections_leave_nothing_behind(tmp_path: Path, way: str) -> None:
    async with behind_a_frail_wire(tmp_path, way, CONNECTIONS) as (wire, here):
        devtools = await here.browser.context.new_cdp_session(here.phone.page)
        await devtools.send("Performance.enable")
        seen = []
        for number in range(1, ROUNDS + 1):
            before = wire.connections
            await wire.cut()
            await eventually(lambda before=before: wire.connections > before, 30)
            await here.phone.ready(way)
            await answers(here.phone)
            if number % 10 == 0:
                seen.append(await held(here.phone, devtools))
        print("\n".join(map(str, seen)))
        early, late = seen[len(seen) // 2 - 2 : len(seen) // 2], seen[-2:]
        for name in ("nodes", "listeners", "peers", "sockets"):
            assert min(getattr(one, name) for one in late) <= max(getattr(one, name) for one in early), name
        assert min(one.heap_bytes for one in late) <= max(one.heap_bytes for one in early) * 1.1
