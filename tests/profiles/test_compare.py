"""The comparison of two reports: new, gone, larger and smaller culprits, even if their lines have moved."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.comparison import EXIT_STATUS, CauseRow, ProfileComparison, compare, comparison_text
from profiles.results import (
    CodeLocation,
    Culprit,
    ProfileReport,
    ProfileSettings,
    ProfileVerdict,
    ScenarioCoverage,
    Unattributed,
)
from tests.profiles import sample_profiles as samples


def report(*culprits: Culprit, unattributed: list[Unattributed] | None = None) -> ProfileReport:
    return msgspec.structs.replace(samples.found(), culprits=list(culprits), unattributed=unattributed or [])


def with_bytes(per_cycle: float, **changes: object) -> Culprit:
    return msgspec.structs.replace(samples.CONTAINER, bytes_per_cycle=per_cycle, **changes)


def fates(found: ProfileComparison) -> dict[str, list[str]]:
    rows = {"new": found.new, "larger": found.larger, "smaller": found.smaller, "same": found.same, "gone": found.gone}
    return {fate: [row.kind for row in some] for fate, some in rows.items() if some}


def turned(rows: list[CauseRow]) -> list[CauseRow]:
    return [
        msgspec.structs.replace(row, before=row.after, after=row.before, was_at=row.is_at, is_at=row.was_at)
        for row in rows
    ]


EASY = settings(max_examples=50)
"""The time limit for a loaded machine."""


def comparable(one: ProfileReport) -> ProfileReport:
    """Return a report of the usual run with these causes."""
    names = {*(each.scenario for each in one.culprits), *(each.scenario for each in one.unattributed)}
    scenarios = [ScenarioCoverage(name, "judged") for name in names]
    return msgspec.structs.replace(
        one, mode="run", verdict="found", seed=7, environment={}, settings=ProfileSettings(), scenarios=scenarios
    )


reports = st.builds(
    lambda culprits, unattributed: comparable(report(*culprits, unattributed=unattributed)),
    st.lists(samples.culprits, max_size=2), st.lists(samples.open_gauges, max_size=2),
)  # fmt: skip
pairs = st.tuples(reports, reports).map(
    lambda both: tuple(msgspec.structs.replace(one, scenarios=[*both[0].scenarios, *both[1].scenarios]) for one in both)
)


@EASY
@given(reports)
def test_a_report_beside_itself_has_only_what_is_the_same(one: ProfileReport) -> None:
    found = compare(one, one)
    assert not (found.new or found.gone or found.larger or found.smaller)
    assert bool(found.same) == bool(one.culprits or one.unattributed)


@EASY
@given(pairs)
def test_the_other_way_round_everything_is_turned_round(both: tuple[ProfileReport, ProfileReport]) -> None:
    before, after = both
    there, back = compare(before, after), compare(after, before)
    assert there.new == turned(back.gone) and there.gone == turned(back.new)
    assert there.larger == turned(back.smaller) and there.smaller == turned(back.larger)
    assert there.same == turned(back.same)


@EASY
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_within_a_report_does_not_matter(both: tuple[ProfileReport, ProfileReport], chance: Random) -> None:
    before, after = both
    shuffled = chance.sample(after.culprits, len(after.culprits))
    found, again = compare(before, after), compare(before, msgspec.structs.replace(after, culprits=shuffled))
    assert {row.name for row in found.new} == {row.name for row in again.new}
    assert {row.name for row in found.gone} == {row.name for row in again.gone}


@EASY
@given(samples.reports, samples.reports)
def test_a_comparison_is_json_and_comes_back(before: ProfileReport, after: ProfileReport) -> None:
    found = compare(before, after)
    assert msgspec.json.decode(msgspec.json.encode(found), type=ProfileComparison) == found


def test_what_one_of_them_has_is_new_or_gone() -> None:
    empty = report()
    assert fates(compare(empty, samples.found())) == {"new": ["container", "unattributed", "descriptor"]}
    assert fates(compare(samples.found(), empty)) == {"gone": ["container", "unattributed", "descriptor"]}


def test_a_culprit_is_new_even_when_no_rate_is_known() -> None:
    assert fates(compare(report(), report(with_bytes(0, objects_per_cycle=0)))) == {"new": ["container"]}


@pytest.mark.parametrize(
    ("before", "after", "fate"),
    [(90, 100, "same"), (89, 100, "larger"), (100, 90, "same"), (100, 89, "smaller"), (100, 100, "same"),
     (0, 100, "larger"), (100, 0, "smaller"), (float("nan"), 0, "same")],
)  # fmt: skip
def test_rates_are_the_same_within_a_tenth_of_the_larger(before: float, after: float, fate: str) -> None:
    found = compare(report(with_bytes(before, objects_per_cycle=0)), report(with_bytes(after, objects_per_cycle=0)))
    assert fates(found) == {fate: ["container"]}


def test_a_line_that_moved_is_the_same_culprit_and_both_lines_are_reported() -> None:
    found = compare(report(with_bytes(100)), report(with_bytes(100, line=77)))
    (row,) = found.same
    assert row.was_at == samples.CONTAINER.place and row.is_at == CodeLocation(
        samples.CONTAINER.file, 77, row.is_at.function
    )
    assert "soak/plants/python_objects.py:77 ClosureHoldsSession.on_event" in comparison_text(found).plain


@pytest.mark.parametrize("change", [{"kind": "native"}, {"function": "other"}, {"what": "dict"}, {"file": "/b.py"}])
def test_another_kind_function_thing_or_file_is_another_culprit(change: dict[str, str]) -> None:
    found = compare(report(with_bytes(100)), report(with_bytes(100, **change)))
    assert len(found.new) == len(found.gone) == 1


def test_the_same_package_in_another_environment_is_the_same_file() -> None:
    elsewhere = samples.CONTAINER.file.replace("/opt/venv", "/home/x/.venv")
    assert fates(compare(report(with_bytes(9)), report(with_bytes(9, file=elsewhere)))) == {"same": ["container"]}


def test_lines_of_one_function_are_added_up_but_not_those_of_different_scenarios() -> None:
    twice = report(with_bytes(50), with_bytes(50, line=51))
    assert compare(report(with_bytes(100)), twice).same[0].after == 100
    found = compare(report(with_bytes(100)), report(with_bytes(100), with_bytes(60, scenario="mixed")))
    assert found.same[0].after == 100 and found.same[0].scenario == "mixed, terminals"


def test_what_has_no_bytes_is_compared_by_number() -> None:
    more = msgspec.structs.replace(samples.DESCRIPTOR, objects_per_cycle=1.0)
    (row,) = compare(report(samples.DESCRIPTOR), report(more)).larger
    assert (row.before, row.after, row.unit) == (0.5, 1.0, "things")


def test_bytes_that_only_one_report_knows_are_no_growth() -> None:
    found = compare(report(with_bytes(0, objects_per_cycle=2)), report(with_bytes(500, objects_per_cycle=2)))
    assert fates(found) == {"same": ["container"]}


def test_gauges_without_a_culprit_are_compared_in_each_scenario() -> None:
    more = msgspec.structs.replace(samples.OPEN, per_cycle=96)
    other = msgspec.structs.replace(samples.OPEN, scenario="mixed")
    found = compare(report(unattributed=[samples.OPEN]), report(unattributed=[more, other]))
    assert [(row.name, row.scenario) for row in found.larger] == [("heap.bytes", "terminals")]
    assert [(row.name, row.scenario) for row in found.new] == [("heap.bytes", "mixed")]


def test_the_largest_comes_first_and_bytes_before_others() -> None:
    found = compare(report(), report(samples.DESCRIPTOR, with_bytes(1, what="a"), with_bytes(9, what="b")))
    assert [row.what for row in found.new] == ["b", "a", "pipe"]


def test_the_text_has_a_line_for_each_the_worse_first() -> None:
    before = report(with_bytes(100), samples.DESCRIPTOR)
    text = comparison_text(compare(before, report(with_bytes(200), unattributed=[samples.OPEN]))).plain
    assert text.splitlines()[:-2] == [
        "✗ Worse: 1 new, 1 larger",
        "✗ new     heap.bytes (unattributed, in terminals): 0 B → +48 B a cycle",
        "✗ larger  soak/plants/python_objects.py:49 ClosureHoldsSession.on_event (container, list of Bound, in "
        "terminals): +100 B → +200 B a cycle",
        "✓ gone    /srv/app/pipes.py:8 (descriptor, pipe, in reconnects): +0.5 things → 0 things a cycle",
    ]
    assert comparison_text(compare(report(), report())).plain.startswith("✓ Neither report names any growth\n")


# -- what can't be compared


def refused(before: ProfileReport, after: ProfileReport) -> str:
    """The reasons for having no verdict, in which case nothing is called new or gone."""
    found = compare(before, after)
    assert EXIT_STATUS[found.verdict] == 4
    assert not (found.new or found.gone or found.larger or found.smaller or found.same)
    text = comparison_text(found).plain
    assert "gone" not in text and text.startswith("? No verdict")
    assert text.count("? unknown") == len(found.unjudged)
    assert "→" not in text  # nothing is compared
    return "; ".join(found.why_not)


@pytest.mark.parametrize("verdict", ["failed", "inconclusive"])
def test_an_investigation_that_did_not_get_through_is_no_proof_that_something_is_gone(verdict: ProfileVerdict) -> None:
    broken = msgspec.structs.replace(samples.clean(), verdict=verdict)
    assert f"the later report is {verdict}" in refused(samples.found(), broken)
    assert f"the earlier report is {verdict}" in refused(broken, samples.found())


def test_windows_of_time_are_not_compared_with_cycles() -> None:
    assert "mobifai profile attach" in refused(samples.found(), samples.attached())
    assert compare(samples.attached(), samples.attached()).verdict == "not_worse"


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"seed": 8}, "seed differs: 7 in the earlier report, 8 in the later one"),
        (
            {"settings": ProfileSettings(["terminals"], 20, 2, "dict-by-session")},
            "plant differs: none in the earlier report",
        ),
        (
            {"settings": ProfileSettings(["terminals"], 1, 2)},
            "time scale differs: 20 in the earlier report, 1 in the later",
        ),
        ({"settings": ProfileSettings(["terminals"], 20, 3)}, "phones differs: 2"),
        (
            {"settings": ProfileSettings(["terminals"], 20, 2, memray=False)},
            "memray differs: none in the earlier report, False",
        ),
        ({"environment": {"python": "CPython 3.14.0"}}, "python differs"),
    ],
)
def test_reports_of_other_runs_are_not_compared(changes: dict[str, object], reported: str) -> None:
    assert reported in refused(samples.found(), msgspec.structs.replace(samples.clean(), **changes))


def test_what_is_missing_in_a_scenario_that_was_not_looked_at_again_is_not_gone() -> None:
    less = [
        ScenarioCoverage("reconnects", "judged"),
        ScenarioCoverage("terminals", "unjudged", why="the run was interrupted"),
    ]
    found = compare(samples.found(), msgspec.structs.replace(samples.clean(), scenarios=less))
    assert [row.kind for row in found.gone] == ["descriptor"]
    assert [row.kind for row in found.unjudged] == ["container", "unattributed"]
    assert found.why_not == ["only the earlier report judged mixed, terminals"]
    assert found.verdict == "inconclusive"


def test_what_is_worse_is_worse_though_not_all_could_be_compared() -> None:
    less = [ScenarioCoverage("terminals", "judged")]
    after = msgspec.structs.replace(samples.found(), culprits=[with_bytes(9_000)], scenarios=less)
    assert EXIT_STATUS[compare(samples.found(), after).verdict] == 1


def test_each_side_is_named_by_version_and_commit() -> None:
    text = comparison_text(compare(samples.found(), samples.clean())).plain
    assert "· before: mobifai 0.1.0, commit 0123456789abcdef0123456789abcdef01234567, without edits" in text


@given(st.text(st.characters(categories=["Cc", "Cs", "Cf", "Zl", "L"])))
def test_no_text_drives_the_terminal_or_forges_a_line(name: str) -> None:
    text = comparison_text(compare(samples.clean(), samples.hostile(name))).plain
    text.encode()
    assert all(line.startswith(("✗ ", "? ", "· ")) for line in text.splitlines())
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in text)
