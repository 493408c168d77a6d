"""Settings, and the source of the key."""

import os
from pathlib import Path

import pytest

from mobifai.assistant.config import ApprovalMode, AssistantConfig, from_table, read_key
from mobifai.errors import AssistantError, ConfigError


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "anthropic.key"
    file.write_text("sk-from-file\n")
    file.chmod(0o600)
    return file


def test_the_environment_comes_before_the_file(key_file: Path) -> None:
    assert read_key({"ANTHROPIC_API_KEY": " sk-from-env\n"}, key_file) == "sk-from-env"
    assert read_key({"ANTHROPIC_API_KEY": ""}, key_file) == "sk-from-file"
    assert read_key({}, key_file) == "sk-from-file"


def test_without_a_key_the_error_says_where_to_put_one(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match=r"ANTHROPIC_API_KEY, or put the key into .*anthropic.key \(mode 0600\)"):
        read_key({}, tmp_path / "anthropic.key")
    with pytest.raises(AssistantError, match="set ANTHROPIC_API_KEY$"):
        read_key({}, None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610, 0o601])
def test_a_key_that_others_may_read_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(AssistantError, match="other users can access it .*chmod 600"):
        read_key({}, key_file)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "anthropic.key"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(AssistantError, match="something else"):
        read_key({}, pipe)
    with pytest.raises(AssistantError, match="something else|can't be read"):
        read_key({}, tmp_path)


@pytest.mark.parametrize("key", ["two words", "sk-\u00e4", "sk-\x07", "a\nb"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(AssistantError, match="printable ASCII"):
        read_key({"ANTHROPIC_API_KEY": key}, None)


def test_the_key_is_not_part_of_any_error(key_file: Path) -> None:
    key_file.write_text("sk-very secret")
    with pytest.raises(AssistantError) as error:
        read_key({}, key_file)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("retries", -1),
        ("answer_seconds", 0),
        ("answer_seconds", float("nan")),
        ("screen_characters", 99),
        ("base_url", "api.example.com"),
        ("risky_patterns", ("(",)),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"assistant.{name}: expected"):
        AssistantConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "HTTP://api.example.com",
        "http://192.168.1.5:8080",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1:80@example.com/",
        "http://127.0.0.1\\@example.com",
        "http://127.0.0.1.example.com",
        "http://127.1",
        "http://2130706433",
        "http://0.0.0.0:8080",
        "http://[::]:8080",
        "http://[fe80::1%25lo]",
        "https://key@example.com",
        "https://",
        "https:///v1",
        "https://example.com:99999",
        "https://exam ple.com",
        "https://example.com\n",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "",
    ],
)
def test_a_model_url_that_others_could_read_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(ConfigError, match=r"assistant.base_url: expected an https:// address") as error:
        AssistantConfig(base_url=url)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://10.0.0.1:8443",
        "http://127.0.0.1:8080",
        "http://127.8.9.1/",
        "http://localhost:11434",
        "http://LOCALHOST",
        "http://[::1]:8080/v1",
    ],
)
def test_a_model_url_that_only_its_server_reads_is_taken(url: str) -> None:
    assert AssistantConfig(base_url=url).base_url == url


def test_a_person_is_asked_about_risky_actions_by_default() -> None:
    assert AssistantConfig().approvals is ApprovalMode.RISKY


def test_a_table_of_the_settings_file_is_read() -> None:
    table = {"model": "m", "approvals": "risky", "key_file": "/k", "answer_seconds": 5, "risky_patterns": ["x"]}
    assert from_table(table) == AssistantConfig(
        model="m", approvals=ApprovalMode.RISKY, key_file=Path("/k"), answer_seconds=5, risky_patterns=("x",)
    )
    assert from_table({}) == AssistantConfig()


@pytest.mark.parametrize(
    ("name", "value"),
    [("modell", "m"), ("approvals", "sometimes"), ("retries", "2"), ("key_file", 5), ("stream", 1), ("retries", -1)],
)
def test_what_a_table_says_wrong_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        from_table({name: value})
