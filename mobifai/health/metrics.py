"""The live figures for Prometheus, on loopback."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from mobifai.bounds import Ledger
from mobifai.errors import StateError
from mobifai.health.monitor import Vitals
from mobifai.health.process_stats import ProcessStats, collect_process_stats


class _MetricsCollector:
    """Collects when asked; keeps nothing."""

    def __init__(self, ledger: Ledger, vitals: Callable[[], Vitals], count: Callable[[], ProcessStats]) -> None:
        self._ledger = ledger
        self._vitals = vitals
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        yield from _census_figures(self._count())
        yield from _vitals_figures(self._vitals())
        yield from _bound_figures(self._ledger)


def _census_figures(census: ProcessStats) -> Iterator[Metric]:
    yield GaugeMetricFamily("mobifai_memory_bytes", "Resident memory of the agent", census.memory_bytes)
    if census.heap_bytes is not None:
        yield GaugeMetricFamily("mobifai_heap_bytes", "C heap in use", census.heap_bytes)
    yield GaugeMetricFamily("mobifai_threads", "Threads", census.threads)
    yield GaugeMetricFamily("mobifai_tasks", "Tasks of the loop", census.tasks)
    yield GaugeMetricFamily("mobifai_children", "Child processes", census.children)
    yield GaugeMetricFamily("mobifai_cpu_seconds", "CPU time used since the start", census.cpu_seconds)
    kinds = GaugeMetricFamily("mobifai_descriptors", "Open descriptors", labels=["kind"])
    for kind, count in (census.descriptors_by_kind or {"all": census.descriptors}).items():
        kinds.add_metric([kind], count)
    yield kinds


def _vitals_figures(vitals: Vitals) -> Iterator[Metric]:
    yield GaugeMetricFamily("mobifai_terminals", "Open terminals", vitals.terminals)
    yield GaugeMetricFamily("mobifai_buffer_bytes", "Kept output of all terminals", vitals.buffer_bytes)
    yield GaugeMetricFamily("mobifai_webrtc_connected", "Whether a data channel is open", vitals.webrtc == "connected")
    yield GaugeMetricFamily("mobifai_phone_behind_bytes", "Sent to the phone, not confirmed", vitals.behind_bytes or 0)


def _bound_figures(ledger: Ledger) -> Iterator[Metric]:
    names = ("used", "peak", "capacity", "evicted", "refused")
    families = {
        name: GaugeMetricFamily(f"mobifai_bound_{name}", f"Bounds: {name}", labels=["bound", "unit"]) for name in names
    }
    for entry in ledger.entries():
        for name, family in families.items():
            family.add_metric([entry.name, entry.unit], getattr(entry, name))
    yield from families.values()


@asynccontextmanager
async def metrics_server(
    port: int, ledger: Ledger, vitals: Callable[[], Vitals], count: Callable[[], ProcessStats] = collect_process_stats
) -> AsyncIterator[int]:
    """Serve `GET /metrics` on loopback for the length of this scope; the port. Raises StateError when it is taken."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_MetricsCollector(ledger, vitals, count))

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            raise StateError(f"--metrics: port {port} can't be used ({error}); choose another, or 0 for any") from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
