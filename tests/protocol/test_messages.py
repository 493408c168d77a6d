"""Strict decoding: input is a valid message, or BadMessage says what is wrong with it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mobifai import limits
from mobifai.errors import BadMessage
from mobifai.protocol import messages
from tests.protocol.payloads import almost, any_text, anything, json_of, nested, valid

TABLES = [messages.FROM_DEVICE, messages.FROM_RELAY, messages.FROM_PHONE]
EVERY_EVENT = [pytest.param(table, event, id=event) for table in TABLES for event in table]
RESIZE = "terminal:resize"

every_event = pytest.mark.parametrize(("table", "event"), EVERY_EVENT)


def message_or_refusal(table: Mapping[str, Any], event: str, payload: object) -> object:
    """`decode` may only raise BadMessage, whose text names the event and can be logged."""
    try:
        message = messages.decode(table, event, payload)
    except BadMessage as error:
        assert str(error).startswith(error.event)
        return None
    msgspec.json.encode(message)  # it can be stored and forwarded
    return message


@every_event
@given(data=st.data())
@settings(max_examples=40)
def test_whatever_comes_is_a_message_or_refused(table: Mapping[str, Any], event: str, data: st.DataObject) -> None:
    payload = data.draw(anything | almost(table[event]))
    message_or_refusal(table, event, payload)
    message_or_refusal(table, event, msgspec.Raw(json.dumps(payload, default=list, skipkeys=True).encode()))


@given(event=any_text, payload=anything)
@example(event="\ud800", payload=None)
def test_an_event_that_no_table_has_is_refused(event: str, payload: object) -> None:
    for table in TABLES:
        if event not in table:
            with pytest.raises(BadMessage, match="is not an event of the protocol"):
                messages.decode(table, event, payload)


def test_a_refusal_does_not_repeat_a_long_name() -> None:
    with pytest.raises(BadMessage) as refused:
        messages.decode(messages.FROM_PHONE, "x" * 100_000, None)
    assert len(str(refused.value)) < 200


@given(st.binary(max_size=100))
def test_bytes_that_are_no_json_are_refused(payload: bytes) -> None:
    message_or_refusal(messages.FROM_PHONE, RESIZE, msgspec.Raw(payload))


@every_event
@given(data=st.data())
@settings(max_examples=20)
def test_a_message_is_the_same_from_values_and_from_json(
    table: Mapping[str, Any], event: str, data: st.DataObject
) -> None:
    payload = data.draw(valid(table[event]))
    assert messages.decode(table, event, payload) == messages.decode(table, event, json_of(payload))


@every_event
@given(data=st.data())
@settings(max_examples=20)
def test_what_is_encoded_is_decoded_to_the_same(table: Mapping[str, Any], event: str, data: st.DataObject) -> None:
    message = messages.decode(table, event, data.draw(valid(table[event])))
    assert messages.decode(table, event, json_of(message)) == message
    assert messages.decode(table, event, msgspec.to_builtins(message)) == message


@pytest.mark.parametrize("depth", [100, 20_000])
@pytest.mark.parametrize("event", ["settings:updated", "webrtc:ice-candidate", "paired"])
def test_deep_nesting_is_survived(event: str, depth: int) -> None:
    message_or_refusal(messages.FROM_RELAY, event, nested(depth))
    message_or_refusal(messages.FROM_RELAY, event, msgspec.Raw(b'{"a":' * depth + b"1" + b"}" * depth))
    message_or_refusal(messages.FROM_RELAY, event, msgspec.Raw(b'{"a":' * depth))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999", b"-1e999", b"9" * 5000, b"1" + b"0" * 400, b"80.5"])
def test_numbers_that_are_no_size_are_refused(number: bytes) -> None:
    with pytest.raises(BadMessage):
        messages.decode(messages.FROM_PHONE, RESIZE, msgspec.Raw(b'{"cols":%s,"rows":24}' % number))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 80.5, "80", True, None])
def test_values_that_are_no_size_are_refused(number: object) -> None:
    with pytest.raises(BadMessage):
        messages.decode(messages.FROM_PHONE, RESIZE, {"cols": number, "rows": 24})


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800"])
@pytest.mark.parametrize("form", [lambda payload: payload, lambda payload: msgspec.Raw(json.dumps(payload).encode())])
def test_half_a_character_is_refused_wherever_it_stands(text: str, form: Callable[[object], object]) -> None:
    for table, event, payload in [
        (messages.FROM_PHONE, "terminal:input", {"uuid": "a", "data": text}),
        (messages.FROM_PHONE, "terminal:input", text),
        (messages.FROM_PHONE, "process:rename", {"uuid": "a", "name": text}),
        (messages.FROM_RELAY, "error", {"message": text}),
    ]:
        with pytest.raises(BadMessage):
            messages.decode(table, event, form(payload))


def test_a_whole_character_beyond_the_basic_plane_is_taken() -> None:
    message = messages.decode(
        messages.FROM_PHONE, "terminal:input", msgspec.Raw(b'{"uuid":"a","data":"\\ud83d\\ude00"}')
    )
    assert message == messages.ProcessData(uuid="a", data="\U0001f600")


@pytest.mark.parametrize("uuid", ["", "a\n", "a b", "a/b", "../a", "ä", "a\0", "a" * (limits.MAX_ID + 1)])
def test_an_id_has_only_plain_characters(uuid: str) -> None:
    with pytest.raises(BadMessage):
        messages.decode(messages.FROM_PHONE, "process:terminate", {"uuid": uuid})


@pytest.mark.parametrize("uuid", ["a", "A-b_c.d:e", "3f0e5a52-6a0b-4c0e-9d57-0d6d7c9a2f10", "a" * limits.MAX_ID])
def test_an_id_may_be_any_uuid(uuid: str) -> None:
    assert messages.decode(messages.FROM_PHONE, "process:terminate", {"uuid": uuid}).uuid == uuid


@pytest.mark.parametrize("signature", ["", "a", "xy", "ab\n", "0x12", "a" * 257])
def test_a_signature_is_hex(signature: str) -> None:
    with pytest.raises(BadMessage):
        messages.decode(messages.FROM_DEVICE, "handshake:response", {"peerId": "a", "signature": signature})


@pytest.mark.parametrize(
    ("event", "payload", "longest"),
    [
        ("process:rename", lambda size: {"uuid": "a", "name": "x" * size}, limits.MAX_NAME),
        ("terminal:input", lambda size: {"uuid": "a", "data": "x" * size}, limits.MAX_INPUT),
        ("terminal:input", lambda size: "x" * size, limits.MAX_INPUT),
        ("ai:prompt", lambda size: {"prompt": "x" * size}, limits.MAX_PROMPT),
        (
            "terminal:actions",
            lambda size: {"uuid": "a", "actions": [{"type": "text", "value": "x"}] * size},
            limits.MAX_ACTIONS,
        ),
    ],
)
def test_every_field_is_taken_up_to_its_size_and_no_further(
    event: str, payload: Callable[[int], object], longest: int
) -> None:
    for size in (longest - 1, longest):
        messages.decode(messages.FROM_PHONE, event, payload(size))
    with pytest.raises(BadMessage):
        messages.decode(messages.FROM_PHONE, event, payload(longest + 1))


def test_input_may_be_a_bare_text() -> None:
    assert messages.decode(messages.FROM_PHONE, "terminal:input", "ls\r") == "ls\r"


@pytest.mark.parametrize("event", ["waiting_for_peer", "request_dimensions", "paired_device_disconnected"])
def test_a_relay_may_leave_out_a_payload_of_which_nothing_is_read(event: str) -> None:
    assert messages.decode(messages.FROM_RELAY, event, None) is None


def test_fields_that_a_message_does_not_know_are_passed_over() -> None:
    message = messages.decode(messages.FROM_RELAY, "paired", {"peerId": "a", "message": "hello", "new": [1]})
    assert message == messages.Paired(peer_id="a", message="hello")


@pytest.mark.parametrize(
    ("message", "on_the_wire"),
    [
        (
            messages.Register(type="mac", device_id="d", public_key="04", device_name="n", tab_count=0),
            {"type": "mac", "deviceId": "d", "publicKey": "04", "deviceName": "n", "tabCount": 0},
        ),
        (
            messages.AvailableDevice(device_id="d", device_name="n", status="available", tab_count=2),
            {"deviceId": "d", "deviceName": "n", "status": "available", "tabCount": 2},
        ),
        (
            messages.HandshakeInitiate(peer_id="p", peer_public_key="04", challenge="ab"),
            {"peerId": "p", "peerPublicKey": "04", "challenge": "ab"},
        ),
        (
            messages.ProcessesSync(
                processes=(messages.ProcessInfo(uuid="u", name="n", created_at=5),), active_uuids=()
            ),
            {"processes": [{"uuid": "u", "name": "n", "createdAt": 5}], "activeUuids": []},
        ),
        (
            messages.IceCandidate(candidate=messages.Candidate(candidate="c", sdp_mid="0", sdp_mline_index=0)),
            {"candidate": {"candidate": "c", "sdpMid": "0", "sdpMLineIndex": 0}},
        ),
        (messages.ProcessSwitch(active_uuids=("a",)), {"activeUuids": ["a"]}),
        (messages.SystemMessage(type="terminal_ready"), {"type": "terminal_ready"}),
        (
            messages.User(id="1", email="e", name="n"),
            {"id": "1", "email": "e", "name": "n", "photo": None},
        ),
    ],
)
def test_on_the_wire_names_are_those_of_the_protocol(message: messages.Message, on_the_wire: dict[str, Any]) -> None:
    assert json.loads(msgspec.json.encode(message)) == on_the_wire
