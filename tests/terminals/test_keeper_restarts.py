"""What follows from the end of an agent: it is started again, soon at first, and never given up."""

import signal
from itertools import pairwise

import pytest

from mobifai.terminals.keeper_protocol import RESTART_STATUS
from mobifai.terminals.keeper_restarts import LONGEST_DELAY, RestartState

CRASH = -int(signal.SIGSEGV)


def lives(*, served: bool) -> RestartState:
    made = RestartState()
    made.begin(0.0)
    if served:
        made.serve()
    return made


def test_the_delay_grows_to_one_minute_and_stays_there() -> None:
    kept, now, delays = lives(served=True), 0.0, list[float]()
    for _ in range(100_000):
        kept.begin(now)
        assert kept.end(1, now, has_shells=True) is None
        assert kept.start_at is not None
        delays.append(kept.start_at - now)
        now = kept.start_at
    assert delays[0] < 1
    assert all(earlier <= later + 1e-3 for earlier, later in pairwise(delays))
    assert delays[20] == delays[-1] == LONGEST_DELAY == 60


@pytest.mark.parametrize("status", [0, 1, 2, RESTART_STATUS, CRASH, -int(signal.SIGKILL), -50])
@pytest.mark.parametrize("served", [True, False])
def test_no_end_of_the_agent_ends_the_keeper_while_there_are_shells(status: int, served: bool) -> None:
    kept = lives(served=served)
    assert kept.end(status, 1.0, has_shells=True) is None
    assert kept.start_at is not None


@pytest.mark.parametrize("status", [1, 2, 0])
def test_a_first_start_that_is_refused_is_not_repeated_without_shells(status: int) -> None:
    assert lives(served=False).end(status, 1.0, has_shells=False) == status


def test_a_first_start_that_is_killed_is_repeated() -> None:
    kept = lives(served=False)
    assert kept.end(CRASH, 1.0, has_shells=False) is None
    assert kept.problem == "it ended by SIGSEGV"


def test_an_agent_that_served_once_is_never_given_up() -> None:
    kept = lives(served=True)
    kept.end(0, 1.0, has_shells=False)
    kept.begin(2.0)
    assert kept.end(1, 3.0, has_shells=False) is None


def test_a_restart_on_purpose_is_at_once_and_no_failure() -> None:
    kept = lives(served=True)
    kept.end(RESTART_STATUS, 5.0, has_shells=True)
    assert (kept.start_at, kept.failures, kept.problem) == (5.0, 0, "")


def test_what_the_agent_says_of_its_end_is_the_problem_until_one_serves() -> None:
    kept = lives(served=True)
    kept.fail("port 8765 is taken")
    kept.end(1, 5.0, has_shells=True)
    assert kept.problem == "port 8765 is taken"
    kept.begin(6.0)
    kept.serve()
    assert kept.problem == ""


def test_a_life_that_lasted_starts_the_count_anew() -> None:
    kept = lives(served=True)
    for now in (1.0, 2.0, 3.0):
        kept.begin(now)
        kept.serve()
        kept.end(CRASH, now, has_shells=True)
    assert kept.failures == 3
    kept.begin(10.0)
    kept.serve()
    kept.end(CRASH, 100.0, has_shells=True)
    assert kept.failures == 1
