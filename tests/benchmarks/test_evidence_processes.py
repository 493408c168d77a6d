"""A command without a usable report fails its unit, with its last output. One that takes too long is ended."""

from pathlib import Path

import pytest

from benchmarks.evidence.processes import mobifai
from benchmarks.evidence.units import UnitOutcome
from soak.gauges.results import Report


async def test_the_last_words_of_a_command_without_a_report_are_kept(tmp_path: Path) -> None:
    ended = await mobifai(["soak", "--no-such-option"], tmp_path, 100)
    with pytest.raises(ValueError, match="truncated"):
        ended.report(Report)
    failed = ended.failed()
    assert (failed.outcome, ended.status) == (UnitOutcome.FAILED, 2)
    assert "exit status 2, no report" in failed.summary
    assert "--no-such-option" in failed.summary


async def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    ended = await mobifai(["soak", "terminals"], tmp_path, 0.1)
    assert "expected it to end within 0.1 s" in ended.failed().summary
