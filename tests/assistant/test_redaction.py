"""Secrets do not reach the model: those of the environment, and those of well-known formats."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.assistant.redaction import Secrets
from mobifai.assistant.screen import Emulator
from tests.assistant.place import LOOK, a_place, says
from tests.assistant.test_conversations import Asked

NONE = Secrets({})
LETTERS = "Ab3dE5gH1jK7mN9pQ2sT4vW6xY8zAb3dE5gH1jK7mN9pQ2sT4vW6xY8z"
KEY_LINES = [
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "QyNTUxOQAAACBq0rZXktdjEAAAAABG5vbm==",
]

TOKENS = [
    f"AKIA{LETTERS[:16].upper()}",
    f"ghp_{LETTERS[:36]}",
    f"github_pat_{LETTERS[:22]}_{LETTERS[:40]}",
    f"glpat-{LETTERS[:20]}",
    f"xoxb-123456789012-{LETTERS[:24]}",
    f"sk-ant-api03-{LETTERS}",
    f"sk-proj-{LETTERS[:48]}",
    f"AIza{LETTERS[:35]}",
    f"sk_live_{LETTERS[:24]}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{LETTERS[:43]}",
    f"npm_{LETTERS[:36]}",
    f"pypi-AgEIcHlwaS5vcmc{LETTERS}",
    f"hf_{LETTERS[:34]}",
    f"hvs.{LETTERS[:24]}",
    f"123456789:AA{LETTERS[:33]}",
    f"$6$saltsalt${LETTERS}",
    "4111 1111 1111 1111",
    "378282246310005",
]

CONTEXTS = [
    ("postgres://admin:", "hunter2hunter2", "@db/x"),
    ("https://:", "tok3nvalue", "@example.com"),
    ("password=", "hunter2", ""),
    ("DB_PASSWORD: '", "correct horse battery", "'"),
    ('"password": "', "p4ss, word", '"'),
    ("Authorization: Bearer ", "abcdefgh12345678", ""),
    ("Authorization: Basic ", "dXNlcjpwYXNz", ""),
    ('-H "X-Api-Key: ', "0123456789abc", '"'),
    ("aws_secret_access_key = ", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", ""),
    ("API_TOKEN=", "abc12345def", ""),
    ("client_secret: ", "abc12345def", ""),
    ("curl -u bob:", "s3cret", " http://x"),
    ("mysql -u root -p", "s3cret", " db"),
    ("sshpass -p ", "s3cret", " ssh host"),
    ("cmd --password ", "s3cret", ""),
    ("machine example.com login bob password ", "s3cret", ""),
    ("AccountKey=", "AbCdEf0123456789AbCdEf==", ";"),
    ("Set-Cookie: ", "session=abcdef0123", ""),
    ("db.example.com:5432:app:bob:", "s3cret", ""),
]

PEM = ["-----BEGIN OPENSSH PRIVATE KEY-----", *KEY_LINES, "-----END OPENSSH PRIVATE KEY-----"]


def shown(output: str, cols: int = 80, rows: int = 24, secrets: Secrets = NONE) -> tuple[str, str]:
    """Return a screen's text after this output, and the text that the model gets."""
    emulator = Emulator(cols, rows)
    for _ in emulator.feed(output.encode()):
        pass
    picture = emulator.picture()
    return picture.text, secrets.mask(picture.text, cols)


