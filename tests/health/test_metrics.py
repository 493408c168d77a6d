"""The figures are served to this machine, in Prometheus' format, and agree with the ledger."""

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mobifai.bounds import Ledger
from mobifai.errors import StateError
from mobifai.health.metrics import metrics_server
from mobifai.health.monitor import Vitals
from mobifai.limits import TERMINALS

VITALS = Vitals(terminals=3, buffer_bytes=45_000, webrtc="connected", behind_bytes=None, confirmed=0)


async def test_the_figures_can_be_scraped() -> None:
    ledger = Ledger()
    bound = ledger.open(TERMINALS)
    bound.set(3)
    async with metrics_server(0, ledger, lambda: VITALS) as port, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
            text = await response.text()
        figures = {
            (sample.name, sample.labels.get("bound")): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    assert figures["mobifai_terminals", None] == 3
    assert figures["mobifai_buffer_bytes", None] == 45_000
    assert figures["mobifai_webrtc_connected", None] == 1
    assert figures["mobifai_bound_used", "terminals"] == 3
    assert figures["mobifai_bound_capacity", "terminals"] == TERMINALS.value
    assert figures["mobifai_memory_bytes", None] > 10**6


async def test_a_taken_port_is_named() -> None:
    async with metrics_server(0, Ledger(), lambda: VITALS) as port:
        with pytest.raises(StateError, match=str(port)):
            async with metrics_server(port, Ledger(), lambda: VITALS):
                pass
