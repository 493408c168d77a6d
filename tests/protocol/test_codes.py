"""Pairing codes: one use, ten minutes, five wrong tries; and the count of failed sign-ins per address."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.bounds import Ledger
from mobifai.errors import SignInRefused
from mobifai.limits import RELAY_ATTEMPTS, RELAY_CODES
from mobifai.protocol.codes import (
    ALPHABET,
    ATTEMPTS_PER_MINUTE,
    CODE_LENGTH,
    CODE_SECONDS,
    WRONG_TRIES,
    Attempts,
    Codes,
    Grant,
)

NO_CODE = "0000-0000"
START = 1_700_000_000.0


def counting() -> Callable[[str], str]:
    """A `pick` that gives every code once: it counts, in the alphabet's digits."""
    numbers = itertools.count()
    digits: list[str] = []

    def pick(alphabet: str) -> str:
        if not digits:
            number = next(numbers)
            for _ in range(CODE_LENGTH):
                number, digit = divmod(number, len(alphabet))
                digits.append(alphabet[digit])
        return digits.pop()

    return pick


def the_codes(capacity: int = 16) -> Codes:
    return Codes(Ledger({"relay.codes": capacity}), counting())


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except SignInRefused as error:
        assert "mobifai pair" in str(error)
        return True
    return False


