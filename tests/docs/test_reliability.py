"""Every fault in the failure matrix has a promise and a test, and every test that it names is there."""

from pathlib import Path

from tests.docs.named_tests import NAMED, ROOT, defined, missing, rows

PAGE = ROOT / "docs" / "explanation" / "reliability.md"


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED.findall(PAGE.read_text())) > 40
    assert missing(PAGE) == []


def test_every_fault_has_a_promise_and_a_test() -> None:
    faults = rows(PAGE, "| fault |")
    assert len(faults) > 40
    assert [row for row in faults if len(row.strip("| ").split(" | ")) != 3 or not NAMED.search(row)] == []


def test_a_test_that_is_not_there_would_be_seen() -> None:
    assert "test_nowhere" not in defined(Path(__file__))
    assert "test_every_test_that_is_named_is_there" in defined(Path(__file__))
