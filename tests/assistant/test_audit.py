"""The record of requests and typed text."""

import json
import stat
from pathlib import Path

import pytest

from mobifai.assistant.audit import FIELD_CHARACTERS, Audit
from mobifai.assistant.redaction import Secrets
from mobifai.bounds import Ledger
from mobifai.errors import AssistantError

NOTHING = Secrets({})


def an_audit(path: Path, capacity: int = 1 << 20) -> tuple[Audit, Ledger]:
    ledger = Ledger({"assistant.audit": capacity})
    return Audit(path / "assistant.log", ledger, lambda: 1_700_000_000.5), ledger


def records(path: Path, name: str = "assistant.log") -> list[dict[str, object]]:
    return [json.loads(line) for line in (path / name).read_text().splitlines()]


def test_a_record_says_when_where_and_what(tmp_path: Path) -> None:
    audit, _ = an_audit(tmp_path)
    audit.write(NOTHING, "typed", "tab-1", 3, "text ls\n")
    assert records(tmp_path) == [
        {"time": "2023-11-14T22:13:20.500+00:00", "event": "typed", "terminal": "tab-1", "conversation": 3,
         "text": "text ls\n"}
    ]  # fmt: skip


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    audit, _ = an_audit(tmp_path)
    audit.write(NOTHING, "typed", "a", 1, "x")
    assert stat.S_IMODE((tmp_path / "assistant.log").stat().st_mode) == 0o600


def test_two_files_never_take_more_than_twice_the_limit(tmp_path: Path) -> None:
    audit, ledger = an_audit(tmp_path, 2_000)
    for number in range(100):
        audit.write(NOTHING, "typed", "a", number, "x" * 100)
        assert all(file.stat().st_size <= 2_000 for file in tmp_path.iterdir())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["assistant.log", "assistant.old.log"]
    newest = records(tmp_path, "assistant.old.log") + records(tmp_path)
    assert [record["conversation"] for record in newest] == list(range(100 - len(newest), 100))
    entry = next(entry for entry in ledger.entries() if entry.name == "assistant.audit")
    assert entry.peak <= 2_000
    assert entry.evicted > 0


def test_a_long_text_is_cut_and_a_record_beyond_the_limit_refused(tmp_path: Path) -> None:
    audit, _ = an_audit(tmp_path)
    audit.write(NOTHING, "prompt", "a", 1, "x" * 100_000)
    assert len(str(records(tmp_path)[0]["text"])) == FIELD_CHARACTERS
    small, _ = an_audit(tmp_path, 100)
    with pytest.raises(AssistantError, match="nothing was done"):
        small.write(NOTHING, "prompt", "a", 1, "x" * 100)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "assistant.log").mkdir()
    audit, _ = an_audit(tmp_path)
    with pytest.raises(AssistantError, match="nothing was done, because the assistant's audit log .* can't be written"):
        audit.write(NOTHING, "typed", "a", 1, "x")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "assistant.log").symlink_to(tmp_path / "elsewhere")
    audit, _ = an_audit(tmp_path)
    with pytest.raises(AssistantError):
        audit.write(NOTHING, "typed", "a", 1, "x")
    assert not (tmp_path / "elsewhere").exists()


def test_secrets_of_the_environment_are_blanked_out(tmp_path: Path) -> None:
    environ = {
        "GITHUB_TOKEN": "ghp_abcdef",
        "DB_PASSWORD": 'pa"ss\\word',
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtn",
        "ANTHROPIC_API_KEY": "sk-ant-123",
        "DATABASE_URL": "postgres://user:hunter22@db/x",
        "PIN_TOKEN": "1234",
        "HOME": "/home/somebody",
        "KEYBOARD": "pc105-layout",
        "PWD": "/home/somebody/work",
    }
    audit, _ = an_audit(tmp_path)
    said = 'ghp_abcdef wJalrXUtn sk-ant-123 hunter22 pa"ss\\word 1234 /home/somebody/work pc105-layout sk-other'
    audit.write(Secrets(environ).also("sk-other"), "typed", "a", 1, said)
    text = str(records(tmp_path)[0]["text"])
    assert text == "[secret] [secret] [secret] [secret] [secret] 1234 /home/somebody/work pc105-layout [secret]"


def test_the_longest_of_secrets_within_secrets_goes() -> None:
    assert Secrets({"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghi"}).blank("abcdefghi abcdef") == "[secret] [secret]"
    assert Secrets({}).blank("text") == "text"
