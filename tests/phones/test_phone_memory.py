"""What a phone remembers is bounded, and what is waited for is found."""

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.phone.event_log import CHARACTERS, EVENTS, NAMES, ChangeNotifier, EventLog, PhoneError
from soak.phone.frames import frame
from soak.phone.screen import TAIL, TERMINALS, Screens, TerminalText, shows


@pytest.mark.parametrize(("added", "kept"), [(EVENTS - 1, EVENTS - 1), (EVENTS, EVENTS), (EVENTS + 1, EVENTS)])
def test_the_newest_events_of_a_name_are_kept(added: int, kept: int) -> None:
    log = EventLog()
    for number in range(added):
        log.add("flood", number, "relay")
    log.add("rare", "still here", "relay")
    assert log.names().count("flood") == kept
    oldest = log.take(("flood",), None, 0)
    assert oldest is not None
    assert oldest.payload == added - kept
    assert log.take(("rare",), None, 0) is not None


@pytest.mark.parametrize(("size", "kept"), [(CHARACTERS // 4, 4), (CHARACTERS // 4 + 1, 3), (CHARACTERS * 2, 1)])
def test_large_events_are_kept_as_long_as_there_is_room(size: int, kept: int) -> None:
    log = EventLog()
    for _ in range(10):
        log.add("terminal:output", {"uuid": "", "data": "x" * size}, "channel")
    assert len(log.names()) == kept


@pytest.mark.parametrize(("names", "kept"), [(NAMES - 1, NAMES - 1), (NAMES, NAMES), (NAMES + 1, NAMES)])
def test_event_names_are_bounded(names: int, kept: int) -> None:
    log = EventLog()
    for number in range(names):
        log.add(f"event {number}", None, "relay")
    assert len(log.names()) == kept
    assert log.count == names


def test_an_event_is_taken_once_oldest_first_and_by_what_is_in_it() -> None:
    log = EventLog()
    for payload in ("a", "b", "a"):
        log.add("e", payload, "relay")
    mark = log.count
    log.add("other", "a", "relay")
    assert take(log, ("other", "e"), "a") == ("e", 0)
    assert take(log, ("e",), "a") == ("e", 2)
    assert take(log, ("e",), "a") is None
    assert take(log, ("e",), "b", since=mark) is None
    assert take(log, ("other",), "a", since=mark) == ("other", mark)


def take(log: EventLog, events: tuple[str, ...], payload: str, since: int = 0) -> tuple[str, int] | None:
    received = log.take(events, lambda found: found == payload, since)
    return received and (received.event, received.number)


async def test_waiting_ends_with_the_news_the_failure_or_the_time() -> None:
    news, facts = ChangeNotifier(), list[str]()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(news.until(lambda: facts or None, 5, lambda: "a fact"))
        await asyncio.sleep(0)
        facts.append("it is so")
        news.notify()
    assert waiting.result() == ["it is so"]
    with pytest.raises(PhoneError, match=r"expected a miracle within 0\.01 s"):
        await news.until(lambda: None, 0.01, lambda: "a miracle")
    news.fail(ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        await news.until(lambda: None, 5, lambda: "a miracle")


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_only_the_end_of_a_text_is_kept_and_all_of_it_counted(excess: int) -> None:
    bounded, whole = TerminalText(keep_all=False), TerminalText(keep_all=True)
    parts = ["ä" * (TAIL + excess), "-" * TAIL]
    for part in parts:
        bounded.output(part)
        whole.output(part)
    assert whole.text() == "".join(parts)
    assert bounded.text() == parts[1]
    everything = "".join(parts).encode()
    assert bounded.totals() == whole.totals()
    assert bounded.totals().bytes == len(everything)
    assert bounded.totals().sha256 == hashlib.sha256(everything).hexdigest()


def test_half_of_a_surrogate_pair_is_text_too() -> None:
    text = TerminalText(keep_all=True)
    text.output("\ud83d")
    assert text.totals().bytes == 3


def test_a_screen_replaces_the_text_but_not_the_totals() -> None:
    text = TerminalText(keep_all=True)
    text.output("before")
    text.replace("\x1bcscreen")
    text.output(" after")
    assert text.text() == "\x1bcscreen after"
    assert text.screen == "\x1bcscreen"
    assert text.totals().bytes == len("before after")


@given(parts=st.lists(st.text("ab", max_size=5)), needle=st.text("ab", min_size=1, max_size=4))
def test_a_text_is_found_wherever_it_is_cut(parts: list[str], needle: str) -> None:
    terminal, found = TerminalText(keep_all=True), shows(needle)
    seen = found(terminal)
    for part in parts:
        terminal.output(part)
        seen = found(terminal) or seen
    assert seen == (needle in "".join(parts))


def test_terminals_are_bounded() -> None:
    screens = Screens(keep_all=True)
    for number in range(TERMINALS + 1):
        screens.of(str(number)).output("x")
    assert screens.of("1").text() == "x"
    assert screens.of("0").text() == ""


def test_the_code_editor_has_a_namespace_in_one_style_only() -> None:
    assert frame("react", "code:getFile", {}) == {"namespace": "code", "action": "getFile", "payload": {}}
    assert frame("flutter", "code:getFile", {}) == {"type": "getFile", "payload": {}}
