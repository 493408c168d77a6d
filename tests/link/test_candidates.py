"""To which addresses a phone can have the agent send datagrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.link.candidates import MOST_ADDRESSES, Addresses


def candidate(host: str, port: object = 50000, protocol: str = "udp") -> str:
    return f"candidate:1 1 {protocol} 2130706431 {host} {port} typ host"


@pytest.mark.parametrize(
    "host",
    [
        "192.168.1.5",
        "10.0.0.1",
        "8.8.8.8",
        "2001:db8::1",
        "fe80::1",
        "fd00::2",
        "a1b2c3d4-0000-4000-8000-000000000000.local",
    ],
)
def test_addresses_that_phones_have_are_checked(host: str) -> None:
    assert Addresses().allow(candidate(host))
    assert Addresses().allow(candidate(host, protocol="UDP"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:",
        "x" * 2000,
        candidate("0.0.0.0"),
        candidate("::"),
        candidate("127.0.0.1"),
        candidate("::1"),
        candidate("::ffff:127.0.0.1"),
        candidate("::ffff:0.0.0.0"),
        candidate("224.0.0.251"),
        candidate("ff02::fb"),
        candidate("255.255.255.255"),
        candidate("240.0.0.1"),
        candidate("example.org"),
        candidate("localhost"),
        candidate("a.b.local"),
        candidate("192.168.1.5", 53),
        candidate("192.168.1.5", 0),
        candidate("192.168.1.5", 65536),
        candidate("192.168.1.5", "9" * 5000),
        candidate("192.168.1.5", "-1"),
        candidate("192.168.1.5", "٣٣٣٣"),
        candidate("192.168.1.5", protocol="tcp"),
    ],
)
def test_addresses_that_no_phone_has_are_not(text: str) -> None:
    assert not Addresses().allow(text)


def test_a_machine_that_is_reached_by_itself_only_answers_there() -> None:
    assert Addresses(loopback=True).allow(candidate("127.0.0.1"))


def test_one_call_has_only_so_many_addresses_however_they_come() -> None:
    here = Addresses()
    sdp = "v=0\r\n" + "".join(f"a={candidate('10.0.0.1', 2000 + number)}\r\n" for number in range(1000)) + "a=end\r\n"
    assert here.strip(sdp).count("candidate:") == MOST_ADDRESSES
    assert not here.allow(candidate("10.0.0.2"))
    assert here.allow(candidate("10.0.0.1", 2000))  # one that is checked already
    assert here.strip(sdp).endswith("a=end\r\n")


@given(st.text(max_size=200))
def test_whatever_stands_there_is_read(text: str) -> None:
    Addresses().allow(text)
    assert "candidate" not in Addresses().strip(f"a=candidate:{text}").splitlines()[:1]
