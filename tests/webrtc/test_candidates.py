"""The addresses to which a phone can make the agent send datagrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.webrtc.candidates import MOST_ADDRESSES, Addresses


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
    assert Addresses().allow(host, 50000)
    assert Addresses().allow(host, 50000, "UDP")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "x" * 2000,
        "0.0.0.0",
        "::",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "224.0.0.251",
        "ff02::fb",
        "255.255.255.255",
        "240.0.0.1",
        "example.org",
        "localhost",
        "a.b.local",
        "a.local\n",
    ],
)
def test_addresses_that_no_phone_has_are_not(host: str) -> None:
    assert not Addresses().allow(host, 50000)


@pytest.mark.parametrize("port", [-1, 0, 53, 1023, 65536, 10**50])
def test_ports_that_no_phone_has_are_not(port: int) -> None:
    assert not Addresses().allow("192.168.1.5", port)


def test_no_connection_is_made_by_tcp() -> None:
    assert not Addresses().allow("192.168.1.5", 50000, "tcp")


def test_loopback_is_allowed_on_a_machine_without_a_network() -> None:
    assert Addresses(loopback=True).allow("127.0.0.1", 50000)


def test_one_call_has_only_so_many_addresses_however_they_come() -> None:
    here = Addresses()
    assert sum(here.allow("10.0.0.1", 2000 + number) for number in range(1000)) == MOST_ADDRESSES
    assert not here.allow("10.0.0.2", 2000)
    assert here.allow("10.0.0.1", 2000)  # one that is checked already


def test_seen_addresses_are_limited_separately_from_named_ones() -> None:
    here = Addresses()
    assert sum(here.allow("10.0.0.1", 2000 + number) for number in range(1000)) == MOST_ADDRESSES
    assert sum(here.allow_seen("10.0.0.2", 2000 + number) for number in range(1000)) == MOST_ADDRESSES
    assert here.allow_seen("10.0.0.1", 2000)
    assert not Addresses().allow_seen("127.0.0.1", 2000)
    assert not Addresses().allow_seen("10.0.0.2", 53)


@given(st.text(max_size=200), st.integers(), st.text(max_size=5))
def test_no_address_raises_an_exception(host: str, port: int, transport: str) -> None:
    Addresses().allow(host, port, transport)
    Addresses().may_be_a_phone(host)
