"""Changes inputs: JSON values, and bytes. This is fast, because nearly every input passes through it."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

DEEP = 4000
"""A nesting depth that a recursive reader can't handle."""

LONG = 70_000

_LEAVES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 255, 65536, 2**31, 2**53, 2**63, 2**64, -(2**63), 1.5, -0.0, 1e308, 5e-324,
    "", " ", "0", "\0", "a" * 64, "a" * 65, "\ud800", "\udfff\ud800", "\u202e", "é", "\U0001f600", "../../etc", "%00",
    "\x1b]0;x\x07", "04" + "0" * 128, "ff" * 32, "=", "AAAA", [], {}, [[]], {"": {}}, [None] * 40,
)  # fmt: skip

_PIECES = (
    b"\0", b"\xff", b"\xf0\x9f", b"[", b"]", b"{", b"}", b'"', b"\\", b"\\u", b"\\ud800", b"-", b"1e999", b"NaN",
    b"null", b"0", b"4", b"42", b"451-", b"/,", b",", b":", b"\r\n", b"\r\n\r\n", b"%", b"=", b"\xed\xa0\x80",
    b"9" * 400, b"A" * 130,
)  # fmt: skip


def encode(value: Any) -> bytes:
    """Return any value as JSON, also lone surrogates and infinite numbers."""
    return json.dumps(value, separators=(",", ":")).encode()


def change_value(random: Random, value: Any, others: Sequence[Any] = ()) -> Any:
    """Return a copy with one change."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        changed = dict(value)
        roll = random.random()
        if roll < 0.1:
            del changed[name]
        elif roll < 0.2:
            changed[random.choice(_TEXTS)] = changed[name]
        else:
            changed[name] = change_value(random, changed[name], others)
        return changed
    if isinstance(value, list) and value and random.random() < 0.9:
        position = random.randrange(len(value))
        roll = random.random()
        if roll < 0.1:
            return value[:position] + value[position + 1 :]
        if roll < 0.2:
            return value + value[position : position + 1] * random.choice((1, 2, 33, 300))
        return [*value[:position], change_value(random, value[position], others), *value[position + 1 :]]
    if isinstance(value, str) and random.random() < 0.4:
        return change_text(random, value)
    if others and random.random() < 0.2:
        return random.choice(others)
    return _rare(random) if random.random() < 0.002 else random.choice(_LEAVES)


_TEXTS = tuple(leaf for leaf in _LEAVES if isinstance(leaf, str))


def _rare(random: Random) -> Any:
    """Return a value that is costly to send."""
    return random.choice(("a" * LONG, "\u4e00" * (LONG // 3), ["x"] * 5000, {str(number): 0 for number in range(2000)}))


def change_text(random: Random, text: str) -> str:
    """Return a text with one change."""
    at = random.randrange(len(text) + 1)
    to = min(len(text), at + random.choice((0, 1, 2, 8)))
    return text[:at] + random.choice(_TEXTS) + text[to:]


def change_bytes(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return bytes with one or a few changes."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = _change_once(random, data, others)
    return data


def _change_once(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    to = min(len(data), at + random.choice((1, 1, 2, 4, 16)))
    match random.randrange(8):
        case 0:
            return data[:at] + bytes([random.randrange(256)]) + data[to:]
        case 1:
            return data[:at] + data[to:]
        case 2:
            return data[:at] + random.choice(_PIECES) + data[at:]
        case 3:
            return data[:at] + random.choice(_PIECES) + data[to:]
        case 4:
            return data[:to] + data[at:to] * random.choice((1, 2, 30)) + data[to:]
        case 5:
            return data[:at]
        case 6 if others:
            other = random.choice(others)
            return data[:at] + other[random.randrange(len(other) + 1) :]
    flipped = bytearray(data)
    if flipped:
        flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
    return bytes(flipped)


def deep(random: Random) -> bytes:
    """Return JSON that is nested too deeply."""
    return random.choice(
        (b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP)
    )