class CodesAgainstModel(RuleBasedStateMachine):
    """`waiting` is, oldest first, what must be usable: the grant, and how many wrong tries its code has seen."""

    @initialize(capacity=st.integers(1, 5))
    def begin(self, capacity: int) -> None:
        self.ledger = Ledger({"relay.codes": capacity})
        self.codes = Codes(self.ledger, counting())
        self.capacity = capacity
        self.now = START
        self.ids = (f"grant-{number}" for number in itertools.count())
        self.waiting: dict[str, tuple[Grant, int]] = {}
        self.void: list[Grant] = []

    def _forget(self, grant_id: str) -> None:
        self.void = [*self.void[-20:], self.waiting.pop(grant_id)[0]]

    @rule()
    def issue(self) -> None:
        if len(self.waiting) == self.capacity:
            self._forget(next(iter(self.waiting)))
        grant = self.codes.issue(next(self.ids), self.now)
        assert grant.expires_at == self.now + CODE_SECONDS
        self.waiting[grant.grant_id] = (grant, 0)
        assert len(self.codes) == len(self.waiting)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), typed=st.sampled_from([str, str.lower, lambda code: f" {code[:3]} - {code[3:]}\n"]))
    def redeem(self, data: st.DataObject, typed: Callable[[str], str]) -> None:
        grant, wrong = self.waiting[data.draw(st.sampled_from(list(self.waiting)))]
        if wrong >= WRONG_TRIES:
            assert refused(lambda: self.codes.redeem(typed(grant.code), self.now))
            self._count_a_wrong_try()
            return
        assert self.codes.redeem(typed(grant.code), self.now).grant_id == grant.grant_id
        self._forget(grant.grant_id)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        grant_id = data.draw(st.sampled_from(list(self.waiting)))
        assert self.codes.claim(grant_id, self.now).grant_id == grant_id
        self._forget(grant_id)

    @rule(data=st.data(), times=st.integers(1, 3))
    def a_wrong_code_counts_against_all_that_wait(self, data: st.DataObject, times: int) -> None:
        for _ in range(times):
            self._type_a_wrong_code(data)

    def _type_a_wrong_code(self, data: st.DataObject) -> None:
        typed = data.draw(st.sampled_from([NO_CODE, "", "-", "\ud800", "ß" * 8, *(grant.code for grant in self.void)]))
        assert refused(lambda: self.codes.redeem(typed, self.now))
        self._count_a_wrong_try()

    def _count_a_wrong_try(self) -> None:
        self.waiting = {grant_id: (grant, wrong + 1) for grant_id, (grant, wrong) in self.waiting.items()}
        assert len(self.codes) == len(self.waiting)

    @precondition(lambda self: self.void)
    @rule(data=st.data())
    def a_void_token_does_nothing(self, data: st.DataObject) -> None:
        grant = data.draw(st.sampled_from(self.void))
        assert refused(lambda: self.codes.claim(grant.grant_id, self.now))

    @rule(seconds=st.sampled_from([1.0, 300.0, 599.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for grant_id, (grant, _) in list(self.waiting.items()):
            if self.now - (grant.expires_at - CODE_SECONDS) >= CODE_SECONDS:
                self._forget(grant_id)

    @invariant()
    def no_more_wait_than_may(self) -> None:
        if hasattr(self, "codes"):
            assert len(self.waiting) <= self.capacity
            entry = next(entry for entry in self.ledger.entries() if entry.name == RELAY_CODES.name)
            assert entry.used == len(self.codes) <= self.capacity


TestCodesAgainstModel = CodesAgainstModel.TestCase
TestCodesAgainstModel.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_a_code_is_easy_to_read_and_to_type() -> None:
    code = the_codes().issue("g", START).code
    assert (len(code), code[4]) == (9, "-")
    assert set(code) - {"-"} <= set(ALPHABET)
    assert not set("0O1IL") & set(ALPHABET)


def test_a_code_works_once() -> None:
    codes = the_codes()
    code = codes.issue("g", START).code
    assert codes.redeem(code, START).grant_id == "g"
    assert refused(lambda: codes.redeem(code, START))
    assert refused(lambda: codes.claim("g", START))


def test_a_token_works_once_and_uses_its_code_up() -> None:
    codes = the_codes()
    code = codes.issue("g", START).code
    assert codes.claim("g", START).grant_id == "g"
    assert refused(lambda: codes.claim("g", START))
    assert refused(lambda: codes.redeem(code, START))


@pytest.mark.parametrize(("age", "works"), [(CODE_SECONDS - 0.001, True), (CODE_SECONDS, False), (601, False)])
def test_a_code_and_its_token_last_ten_minutes(age: float, works: bool) -> None:
    codes = the_codes()
    first, _ = codes.issue("first", START), codes.issue("second", START)
    assert refused(lambda: codes.redeem(first.code, START + age)) is not works
    assert refused(lambda: codes.claim("second", START + age)) is not works


@pytest.mark.parametrize(("tries", "works"), [(WRONG_TRIES - 1, True), (WRONG_TRIES, False), (WRONG_TRIES + 1, False)])
def test_five_wrong_tries_lock_a_code_but_not_its_token(tries: int, works: bool) -> None:
    codes = the_codes()
    first, _ = codes.issue("first", START), codes.issue("second", START)
    for _ in range(tries):
        assert refused(lambda: codes.redeem(NO_CODE, START))
    assert refused(lambda: codes.redeem(first.code, START)) is not works
    assert codes.claim("second", START).grant_id == "second"


def test_a_new_code_begins_without_wrong_tries() -> None:
    codes = the_codes()
    codes.issue("old", START)
    for _ in range(WRONG_TRIES - 1):
        assert refused(lambda: codes.redeem(NO_CODE, START))
    new = codes.issue("new", START)
    assert refused(lambda: codes.redeem(NO_CODE, START))
    assert codes.claim("old", START)
    assert codes.redeem(new.code, START).grant_id == "new"


@pytest.mark.parametrize(("count", "oldest_works"), [(2, True), (3, True), (4, False)])
def test_with_too_many_waiting_the_oldest_is_void(count: int, oldest_works: bool) -> None:
    codes = the_codes(capacity=3)
    grants = [codes.issue(str(number), START) for number in range(count)]
    assert refused(lambda: codes.claim("0", START)) is not oldest_works
    assert codes.redeem(grants[-1].code, START) == grants[-1]


@given(st.text(st.characters(exclude_categories=()), max_size=30))
@settings(deadline=None)
def test_any_other_text_is_a_wrong_code(typed: str) -> None:
    codes = Codes(Ledger(), lambda alphabet: alphabet[-1])
    codes.issue("g", START)
    if "".join(filter(str.isalnum, typed.upper())) != ALPHABET[-1] * CODE_LENGTH:
        assert refused(lambda: codes.redeem(typed, START))


# -- failed sign-ins of an address


def blocked(attempts: Attempts, address: str, now: float) -> bool:
    try:
        attempts.check(address, now)
    except SignInRefused as error:
        assert "wait a minute" in str(error)
        return True
    return False


@pytest.mark.parametrize(
    ("failures", "refuses"), [(ATTEMPTS_PER_MINUTE - 1, False), (ATTEMPTS_PER_MINUTE, True), (50, True)]
)
def test_an_address_that_fails_too_often_is_refused(failures: int, refuses: bool) -> None:
    attempts = Attempts(Ledger())
    for _ in range(failures):
        attempts.failed("one", 0.0)
    assert blocked(attempts, "one", 0.0) is refuses
    assert not blocked(attempts, "other", 0.0)


@pytest.mark.parametrize(("later", "refuses"), [(0.0, True), (59.9, True), (60.0, False), (1e9, False)])
def test_after_a_minute_it_may_try_again(later: float, refuses: bool) -> None:
    attempts = Attempts(Ledger())
    for _ in range(ATTEMPTS_PER_MINUTE):
        attempts.failed("one", 100.0)
    assert blocked(attempts, "one", 100.0 + later) is refuses


def test_a_failure_after_a_minute_begins_a_new_count() -> None:
    attempts = Attempts(Ledger())
    for _ in range(ATTEMPTS_PER_MINUTE):
        attempts.failed("one", 0.0)
    attempts.failed("one", 60.0)
    assert not blocked(attempts, "one", 60.0)
    for _ in range(ATTEMPTS_PER_MINUTE - 1):
        attempts.failed("one", 61.0)
    assert blocked(attempts, "one", 61.0)


@pytest.mark.parametrize(("others", "remembered"), [(2, True), (3, False)])
def test_it_remembers_no_more_addresses_than_it_may(others: int, remembered: bool) -> None:
    ledger = Ledger({"relay.attempts": 3})
    attempts = Attempts(ledger)
    for _ in range(ATTEMPTS_PER_MINUTE):
        attempts.failed("one", 0.0)
    for number in range(others):
        attempts.failed(f"other-{number}", 0.0)
    assert blocked(attempts, "one", 0.0) is remembered
    assert next(entry.used for entry in ledger.entries() if entry.name == RELAY_ATTEMPTS.name) == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
@settings(deadline=None)
def test_nobody_fails_more_than_twice_the_number_in_any_minute(steps: list[tuple[str, float]]) -> None:
    """The window is fixed, not sliding: at its seam a person may try twice as often, never more."""
    attempts, now = Attempts(Ledger()), 0.0
    let_in: list[tuple[str, float]] = []
    for address, pause in steps:
        now += pause
        if not blocked(attempts, address, now):
            let_in.append((address, now))
            attempts.failed(address, now)
    for who, when in let_in:
        assert sum(1 for address, at in let_in if address == who and when <= at < when + 60) <= 2 * ATTEMPTS_PER_MINUTE
