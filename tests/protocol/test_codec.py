"""Frames of the data channel: both forms of a phone's frames are decoded, and output is split to fit."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mobifai.errors import BadMessage
from mobifai.protocol import codec, messages
from tests.protocol.payloads import any_text, anything, plain_text

OUTPUT = "terminal:output"
control_characters = st.text(st.characters(max_codepoint=31))


def event_or_refusal(text: str) -> None:
    try:
        event, payload, _ = codec.decode_frame(text)
    except BadMessage as error:
        assert len(str(error)) < 1000
        return
    assert event
    assert isinstance(payload, msgspec.Raw)


@given(any_text)
@example("\ud800")
@example('{"type":"a","payload":"\\ud800"}')
@example('{"type":"\\ud800"}')
@example('{"type":"a","payload":NaN}')
@example('{"type":"a","payload":' + "9" * 10_000 + "}")
@example('{"action":""}')
def test_any_text_is_a_frame_or_refused(text: str) -> None:
    event_or_refusal(text)


@given(
    st.dictionaries(
        st.sampled_from(["type", "namespace", "action", "payload"]),
        anything | st.sampled_from(["terminal", "code", "terminal:input", "getFile"]),
    )
)
def test_any_object_is_a_frame_or_refused(value: dict[str, object]) -> None:
    event_or_refusal(json.dumps(value, default=list, skipkeys=True))


@pytest.mark.parametrize("end", ["", "1", "]" * 50_000 + "}"])
def test_deep_nesting_is_refused(end: str) -> None:
    with pytest.raises(BadMessage, match="recursion"):
        codec.decode_frame('{"type":"a","payload":' + "[" * 50_000 + end)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('{"type":"terminal:input","payload":1}', "terminal:input"),
        ('{"namespace":"terminal","action":"terminal:input","payload":1}', "terminal:input"),
        ('{"namespace":"terminal","action":"process:create","type":"terminal","payload":1}', "process:create"),
        ('{"namespace":"code","action":"getFile","payload":1}', "code:getFile"),
        ('{"namespace":"code","action":"code:getFile","payload":1}', "code:getFile"),
        ('{"namespace":null,"type":"ai:prompt","payload":1,"other":[]}', "ai:prompt"),
    ],
)
def test_both_shapes_of_a_phone_are_read(text: str, event: str) -> None:
    assert codec.decode_frame(text) == (event, msgspec.Raw(b"1"), None)


@pytest.mark.parametrize("text", ["{}", "[]", "1", "null", '{"type":""}', '{"payload":{}}', '{"type":5}', ""])
def test_a_frame_that_names_no_event_is_refused(text: str) -> None:
    with pytest.raises(BadMessage, match="expected"):
        codec.decode_frame(text)


def test_a_namespace_that_is_not_known_is_refused_briefly() -> None:
    with pytest.raises(BadMessage, match="expected the namespace terminal or code") as refused:
        codec.decode_frame(json.dumps({"namespace": "n" * 10_000, "action": "a" * 10_000}))
    assert len(str(refused.value)) < 300


def test_a_frame_without_payload_has_none() -> None:
    assert codec.decode_frame('{"type":"processes:sync"}') == ("processes:sync", msgspec.Raw(b"null"), None)


@given(uuid=st.from_regex(r"[a-z0-9-]{1,36}", fullmatch=True), data=plain_text)
def test_what_is_framed_is_read_back(uuid: str, data: str) -> None:
    message = messages.ProcessData(uuid=uuid, data=data)
    event, payload, _ = codec.decode_frame(codec.encode_frame("terminal:input", message).decode())
    assert messages.decode(messages.FROM_PHONE, event, payload) == message


def test_a_frame_is_what_the_phones_expect() -> None:
    message = messages.ProcessExited(uuid="u")
    frame = {"type": "process:exited", "payload": {"uuid": "u"}}
    assert json.loads(codec.encode_frame("process:exited", message)) == frame
    assert json.loads(codec.encode_frame("process:exited", message, 7)) == {**frame, "seq": 7}


def test_a_number_is_read_with_its_frame() -> None:
    assert codec.decode_frame('{"type":"a","seq":7}') == ("a", msgspec.Raw(b"null"), 7)


@given(any_text)
def test_half_a_character_of_ours_passes_as_an_escape(name: str) -> None:
    message = messages.ProcessNamed(uuid="u", name=name)
    text = codec.encode_frame("process:renamed", message)
    assert json.loads(text)["payload"]["name"] == name


@given(st.text(st.characters(exclude_categories=["Cs"])) | control_characters)
def test_a_frame_has_at_most_as_many_bytes_as_is_said(text: str) -> None:
    payload = codec.encode_payload(messages.Output(uuid="u", data=text, offset=3, end=2**40))
    assert codec.frame_bytes("terminal:output", payload) == len(
        codec.encode_frame("terminal:output", payload, codec.LAST_NUMBER)
    )
