"""Every test that the threat model names is there, and every claim names one."""

from tests.docs.named_tests import NAMED, ROOT, missing, rows

PAGE = ROOT / "docs" / "explanation" / "threat-model.md"


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED.findall(PAGE.read_text())) > 30
    assert missing(PAGE) == []


def test_every_claim_in_a_table_names_a_test() -> None:
    claims = rows(PAGE, "| it cannot |", "| after ")
    assert len(claims) > 20
    assert [row for row in claims if not NAMED.search(row)] == []
