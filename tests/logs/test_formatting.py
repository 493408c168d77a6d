"""Log lines: without secrets or forged lines, in every format."""

import json
import logging
import sys

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.logs.formatting import format_as_json, format_for_file, format_for_terminal, log_line, message_kind
from mobifai.protocol.codes import ClientKind, Codes

TOKEN = jwt.encode({"id": "owner", "exp": 1}, "k" * 32, algorithm="HS256")
PRIVATE_KEY = "3b7c" * 16  # the form of `Identity.secret_hex`
API_KEY = "sk-" + "ant-" + "a1" * 12
CODE = Codes(Ledger(), lambda alphabet: alphabet[7]).issue("grant", ClientKind.LEGACY, 0).code
LINK_CODE = Codes(Ledger(), lambda alphabet: alphabet[7]).issue("grant", ClientKind.E2E, 0).code


def a_record(message: str, *values: object, name: str = "mobifai.link", level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, message, values, None)


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        (f"registered with {TOKEN}", TOKEN),
        (f"GET /login?token={TOKEN}&email=x", TOKEN),
        ("Authorization: Bearer abc.def", "abc.def"),
        ('{"token": "s3cr3t"}', "s3cr3t"),
        (f"open https://relay.example/#{CODE}", CODE),
        (f"the code is {CODE}.", CODE),
        (f"open https://relay.example/#1.{LINK_CODE}.c2VjcmV0.a2V5.aWQ", "c2VjcmV0"),
        (f"the code of a link is {LINK_CODE}", LINK_CODE),
        ("connected to https://ann:pass@relay.example", "ann:pass"),
        (f"the key {API_KEY} is refused", API_KEY),
        (f"device key {PRIVATE_KEY} read", PRIVATE_KEY),
    ],
)
def test_secrets_are_hidden(message: str, secret: str) -> None:
    line = log_line(a_record(message))
    assert "<hidden>" in line.message
    for form in (format_for_file, format_as_json, lambda line: format_for_terminal(line, True)):
        assert secret not in form(line)


@pytest.mark.parametrize(
    "message",
    [
        "relay.token: expected a text",
        "status code: 404",
        "terminal 3f2b9a0c-1d2e-4f5a-8b9c-0d1e2f3a4b5c",
        "terminal 3F2B9A3C-4D2E-4F5A-8B9C-2D3E2F3A4B5C",
        "no connection to the relay http://127.0.0.1:8765 (refused)",
        "user@host:/home",
    ],
)
def test_what_is_no_secret_stays(message: str) -> None:
    assert log_line(a_record(message)).message == message


def test_the_values_that_asyncio_shows_are_left_out() -> None:
    message = (
        "Exception in callback Pty._on_data(b'my \\'secret\\' output', \"more\")\nhandle: <Handle f('x') at a.py:3>"
    )
    line = log_line(a_record(message, name="asyncio", level=logging.ERROR))
    assert line.message == "Exception in callback Pty._on_data('...', '...')\nhandle: <Handle f('...') at a.py:3>"


def test_secrets_in_a_traceback_are_hidden() -> None:
    record = a_record("failed")
    try:
        raise ValueError(f"token={TOKEN}")  # noqa: TRY301 - the traceback is what is tested
    except ValueError:
        record.exc_info = sys.exc_info()
    line = log_line(record)
    assert "ValueError: token=<hidden>" in line.exception
    assert "Traceback" in format_for_file(line)
    assert "Traceback" not in format_for_terminal(line, False)
    assert "Traceback" in json.loads(format_as_json(line))["exception"]


def test_a_message_from_outside_forges_no_line_and_moves_no_cursor() -> None:
    line = log_line(a_record("the relay says: %s", "hi\n10:00:00 ERROR   fire\x1b[2J\r\x07\u2028\u202e"))
    text = format_for_terminal(line, False)
    assert text.splitlines()[1].startswith("  10:00:00")
    assert text.endswith(r"fire\x1b[2J\r\x07\u2028\u202e")


def test_lines_that_are_indented_already_stay_as_they_are() -> None:
    assert format_for_terminal(log_line(a_record("💓 Health Check\n   Memory: 1MB")), False).endswith(
        "Check\n   Memory: 1MB"
    )


def test_values_that_do_not_fit_are_said_and_not_raised() -> None:
    assert log_line(a_record("%d of %d", "x")).message == "%d of %d (its values can't be shown: TypeError)"


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_can_be_written(text: str) -> None:
    line = log_line(a_record("%s", text))
    assert format_for_file(line).encode()
    assert json.loads(format_as_json(line))["message"] == line.message
    assert all(further.startswith(" ") for further in format_for_file(line).split("\n")[1:])


def test_the_same_words_are_one_kind_and_other_words_another() -> None:
    def kind(message: str, *values: object, **options: object) -> object:
        record = a_record(message, *values, **options)  # type: ignore[arg-type]
        return message_kind(record, log_line(record).message)

    assert kind("lost %s", "a") == kind("lost %s", "b")
    assert kind("lost %s", "a") != kind("lost %s", "a", level=logging.ERROR)
    assert kind("lost %s", "a") != kind("lost %s", "a", name="mobifai.relay")
    assert kind("%s", "paired") != kind("%s", "hung up")
    assert kind("<Task at 0x7f01>") == kind("<Task at 0x7f02>")
