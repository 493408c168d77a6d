"""An agent that ends is restarted without end, with growing delays."""

import signal
from itertools import pairwise

import pytest

from mobifai.terminals.keeper_protocol import RESTART_STATUS
from mobifai.terminals.keeper_restarts import LONGEST_DELAY, RestartState

CRASH = -int(signal.SIGSEGV)


def a_state(*, served: bool) -> RestartState:
    made = RestartState()
    made.started(0.0)
    if served:
        made.serves()
    return made


def test_the_delay_grows_to_one_minute_and_stays_there() -> None:
    state, now, delays = a_state(served=True), 0.0, list[float]()
    for _ in range(100_000):
        state.started(now)
        assert state.ended(1, now, has_shells=True) is None
        assert state.start_at is not None
        delays.append(state.start_at - now)
        now = state.start_at
    assert delays[0] < 1
    assert all(earlier <= later + 1e-3 for earlier, later in pairwise(delays))
    assert delays[20] == delays[-1] == LONGEST_DELAY == 60


@pytest.mark.parametrize("status", [0, 1, 2, RESTART_STATUS, CRASH, -int(signal.SIGKILL), -50])
@pytest.mark.parametrize("served", [True, False])
def test_no_end_of_the_agent_ends_the_keeper_while_there_are_shells(status: int, served: bool) -> None:
    state = a_state(served=served)
    assert state.ended(status, 1.0, has_shells=True) is None
    assert state.start_at is not None


@pytest.mark.parametrize("status", [1, 2, 0])
def test_a_first_start_that_is_refused_is_not_repeated_without_shells(status: int) -> None:
    assert a_state(served=False).ended(status, 1.0, has_shells=False) == status


def test_a_first_start_that_is_killed_is_repeated() -> None:
    state = a_state(served=False)
    assert state.ended(CRASH, 1.0, has_shells=False) is None
    assert state.problem == "it ended by SIGSEGV"


def test_an_agent_that_served_once_is_never_given_up() -> None:
    state = a_state(served=True)
    state.ended(0, 1.0, has_shells=False)
    state.started(2.0)
    assert state.ended(1, 3.0, has_shells=False) is None


def test_a_requested_restart_is_immediate_and_no_failure() -> None:
    state = a_state(served=True)
    state.ended(RESTART_STATUS, 5.0, has_shells=True)
    assert (state.start_at, state.failures, state.problem) == (5.0, 0, "")


def test_the_agent_s_explanation_is_the_problem_until_one_serves() -> None:
    state = a_state(served=True)
    state.explain("port 8765 is taken")
    state.ended(1, 5.0, has_shells=True)
    assert state.problem == "port 8765 is taken"
    state.started(6.0)
    state.serves()
    assert state.problem == ""


def test_an_agent_that_served_for_long_resets_the_count_of_failures() -> None:
    state = a_state(served=True)
    for now in (1.0, 2.0, 3.0):
        state.started(now)
        state.serves()
        state.ended(CRASH, now, has_shells=True)
    assert state.failures == 3
    state.started(10.0)
    state.serves()
    state.ended(CRASH, 100.0, has_shells=True)
    assert state.failures == 1
