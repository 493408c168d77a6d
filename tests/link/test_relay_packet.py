"""What a relay sends is read, or becomes an event that nobody knows; nothing is raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.link.relay_packet import UNREADABLE, RelayPacket


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ("0", 0, None),
        ('0{"sid":"x"}', 0, {"sid": "x"}),
        ("1", 1, None),
        ('2["event"]', 2, ["event"]),
        ('2["event",{"a":[1]}]', 2, ["event", {"a": [1]}]),
        ('212["event",null]', 2, ["event", None]),
        ("31[]", 3, []),
        ('4{"message":"no"}', 4, {"message": "no"}),
    ],
)
def test_a_packet_of_the_protocol_is_read(text: str, kind: int, data: object) -> None:
    packet = RelayPacket(encoded_packet=text)
    assert (packet.packet_type, packet.data) == (kind, data)


@pytest.mark.parametrize(
    "packet",
    [
        "x",
        "2",
        "2{",
        "2[]",
        "2{}",
        "2[1]",
        '2[["event"]]',
        '2["disconnect"]',
        '2["__disconnect_final","/"]',
        '2["*",{}]',
        '2["event",NaN]',
        '2["event","\\ud800"]',
        "2" + "[" * 100_000,
        "0[]",
        "3{}",
        '51-["event",{"_placeholder":true,"num":0}]',
        "2/other,[1]",
        '2/other,["event"]',
        "0/other,",
        "7",
        "99999999999999999999-[]",
        b"2",
        b"\xff\x00",
    ],
)
def test_anything_else_is_an_event_that_nobody_knows(packet: str | bytes) -> None:
    read = RelayPacket(encoded_packet=packet)
    assert (read.packet_type, read.data[0], read.attachment_count) == (2, UNREADABLE, 0)


@given(st.text(max_size=30) | st.binary(max_size=30) | st.text(alphabet='0123456789/,-[]{}"a', max_size=20))
def test_nothing_is_raised_and_no_binary_part_is_waited_for(packet: str | bytes) -> None:
    assert RelayPacket(encoded_packet=packet).attachment_count == 0
