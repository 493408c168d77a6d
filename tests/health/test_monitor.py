"""The health check says what there is, gives memory back, restarts at the third strike, and tests the real path."""

import asyncio
import logging
from dataclasses import replace

import pytest

from mobifai.config import HealthConfig
from mobifai.health.monitor import Monitor, Vitals
from mobifai.health.process_stats import ProcessStats, collect_process_stats
from mobifai.health.trimmer import Trimmer

SMALL = ProcessStats(234 * 10**6, 10**6, 26, {"socket": 9}, 1, 19, 0, 1.5)
LARGE = replace(SMALL, memory_bytes=567 * 10**6)
VITALS = Vitals(terminals=3, buffer_bytes=45_000, webrtc="connected", behind_bytes=0, confirmed=100)


class Agent:
    """An agent as its monitor sees it."""

    def __init__(self) -> None:
        self.now = VITALS
        self.round_trip: float | None = 0.001
        self.quiet = True
        self.told: list[str] = []

    def vitals(self) -> Vitals:
        return self.now

    async def relay_round_trip(self) -> float | None:
        if self.round_trip is not None and self.round_trip < 0:
            raise TimeoutError
        return self.round_trip

    def relay_is_deaf(self) -> None:
        self.told.append("relay is deaf")

    def phone_is_deaf(self) -> None:
        self.told.append("phone is deaf")

    def is_quiet(self) -> bool:
        return self.quiet

    def restart(self) -> bool:
        self.told.append("restart")
        return True


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def test_the_check_is_logged_in_its_words(log: pytest.LogCaptureFixture) -> None:
    await Monitor(Agent(), HealthConfig(), lambda: SMALL).check()
    assert (
        "💓 Health Check\n   Memory: 234MB / 512MB\n   Processes: 3\n   Buffer Size: 45KB\n   WebRTC: Connected\n"
        in log.text
    )
    for word in (
        "Descriptors: 26",
        "threads: 1",
        "tasks: 19",
        "children: 0",
        "CPU:",
        "uptime:",
        "1.0 ms there and back",
    ):
        assert word in log.text


async def test_high_memory_is_warned_of_and_given_back(log: pytest.LogCaptureFixture) -> None:
    counts = iter([LARGE, SMALL])
    monitor = Monitor(Agent(), HealthConfig(), lambda: next(counts))
    await monitor.check()
    assert "⚠️  High memory usage detected: 567MB" in log.text
    assert "333MB given back" in log.text


@pytest.mark.parametrize(("limit_mb", "warned"), [(566, True), (567, False), (568, False)])
async def test_the_limit_itself_is_still_fine(log: pytest.LogCaptureFixture, limit_mb: int, warned: bool) -> None:
    await Monitor(Agent(), HealthConfig(memory_limit_bytes=limit_mb * 10**6), lambda: LARGE).check()
    assert ("High memory" in log.text) == warned


async def run_checks(agent: Agent, counts: list[ProcessStats], sleeps: list[float] | None = None) -> None:
    """Let the monitor run over these counts, two for a check above the limit, and stop."""
    source = iter(counts)

    async def sleep(seconds: float) -> None:
        if sleeps is not None:
            sleeps.append(seconds)
        if seconds < 600:
            agent.quiet = True

    def count() -> ProcessStats:
        try:
            return next(source)
        except StopIteration:
            raise asyncio.CancelledError from None

    with pytest.raises(asyncio.CancelledError):
        await Monitor(agent, HealthConfig(), count, sleep).run()


async def test_three_strikes_in_a_row_restart_at_the_next_quiet_moment() -> None:
    agent, sleeps = Agent(), []
    agent.quiet = False
    await run_checks(agent, [LARGE] * 6, sleeps)
    assert agent.told == ["restart"]
    assert [seconds for seconds in sleeps if seconds < 600] == [1.0]


async def test_two_strikes_and_a_good_check_restart_nothing() -> None:
    agent = Agent()
    await run_checks(agent, [LARGE, LARGE, LARGE, LARGE, SMALL, LARGE, LARGE, LARGE, LARGE])
    assert agent.told == []


async def test_a_deaf_relay_is_connected_anew() -> None:
    agent = Agent()
    agent.round_trip = -1
    await Monitor(agent, HealthConfig(), lambda: SMALL).check()
    assert agent.told == ["relay is deaf"]


async def test_a_phone_that_takes_nothing_between_two_checks_is_deaf() -> None:
    agent = Agent()
    monitor = Monitor(agent, HealthConfig(), lambda: SMALL)
    agent.now = replace(VITALS, behind_bytes=50, confirmed=100)
    await monitor.check()
    assert agent.told == []
    await monitor.check()
    assert agent.told == ["phone is deaf"]


@pytest.mark.parametrize(
    "second",
    [replace(VITALS, behind_bytes=50, confirmed=101), replace(VITALS, behind_bytes=0, confirmed=100)],
)
async def test_a_phone_that_took_something_is_not_deaf(second: Vitals) -> None:
    agent = Agent()
    monitor = Monitor(agent, HealthConfig(), lambda: SMALL)
    agent.now = replace(VITALS, behind_bytes=50, confirmed=100)
    await monitor.check()
    agent.now = second
    await monitor.check()
    assert agent.told == []


class House:
    def __init__(self, trimmed: int) -> None:
        self.trimmed = trimmed
        self.asked: list[tuple[float, int]] = []

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        self.asked.append((inactive_seconds, keep_bytes))
        return self.trimmed


def test_housekeeping_says_what_it_did(log: pytest.LogCaptureFixture) -> None:
    house = House(2)
    Trimmer(house, HealthConfig(), lambda: 234 * 10**6).tidy()
    assert house.asked == [(300, 10_000)]
    assert (
        "🧹 Memory check: 234MB / 512MB\n"
        "   Cleared buffers for 2 inactive process(es)\n"
        "   Running garbage collection..." in log.text
    )


def test_housekeeping_that_did_nothing_says_nothing(log: pytest.LogCaptureFixture) -> None:
    Trimmer(House(0), HealthConfig(), lambda: 0).tidy()
    assert log.text == ""


async def test_the_census_counts_what_is_there() -> None:
    before = collect_process_stats()
    _reader, writer = await asyncio.open_connection(*(await a_server()))
    try:
        after = collect_process_stats()
        assert after.descriptors > before.descriptors
        assert after.descriptors_by_kind.get("socket", 2) >= before.descriptors_by_kind.get("socket", 0) + 2
        assert after.memory_bytes > 10**6
        assert after.tasks >= 1
    finally:
        writer.close()
        await writer.wait_closed()
        SERVERS.pop().close()


SERVERS: list[asyncio.Server] = []


async def a_server() -> tuple[str, int]:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    SERVERS.append(server)
    return server.sockets[0].getsockname()[:2]