@pytest.mark.parametrize("secret", TOKENS)
@pytest.mark.parametrize("around", ["{}", "export X={}", '"{}",', "a b {} c", "https://example.com/?k={}&x=1"])
def test_a_secret_of_a_known_format_is_masked(secret: str, around: str) -> None:
    _, masked = shown(around.format(secret))
    assert secret[len(secret) // 3 :] not in masked
    assert secret not in NONE.blank(around.format(secret))


@pytest.mark.parametrize(("before", "secret", "after"), CONTEXTS)
def test_a_secret_is_known_by_what_stands_before_it(before: str, secret: str, after: str) -> None:
    _, masked = shown(before + secret + after)
    assert secret not in masked
    assert masked.startswith(before.rstrip()[:4])
    assert secret not in NONE.blank(before + secret + after)


@pytest.mark.parametrize("first", range(len(PEM)))
@pytest.mark.parametrize("last", [2, 3, 4])
def test_a_private_key_is_masked_when_an_end_of_it_is_to_be_seen(first: int, last: int) -> None:
    lines = PEM[first:last]
    if not any("KEY" in line for line in lines):
        return
    _, masked = shown("\r\n".join(["$ cat key", *lines, "$ "]), cols=100)
    for line in lines:
        assert "KEY" in line or line not in masked
    assert masked.startswith("$ cat key")


@pytest.mark.parametrize(
    "before",
    ["/home/a/.ssh/id_x:", "./keys/a-b-", "k/f:12:", "k-f-12-", "     7\t", "+", "- ", "> ", "| ", "  12: ", "# "],
)
@pytest.mark.parametrize("lines", [PEM, PEM[:3], PEM[1:]], ids=["whole", "beginning", "end"])
def test_a_private_key_is_masked_whatever_stands_before_its_lines(before: str, lines: list[str]) -> None:
    """As in the output of grep, `cat -n` and `git diff`."""
    _, masked = shown("\r\n".join(["$ grep", *(before + line for line in lines), "$ "]), cols=120)
    assert not any(line in masked for line in KEY_LINES), masked
    assert masked.startswith("$ grep")


@pytest.mark.parametrize("secret", [TOKENS[1], TOKENS[5], "value-of-a-variable-with-\u6f22\u5b57-in-it"])
@pytest.mark.parametrize("cols", [7, 20, 33, 80])
def test_a_secret_over_several_rows_is_masked_and_all_else_stays_where_it_is(secret: str, cols: int) -> None:
    secrets = Secrets({"MY_TOKEN": "value-of-a-variable-with-\u6f22\u5b57-in-it"})
    for blanks in range(cols):
        text, masked = shown(" " * blanks + secret + "\r\n  end", cols, 40, secrets)
        left = masked.replace("\n", "")
        assert not any(secret[at : at + 6] in left for at in range(len(secret) - 5)), masked
        assert len(masked) == len(text)
        assert [len(line) for line in masked.split("\n")] == [len(line) for line in text.split("\n")]
        assert masked.endswith("\n  end")


def test_values_of_the_environment_are_masked_line_by_line() -> None:
    secrets = Secrets({"DEPLOY_KEY": "first-line-of-it\nsecond-line-of-it", "HARMLESS": "visible-value"})
    _, masked = shown("first-line-of-it\r\n  2 second-line-of-it visible-value", secrets=secrets)
    assert "line-of-it" not in masked
    assert "visible-value" in masked


@pytest.mark.parametrize(
    "text",
    [
        "total 12", "drwxr-xr-x 2 root root 4096 Nov 29 09:01 tokens",
        "commit 8fd86a9d8f6e0d3b1c2a4f5e6d7c8b9a0f1e2d3c",
        "PWD=/home/bob/project", "see https://example.com:8080/path?x=1", "user@example.com:repo/name.git",
        "1234567890123456", "error: token expected", "2026-11-29 09:01:59,123 INFO password changed",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert shown(text)[1] == text


@given(st.text(max_size=300), st.integers(1, 90))
def test_masking_keeps_the_length_of_any_text(text: str, cols: int) -> None:
    masked = NONE.mask(text, cols)
    assert len(masked) == len(text)
    assert [at for at, character in enumerate(masked) if character == "\n"] == [
        at for at, character in enumerate(text) if character == "\n"
    ]
    assert NONE.mask(masked, cols).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "piece",
    [
     "A", "a=", "password=", "token:", "eyJ", "eyJaaaaaaaaa.", "://", "://a:",
     "-----BEGIN PRIVATE KEY-----\n", "AAAA\n",
     "1 ", "4111 ", "login x ", "mysql ", " -p", "bearer ", "a:1:b:c:", "\\n", "sk-", "-u ", "'", '"', "x" * 79 + "\n"],
)  # fmt: skip
def test_a_full_screen_takes_no_time(piece: str) -> None:
    text = piece * (46_000 // len(piece)) + "-----END PRIVATE KEY"
    began = time.process_time()
    NONE.mask(text, 80)
    assert time.process_time() - began < 1


def test_random_screens_take_no_time() -> None:
    chance = random.Random(1)  # noqa: S311
    text = "".join(chance.choice("aA0 =:'\"\n./-_$@+") for _ in range(46_000))
    began = time.process_time()
    NONE.mask(text, 80)
    assert time.process_time() - began < 1


async def test_the_model_sees_no_secret_of_the_screen_or_the_request(tmp_path: Path) -> None:
    secret = TOKENS[1]
    asked = Asked([LOOK], [{**LOOK, "start": 0, "end": 30}], [says("done")])
    async with a_place(tmp_path, asked, environ={"MY_PASSWORD": "from-the-environment"}) as place:
        place.terminal.output(f"token {secret} from-the-environment\r\n" + "x" * 70 + secret)
        place.prompt(f"log in with {secret}")
        await place.phone.end()
    everything = str([question.messages for question in asked.questions])
    assert secret[:12] not in everything
    assert "from-the-environment" not in everything
    assert secret not in (tmp_path / "assistant.log").read_text()
