"""Strategies for input from the wire: any data, and every message that the protocol allows."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as types

LONE_SURROGATES = "".join(chr(number) for number in (0xD800, 0xDBFF, 0xDC00, 0xDFFF))

any_text = st.text(st.characters(exclude_categories=()) | st.sampled_from(LONE_SURROGATES))
"""Texts that may contain lone surrogates, which JSON can express."""

plain_text = st.text(st.characters(exclude_categories=["Cs"]))

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.integers(-(2**70), 2**70)
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | any_text
    | st.sampled_from(["", "mac", "mobile", "a" * 65, "0" * 257, "answer", "text", "\ud800", "a\n", "0x10"])
)

anything = st.recursive(
    _scalars | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text | st.integers(-3, 3), inner, max_size=5),
    max_leaves=20,
)
"""Any value that a library for JSON, or Socket.IO with its binary parts, can decode from a packet."""


def almost(kind: object) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for objects with the fields of a message, any of which may be missing or invalid."""
    fields = [field.encode_name for struct in _structs(types.type_info(kind)) for field in struct.fields]
    return st.dictionaries(st.sampled_from([*fields, "unknown"]), anything | valid(kind), max_size=8)


def valid(kind: object) -> st.SearchStrategy[Any]:
    """Return a strategy for the JSON values of a message's type."""
    return _of(types.type_info(kind))


def _structs(info: types.Type) -> list[types.StructType]:
    if isinstance(info, types.UnionType):
        return [struct for each in info.types for struct in _structs(each)]
    return [info] if isinstance(info, types.StructType) else []


def _of(info: types.Type) -> st.SearchStrategy[Any]:
    match info:
        case types.StructType():
            return _object(info)
        case types.UnionType():
            return st.one_of([_of(each) for each in info.types])
        case types.StrType():
            return _string(info)
        case types.LiteralType():
            return st.sampled_from(info.values)
        case types.IntType():
            return st.integers(info.ge, info.le)
        case types.BoolType():
            return st.booleans()
        case types.VarTupleType():
            return st.lists(_of(info.item_type), max_size=min(info.max_length or 5, 5))
        case types.DictType():
            return st.dictionaries(plain_text, st.integers() | plain_text | st.booleans(), max_size=3)
        case types.NoneType():
            return st.none()
    raise NotImplementedError(f"expected a type that a message uses; found {info}: teach `_of` how to make one")


def _object(info: types.StructType) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {field.encode_name: _of(field.type) for field in info.fields if field.required},
        optional={field.encode_name: _of(field.type) for field in info.fields if not field.required},
    )


def _string(info: types.StrType) -> st.SearchStrategy[str]:
    longest = min(info.max_length or 40, 40)
    if info.pattern is None:
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=info.min_length or 0, max_size=longest)
    return st.text("0123456789abcdefABCDEF", min_size=info.min_length or 0, max_size=longest)


def nested(depth: int) -> object:
    """Return deeply nested objects."""
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def json_of(value: object) -> msgspec.Raw:
    """Return the JSON that a peer sends for a value."""
    return msgspec.Raw(msgspec.json.encode(value))
