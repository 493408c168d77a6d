"""The command for a plan: parsing it gives the same plan."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.command import soak
from soak.duration import LONGEST, SHORTEST, Duration, duration_text
from soak.option_types import FASTEST, MOST_CYCLES, MOST_PHONES
from soak.options import TABLE, plan_of
from soak.plants import plants
from soak.run.plan import LARGEST_SEED, SoakPlan
from soak.run.replay import scenario_command, soak_command, watch_command
from soak.scenarios import scenarios
from tests.support.shell_words import shell_words

durations = st.floats(SHORTEST, LONGEST) | st.integers(1, LONGEST).map(float)
lengths = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"duration": durations}),
    st.fixed_dictionaries({"cycles": st.integers(1, MOST_CYCLES)}),
)
plans = st.builds(
    lambda length, **more: SoakPlan(**more, **length),
    length=lengths,
    scenarios=st.lists(st.sampled_from(scenarios()), min_size=1, unique=True).map(tuple),
    seed=st.integers(0, LARGEST_SEED),
    time_scale=st.floats(1, FASTEST) | st.integers(1, int(FASTEST)).map(float),
    phones=st.integers(1, MOST_PHONES),
    memray=st.booleans(),
    plant=st.none() | st.sampled_from([one.name for one in plants()]),
    fail_fast=st.booleans(),
)


def parsed(command: str) -> SoakPlan:
    """Return the plan of a command line."""
    program, name, *words = shell_words(command)
    assert (program, name) == ("mobifai", "soak")
    with soak.make_context("soak", words) as context:
        assert TABLE.check(context) == ""
        return plan_of(context.params)


@given(plans)
def test_the_command_of_a_plan_is_parsed_as_the_same_plan(plan: SoakPlan) -> None:
    assert parsed(soak_command(plan)) == plan


@given(durations)
def test_a_length_of_time_is_read_as_exactly_what_was_written(seconds: float) -> None:
    assert Duration().convert(duration_text(seconds), None, None) == seconds


@given(plans, st.integers(0, 1000))
def test_the_command_of_one_scenario_is_the_run_with_that_scenario_alone(plan: SoakPlan, cycles: int) -> None:
    name = plan.scenarios[-1]
    again = parsed(scenario_command(plan, name, cycles))
    assert again.scenarios == (name,)
    assert (again.seed, again.time_scale, again.phones, again.plant) == (
        plan.seed, plan.time_scale, plan.phones, plan.plant,
    )  # fmt: skip
    if plan.duration is not None and len(plan.scenarios) > 1:
        assert (again.duration, again.cycles) == (None, max(1, cycles))  # the other scenarios had a part of the time
    else:
        assert (again.duration, again.cycles) == (plan.duration, plan.cycles)


@given(plans, st.integers(1, 100))
def test_a_later_seed_is_one_that_the_command_line_takes(plan: SoakPlan, number: int) -> None:
    later = plan.later(number)
    assert later.seed != plan.seed
    assert parsed(soak_command(later)) == later


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.1, "0.1s"), (90.0, "90s"), (3600.0, "1h"), (5400.0, "90m"), (86_400.0, "1d")],
)
def test_lengths_of_time_are_written_as_people_write_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(durations)
def test_the_command_of_a_watch_names_the_agent_from_everywhere(seconds: float) -> None:
    words = shell_words(watch_command(Path("a person's agent"), seconds))
    with soak.make_context("soak", words[2:]) as context:
        assert TABLE.check(context) == "attach"
        assert (context.params["attach"], context.params["duration"]) == (Path.cwd() / "a person's agent", seconds)


def test_no_command_has_a_path_in_it() -> None:
    assert str(Path("/")) not in soak_command(SoakPlan(scenarios(), 1, plant="zombie"))
