"""The figures are served to this machine, in Prometheus' format, and agree with the status."""

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mobifai.errors import StateError
from mobifai.health.metrics import metrics_server
from mobifai.health.status import AgentStatus
from mobifai.limits import TERMINALS
from tests.health.sample import STATUS


def status() -> AgentStatus:
    return STATUS


async def test_the_figures_can_be_scraped() -> None:
    async with metrics_server(0, status) as port, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
            text = await response.text()
        figures = {
            (sample.name, sample.labels.get("bound", sample.labels.get("kind"))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    assert figures["mobifai_terminals", None] == 3
    assert figures["mobifai_buffer_bytes", None] == 45_000
    assert figures["mobifai_webrtc_connected", None] == 1
    assert figures["mobifai_bound_used", "terminals"] == 3
    assert figures["mobifai_bound_capacity", "terminals"] == TERMINALS.value
    assert figures["mobifai_memory_bytes", None] == 234 * 10**6
    assert figures["mobifai_phone_behind_bytes", None] == 50
    assert figures["mobifai_descriptors", "socket"] == 9


async def test_a_taken_port_is_named() -> None:
    async with metrics_server(0, status) as port:
        with pytest.raises(StateError, match=str(port)):
            async with metrics_server(port, status):
                pass
