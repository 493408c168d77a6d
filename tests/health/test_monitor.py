"""The health check reports figures, releases memory, restarts after the third failure, and tests the real path."""

import asyncio
import logging
from dataclasses import replace

import pytest

from mobifai.config import HealthConfig
from mobifai.health.monitor import Monitor
from mobifai.health.process_stats import collect_process_stats
from mobifai.health.status import AgentStatus, HealthCheck, PhoneStatus
from mobifai.health.trimmer import Trimmer
from tests.health.sample import PHONE, STATUS


def behind(amount: int, confirmed: int, phone: str = "phone-1") -> PhoneStatus:
    return replace(PHONE, phone=phone, behind_bytes=amount, confirmed=confirmed)


SMALL = replace(STATUS, behind_bytes=0, phones=(behind(0, 100),), threads=1, children=0)
LARGE = replace(SMALL, memory_bytes=567 * 10**6)


class Agent:
    """The monitor's view of an agent."""

    def __init__(self, status: AgentStatus = SMALL) -> None:
        self.now = status
        self.round_trip: float | None = 0.001
        self.quiet = True
        self.calls: list[str] = []
        self.checks: list[HealthCheck] = []

    def status(self) -> AgentStatus:
        return self.now

    def checked(self, check: HealthCheck) -> None:
        self.checks.append(check)

    async def relay_round_trip(self) -> float | None:
        if self.round_trip is not None and self.round_trip < 0:
            raise TimeoutError
        return self.round_trip

    def reconnect_relay(self) -> None:
        self.calls.append("reconnect relay")

    def drop_channel(self, phone: str) -> None:
        self.calls.append(f"drop channel of {phone}")

    def is_quiet(self) -> bool:
        return self.quiet

    def restart(self) -> bool:
        self.calls.append("restart")
        return True


class AgentOf(Agent):
    """An agent with a list of statuses, each of which is read once."""

    def __init__(self, statuses: list[AgentStatus]) -> None:
        super().__init__()
        self._statuses = iter(statuses)

    def status(self) -> AgentStatus:
        try:
            return next(self._statuses)
        except StopIteration:
            raise asyncio.CancelledError from None


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def test_the_check_is_logged_in_its_words(log: pytest.LogCaptureFixture) -> None:
    await Monitor(Agent(), HealthConfig()).check()
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
        "round trip 1.0 ms",
    ):
        assert word in log.text


async def test_high_memory_is_warned_of_and_given_back(log: pytest.LogCaptureFixture) -> None:
    await Monitor(AgentOf([LARGE, SMALL]), HealthConfig()).check()
    assert "⚠️  High memory usage detected: 567MB" in log.text
    assert "gave 333MB back" in log.text


@pytest.mark.parametrize(("limit_mb", "warned"), [(566, True), (567, False), (568, False)])
async def test_the_limit_itself_is_still_fine(log: pytest.LogCaptureFixture, limit_mb: int, warned: bool) -> None:
    await Monitor(Agent(LARGE), HealthConfig(memory_limit_bytes=limit_mb * 10**6)).check()
    assert ("High memory" in log.text) == warned


async def run_checks(agent: Agent, sleeps: list[float] | None = None) -> None:
    """Let the monitor run over the agent's statuses, two for a check above the limit, and stop."""

    async def sleep(seconds: float) -> None:
        if sleeps is not None:
            sleeps.append(seconds)
        if seconds < 600:
            agent.quiet = True

    with pytest.raises(asyncio.CancelledError):
        await Monitor(agent, HealthConfig(), sleep).run()


async def test_three_strikes_in_a_row_restart_at_the_next_quiet_moment() -> None:
    agent, sleeps = AgentOf([LARGE] * 6), []
    agent.quiet = False
    await run_checks(agent, sleeps)
    assert agent.calls == ["restart"]
    assert [seconds for seconds in sleeps if seconds < 600] == [1.0]


async def test_two_strikes_and_a_good_check_restart_nothing() -> None:
    agent = AgentOf([LARGE, LARGE, LARGE, LARGE, SMALL, LARGE, LARGE, LARGE, LARGE])
    await run_checks(agent)
    assert agent.calls == []


async def test_two_strikes_and_a_check_that_freed_enough_restart_nothing() -> None:
    agent = AgentOf([LARGE, LARGE, LARGE, LARGE, LARGE, SMALL, LARGE, LARGE, LARGE, LARGE])
    await run_checks(agent)
    assert agent.calls == []


async def test_a_check_is_returned_and_kept_with_what_it_measured() -> None:
    agent = Agent()
    check = await Monitor(agent, HealthConfig()).check()
    assert agent.checks == [check]
    assert (check.memory_bytes, check.terminals, check.relay_round_trip_s) == (234 * 10**6, 3, 0.001)


async def test_a_relay_that_returns_nothing_is_reconnected() -> None:
    agent = Agent()
    agent.round_trip = -1
    await Monitor(agent, HealthConfig()).check()
    assert agent.calls == ["reconnect relay"]


async def test_a_channel_on_which_the_phone_confirms_nothing_between_two_checks_is_dropped() -> None:
    agent = Agent()
    monitor = Monitor(agent, HealthConfig())
    agent.now = replace(SMALL, phones=(behind(50, 100),))
    await monitor.check()
    assert agent.calls == []
    await monitor.check()
    assert agent.calls == ["drop channel of phone-1"]


async def test_only_the_channel_of_the_phone_that_confirms_nothing_is_dropped() -> None:
    agent = Agent()
    monitor = Monitor(agent, HealthConfig())
    agent.now = replace(SMALL, phones=(behind(50, 100, "stuck"), behind(50, 7, "well")))
    await monitor.check()
    agent.now = replace(SMALL, phones=(behind(50, 100, "stuck"), behind(50, 8, "well")))
    await monitor.check()
    assert agent.calls == ["drop channel of stuck"]


@pytest.mark.parametrize(
    "second",
    [replace(SMALL, phones=(behind(50, 101),)), replace(SMALL, phones=(behind(0, 100),)), replace(SMALL, phones=())],
)
async def test_the_channel_of_a_phone_that_confirmed_something_is_kept(second: AgentStatus) -> None:
    agent = Agent()
    monitor = Monitor(agent, HealthConfig())
    agent.now = replace(SMALL, phones=(behind(50, 100),))
    await monitor.check()
    agent.now = second
    await monitor.check()
    assert agent.calls == []


class Terminals:
    def __init__(self, trimmed: int) -> None:
        self.trimmed = trimmed
        self.asked: list[tuple[float, int]] = []

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        self.asked.append((inactive_seconds, keep_bytes))
        return self.trimmed


def test_the_trimmer_logs_what_it_did(log: pytest.LogCaptureFixture) -> None:
    target = Terminals(2)
    Trimmer(target, HealthConfig(), lambda: 234 * 10**6).trim()
    assert target.asked == [(300, 10_000)]
    assert (
        "🧹 Memory check: 234MB / 512MB\n"
        "   Cleared buffers for 2 inactive process(es)\n"
        "   Running garbage collection..." in log.text
    )


def test_a_trimmer_that_did_nothing_logs_nothing(log: pytest.LogCaptureFixture) -> None:
    Trimmer(Terminals(0), HealthConfig(), lambda: 0).trim()
    assert log.text == ""


async def test_process_stats_count_descriptors_memory_and_tasks() -> None:
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
