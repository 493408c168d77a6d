"""What a relay sends is read, or is known as unreadable; nothing is raised but for an opening that is none."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.transport import relay_packet as packets
from mobifai.transport.relay_packet import LEAST_SILENCE, MOST_SILENCE, Event, Unreadable, read, read_opening

OPENING = '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("1", packets.Closed()),
        ("2", packets.Ping()),
        ("3", packets.Unused()),
        ("6", packets.Unused()),
        ("40", packets.Connected()),
        ('40{"sid":"x"}', packets.Connected()),
        ("41", packets.Closed()),
        ('42["event"]', Event("event")),
        ('42["event",{"a":[1]}]', Event("event", msgspec.Raw(b'{"a":[1]}'))),
        ('42/,["event",1,2]', Event("event", msgspec.Raw(b"1"))),
        ('4212["event",null]', Event("event", msgspec.Raw(b"null"))),
        ("431[]", packets.Unused()),
        ('44{"message":"no\\nway"}', packets.Refused("no way")),
        ("44[1]", packets.Refused("")),
        ('42/other,["event"]', packets.Unused()),
        ("41/other,", packets.Unused()),
    ],
)
def test_a_packet_of_the_protocol_is_read(text: str, packet: packets.Packet) -> None:
    assert read(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0{}",
        "4",
        "42",
        "42{",
        "42[]",
        "42{}",
        "42[1]",
        '42[["event"]]',
        '42["disconnect"]',
        '42["*",{}]',
        '42["",{}]',
        '42["event",NaN]',
        '42["' + "e" * 65 + '"]',
        '42["\\ud800"]',
        "42" + "[" * 100_000,
        '451-["event",{"_placeholder":true,"num":0}]',
        "47",
        "99999999999999999999-[]",
    ],
)
def test_anything_else_is_unreadable(text: str) -> None:
    assert isinstance(read(text), Unreadable)


@given(st.text(max_size=30) | st.text(alphabet='0123456789/,-[]{}"a', max_size=20))
def test_nothing_is_raised_by_any_packet(text: str) -> None:
    read(text)


def test_an_opening_says_how_long_a_relay_may_be_silent() -> None:
    assert read_opening(OPENING) == 45.0


@pytest.mark.parametrize(
    ("interval", "expected"), [("0", LEAST_SILENCE), ("1e300", MOST_SILENCE), ("9" * 300, MOST_SILENCE)]
)
def test_an_absurd_silence_is_bounded(interval: str, expected: float) -> None:
    assert read_opening(OPENING.replace("25000", interval).replace("20000", "0")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0[]",
        "0{}",
        "0null",
        "0" + "[" * 100_000,
        "40",
        OPENING.replace('"a"', "1"),
        OPENING.replace("25000", "-1"),
        OPENING.replace("25000", "NaN"),
        OPENING.replace("25000", "1e999"),
        OPENING.replace("25000", "9" * 400),
        OPENING.replace("25000", '"25000"'),
        OPENING.replace("25000", "true"),
        OPENING.replace('"pingInterval":25000,', ""),
        OPENING[:-1],
        OPENING[1:],
    ],
)
def test_what_is_no_opening_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected the opening"):
        read_opening(text)


@given(st.text(max_size=40).map("0".__add__) | st.text(alphabet='0123456789/,-[]{}"aNn.e', max_size=20))
def test_no_opening_raises_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match="expected the opening"):
        read_opening(text)


def test_what_the_agent_writes_has_no_half_characters() -> None:
    assert packets.connect_text(None) == '40{"token":null}'
    assert packets.event_text("event", {"a": "\ud800"}).encode() == b'42["event",{"a":"\\ud800"}]'
