"""Payloads for every event of the protocol, drawn by hypothesis from the message types themselves.

A new message, or a new field, is fuzzed as soon as it is in a table of `mobifai.protocol.messages`.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from msgspec import inspect

Tables = tuple[Mapping[str, Any], ...]

LONGEST_TEXT = 80
"""The most characters of a drawn text. Mutation makes long texts without drawing them."""

EDGES = st.sampled_from(
    [None, True, False, 0, -1, 1, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63, -(2**63), 2**64, 0.5, -0.0, 1e308, 10**400]
)
TEXTS = st.sampled_from(
    ["", " ", "\0", "0", "\x1b[6n", "\r\n", "\u202e", "\ud800", "\uffff", "é" * 40, "a" * 64, "a" * 65, "../..", "*"]
)
ANY = st.recursive(
    EDGES | TEXTS | st.text(max_size=20) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


UNKNOWN = ("message", "connect", "disconnect", "*", "", "code:getFile", "openCurrentDir", "x" * 65, "__proto__")
"""Events that no table has."""


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON values of a message type, which are mostly valid."""
    return _of(inspect.type_info(kind))


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda choice: ANY if choice == 0 else _valid(info))


def _valid(info: inspect.Type) -> st.SearchStrategy[Any]:
    match info:
        case inspect.StructType():
            return _struct(info)
        case inspect.UnionType():
            return st.one_of([_of(one) for one in info.types])
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.StrType():
            return _text(info)
        case inspect.IntType():
            return st.integers(info.ge, info.le) | st.integers(-3, 300)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.VarTupleType() | inspect.ListType():
            return st.lists(_of(info.item_type), max_size=min(info.max_length or 6, 6))
        case inspect.DictType():
            return st.dictionaries(st.text(max_size=8), ANY, max_size=6)
        case inspect.DateTimeType():
            return st.datetimes().map(datetime.isoformat)
    return ANY


def _struct(info: inspect.StructType) -> st.SearchStrategy[Any]:
    required = {field.encode_name: _of(field.type) for field in info.fields if field.required}
    optional = {field.encode_name: _of(field.type) for field in info.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional)


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    longest = min(info.max_length or LONGEST_TEXT, LONGEST_TEXT)
    if info.pattern is None:
        return TEXTS | st.text(max_size=longest)
    # Two thirds are valid, so that code behind the validation is reached.
    in_form = st.from_regex(re.compile(info.pattern, re.ASCII)).filter(lambda text: len(text) <= longest)
    return in_form | in_form | TEXTS


def draw(strategy: st.SearchStrategy[Any], amount: int, number: int) -> list[Any]:
    """Examples of a strategy, the same ones for the same seed."""
    drawn: list[Any] = []

    @seed(number)
    @settings(
        max_examples=amount,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        drawn.append(value)

    collect()
    return drawn


def events(chosen: Tables, each: int, number: int) -> list[tuple[str, Any]]:
    """Return some payloads for every event of these tables, and for a few unknown events."""
    kinds = {**dict.fromkeys(UNKNOWN, msgspec.Raw), **_joined(chosen)}
    return [(event, payload) for event, kind in kinds.items() for payload in _drawn(kind, each, number)]


@cache
def _drawn(kind: Any, each: int, number: int) -> list[Any]:
    """Return examples of a type. They are drawn once for a run, because that is slow."""
    return draw(of_type(kind), each, number)


def _joined(chosen: Tables) -> dict[str, Any]:
    return {event: kind for table in chosen for event, kind in table.items()}
