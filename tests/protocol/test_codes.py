"""Invitations: one use, ten minutes, no lock; and the count of failed sign-ins per address."""

import itertools
import math
import re
import secrets
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
    SECRET_LENGTH,
    SITE_ATTEMPTS_PER_MINUTE,
    Attempts,
    ClientKind,
    Codes,
    Grant,
    is_secret,
)

NO_CODE = "0000-0000"
START = 1_700_000_000.0


def counting() -> Callable[[str], str]:
    """A `pick` that returns every code once, by counting in the alphabet's digits."""
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


class CodesAgainstModel(RuleBasedStateMachine):
    """`waiting` has the codes that must be usable, oldest first."""

    @initialize(capacity=st.integers(1, 5))
    def begin(self, capacity: int) -> None:
        self.ledger = Ledger({"relay.codes": capacity})
        self.codes = Codes(self.ledger, counting())
        self.capacity = capacity
        self.now = START
        self.ids = (f"grant-{number}" for number in itertools.count())
        self.waiting: dict[str, Grant] = {}
        self.void: list[Grant] = []

    def _forget(self, grant_id: str) -> None:
        self.void = [*self.void[-20:], self.waiting.pop(grant_id)]

    @rule(kind=st.sampled_from([ClientKind.AGENT, ClientKind.E2E, ClientKind.LEGACY]))
    def issue(self, kind: ClientKind) -> None:
        if len(self.waiting) == self.capacity:
            of_kind = [grant_id for grant_id, grant in self.waiting.items() if grant.kind is kind]
            self._forget(of_kind[0] if of_kind else next(iter(self.waiting)))
        grant = self.codes.issue(next(self.ids), kind, self.now)
        assert (grant.kind, grant.expires_at) == (kind, self.now + CODE_SECONDS)
        self.waiting[grant.grant_id] = grant
        assert len(self.codes) == len(self.waiting)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), typed=st.sampled_from([str, str.lower, lambda code: f" {code[:3]} - {code[3:]}\n"]))
    def use(self, data: st.DataObject, typed: Callable[[str], str]) -> None:
        grant = self.waiting[data.draw(st.sampled_from(list(self.waiting)))]
        assert self.codes.find(typed(grant.code), self.now) == self.codes.get(grant.grant_id, self.now) == grant
        self.codes.use(grant)
        self._forget(grant.grant_id)

    @rule(data=st.data())
    def a_wrong_code_finds_nothing(self, data: st.DataObject) -> None:
        typed = data.draw(st.sampled_from([NO_CODE, "", "-", "\ud800", "ß" * 8, *(grant.code for grant in self.void)]))
        assert self.codes.find(typed, self.now) is None

    @precondition(lambda self: self.void)
    @rule(data=st.data())
    def a_void_token_does_nothing(self, data: st.DataObject) -> None:
        assert self.codes.get(data.draw(st.sampled_from(self.void)).grant_id, self.now) is None

    @rule(seconds=st.sampled_from([1.0, 300.0, 599.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for grant_id, grant in list(self.waiting.items()):
            if self.now - (grant.expires_at - CODE_SECONDS) >= CODE_SECONDS:
                self._forget(grant_id)

    @invariant()
    def waiting_codes_stay_within_the_limit(self) -> None:
        if hasattr(self, "codes"):
            assert len(self.waiting) <= self.capacity
            entry = next(entry for entry in self.ledger.entries() if entry.name == RELAY_CODES.name)
            assert entry.used == len(self.codes) <= self.capacity


TestCodesAgainstModel = CodesAgainstModel.TestCase
TestCodesAgainstModel.settings = settings(max_examples=80, stateful_step_count=40)


@pytest.mark.parametrize("kind", [ClientKind.AGENT, ClientKind.LEGACY])
def test_a_code_that_people_type_is_easy_to_read_and_to_type(kind: ClientKind) -> None:
    code = the_codes().issue("g", kind, START).code
    assert (len(code), code[4]) == (9, "-")
    assert set(code) - {"-"} <= set(ALPHABET)
    assert not set("0O1IL") & set(ALPHABET)
    assert not is_secret(code)


def test_the_code_of_a_link_is_a_secret_of_128_bits() -> None:
    code = Codes(Ledger(), secrets.choice).issue("g", ClientKind.E2E, START).code
    assert SECRET_LENGTH * math.log2(len(ALPHABET)) >= 128
    assert re.fullmatch(f"[A-Z0-9]{{{SECRET_LENGTH}}}", code)
    assert is_secret(code)


@pytest.mark.parametrize(("age", "works"), [(CODE_SECONDS - 0.001, True), (CODE_SECONDS, False), (601, False)])
def test_a_code_and_its_token_last_ten_minutes(age: float, works: bool) -> None:
    codes = the_codes()
    grant = codes.issue("g", ClientKind.LEGACY, START)
    assert (codes.find(grant.code, START + age) is not None) is works
    assert (codes.get("g", START + age) is not None) is works


@pytest.mark.parametrize(("count", "oldest_works"), [(2, True), (3, True), (4, False)])
def test_with_too_many_waiting_the_oldest_is_void(count: int, oldest_works: bool) -> None:
    codes = the_codes(capacity=3)
    grants = [codes.issue(str(number), ClientKind.LEGACY, START) for number in range(count)]
    assert (codes.get("0", START) is not None) is oldest_works
    assert codes.find(grants[-1].code, START) == grants[-1]


def test_invitations_of_one_kind_void_none_of_another_while_there_are_some_of_their_own() -> None:
    codes = the_codes(capacity=3)
    link = codes.issue("link", ClientKind.E2E, START)
    for number in range(9):
        codes.issue(str(number), ClientKind.LEGACY, START)
    assert codes.find(link.code, START) == link


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_any_other_text_is_a_wrong_code(typed: str) -> None:
    codes = Codes(Ledger(), lambda alphabet: alphabet[-1])
    codes.issue("g", ClientKind.LEGACY, START)
    is_right = "".join(filter(str.isalnum, typed.upper())) == ALPHABET[-1] * CODE_LENGTH
    assert (codes.find(typed, START) is not None) is is_right


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


@pytest.mark.parametrize(
    ("address", "is_blocked"),
    [
        ("2001:db8:0:1::1", True), ("2001:db8:0:1:ffff::9", True), ("2001:db8:0:1::1%eth0", True),
        ("2001:db8:0:2::1", False), ("fe80::1", False), ("10.0.0.1", False),
    ],
)  # fmt: skip
def test_a_host_can_t_try_from_another_address_of_its_ipv6_network(address: str, is_blocked: bool) -> None:
    attempts = Attempts(Ledger())
    for number in range(ATTEMPTS_PER_MINUTE):
        attempts.failed(f"2001:db8:0:1::{number:x}", 0.0)
    assert blocked(attempts, address, 0.0) is is_blocked


def test_a_site_can_t_try_from_each_of_its_ipv6_networks() -> None:
    attempts = Attempts(Ledger())
    for number in range(SITE_ATTEMPTS_PER_MINUTE):
        assert not blocked(attempts, f"2001:db8:0:{number:x}::1", 0.0)
        attempts.failed(f"2001:db8:0:{number:x}::1", 0.0)
    assert blocked(attempts, "2001:db8:0:ffff::1", 0.0)
    assert not blocked(attempts, "2001:db8:1::1", 0.0)


def test_an_ipv4_address_is_the_same_when_it_is_mapped() -> None:
    attempts = Attempts(Ledger())
    for _ in range(ATTEMPTS_PER_MINUTE):
        attempts.failed("::ffff:10.0.0.1", 0.0)
    assert blocked(attempts, "10.0.0.1", 0.0)
    assert not blocked(attempts, "::ffff:10.0.0.2", 0.0)


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
def test_the_number_of_remembered_addresses_is_limited(others: int, remembered: bool) -> None:
    ledger = Ledger({"relay.attempts": 3})
    attempts = Attempts(ledger)
    for _ in range(ATTEMPTS_PER_MINUTE):
        attempts.failed("one", 0.0)
    for number in range(others):
        attempts.failed(f"other-{number}", 0.0)
    assert blocked(attempts, "one", 0.0) is remembered
    assert next(entry.used for entry in ledger.entries() if entry.name == RELAY_ATTEMPTS.name) == 3


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_nobody_fails_more_than_twice_the_number_in_any_minute(steps: list[tuple[str, float]]) -> None:
    """The window is fixed, not sliding: around its boundary twice as many attempts are possible, never more."""
    attempts, now = Attempts(Ledger()), 0.0
    let_in: list[tuple[str, float]] = []
    for address, pause in steps:
        now += pause
        if not blocked(attempts, address, now):
            let_in.append((address, now))
            attempts.failed(address, now)
    for who, when in let_in:
        assert sum(1 for address, at in let_in if address == who and when <= at < when + 60) <= 2 * ATTEMPTS_PER_MINUTE
