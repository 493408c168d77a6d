"""The agent's figures for Prometheus, served on loopback."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from mobifai.bounds import Entry
from mobifai.errors import StateError
from mobifai.health.figure import Figure, figures
from mobifai.health.status import AgentStatus

BOUND_FIELDS = ("used", "peak", "capacity", "evicted", "refused")


class StatusCollector:
    """Prometheus collector that reads the status at each scrape and stores nothing."""

    def __init__(self, status: Callable[[], AgentStatus]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield a Prometheus metric for every figure of the status that declares a name for one."""
        status = self._status()
        for name, figure, value in figures(status):
            if name == "bounds":
                yield from _bound_metrics(figure, value)
            elif name == "descriptors_by_kind":
                yield _by_kind(figure, value or {"all": status.descriptors})
            elif figure.metric and (number := figure.number(value)) is not None:
                yield GaugeMetricFamily(figure.metric, figure.description, number)


def _by_kind(figure: Figure, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(figure.metric, figure.description, labels=["kind"])
    for kind, count in counts.items():
        family.add_metric([kind], count)
    return family


def _bound_metrics(figure: Figure, bounds: tuple[Entry, ...]) -> Iterator[Metric]:
    for name in BOUND_FIELDS:
        family = GaugeMetricFamily(f"{figure.metric}_{name}", f"Limits: {name}", labels=["bound", "unit"])
        for entry in bounds:
            family.add_metric([entry.name, entry.unit], getattr(entry, name))
        yield family


@asynccontextmanager
async def metrics_server(port: int, status: Callable[[], AgentStatus]) -> AsyncIterator[int]:
    """Serve the figures at `GET /metrics` on loopback within this scope. Yield the port.

    `status` reads the present status. Raises StateError if the port is in use.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))

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
