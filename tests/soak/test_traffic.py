"""The check of bytes: what `CheckedTabs` records of the output that a phone receives."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from soak import shell
from soak.phone.encryption import PhoneKeys
from soak.phone.event_log import PhoneError
from soak.phone.expected_output import ExpectedStream
from soak.phone.phone import Phone
from soak.phone.traffic import IntegrityError
from soak.scenarios.context import ScenarioContext
from soak.scenarios.terminal_checks import CheckedTabs

UUID = "one"


class NoTarget:
    """An agent that no test uses."""

    relay_url = "http://nowhere.invalid"
    device_id = "agent"

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        raise AssertionError(question)

    async def token(self, number: int, *, encrypted: bool = False) -> str:
        raise AssertionError(number)

    async def keys(self, number: int) -> PhoneKeys | None:
        raise AssertionError(number)

    async def restart_relay(self, *, politely: bool) -> None:
        raise AssertionError(politely)


def watching() -> tuple[CheckedTabs, Phone]:
    tabs = CheckedTabs(ScenarioContext(NoTarget(), Random(1)))  # noqa: S311
    tabs.expect(UUID, ExpectedStream(100_000)).will_print(shell.GREETING + shell.say("hello é€😀").printed)
    phone = Phone(NoTarget.relay_url, name="phone")
    tabs.watch(phone)
    return tabs, phone


def hears(phone: Phone, data: str, uuid: str = UUID, event: str = "terminal:output") -> None:
    phone.receive(event, {"uuid": uuid, "data": data}, "relay")


async def test_what_is_printed_is_counted_and_waited_for() -> None:
    tabs, phone = watching()
    for data in ("soak é€", "😀\n", "hello é€😀\n"):
        assert not tabs.complete(phone, UUID)
        hears(phone, data)
    await tabs.settled(phone, UUID)
    assert tabs.context.traffic.bytes_received == len("soak é€😀\nhello é€😀\n".encode())
    assert tabs.context.traffic.lost == 0


async def test_a_missing_byte_fails_who_waits_and_is_counted() -> None:
    tabs, phone = watching()
    hears(phone, "soak é€😀\n")
    hears(phone, "ello é€😀\n")
    with pytest.raises(IntegrityError, match=r"terminal one, terminal:output: expected 'hello .*: 1 byte was lost"):
        await tabs.settled(phone, UUID)
    assert tabs.context.traffic.lost == 1


async def test_another_terminals_output_is_not_taken_for_this_ones() -> None:
    tabs, phone = watching()
    hears(phone, "anything", uuid="two")
    assert tabs.context.traffic.lost == 0
    assert tabs.position(phone, UUID) == 0


async def test_what_the_assistant_types_is_expected_from_when_it_says_so() -> None:
    tabs, phone = watching()
    hears(phone, "soak é€😀\nhello é€😀\n")
    assert tabs.complete(phone, UUID)
    phone.receive("ai:action", {"uuid": UUID, "action": {"type": "keystroke", "text": "say I\n"}}, "relay")
    assert not tabs.complete(phone, UUID)
    hears(phone, "I\n")
    assert tabs.complete(phone, UUID)


async def test_output_that_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soak.scenarios.terminal_checks.PATIENCE", 0.01)
    tabs, phone = watching()
    hears(phone, "soak ")
    with pytest.raises(PhoneError, match="terminal one, of which 5 bytes have arrived, to print 31"):
        await tabs.settled(phone, UUID)


def test_at_least_one_byte_is_amiss_in_an_error() -> None:
    assert IntegrityError("odd", 0).amount == 1
