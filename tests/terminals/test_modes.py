"""A replay begins in the modes in force, and never within a sequence, a character or a line."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from mobifai.bounds import ByteRing, Ledger
from mobifai.limits import TERMINAL_RING
from mobifai.terminals.modes import Modes
from mobifai.terminals.replay import RESET, safe_start, snapshot

MODES = (1, 7, 25, 1000, 1002, 1006, 1049, 2004)
set_mode = st.builds(
    lambda mode, on: b"\x1b[?%d%c" % (mode, b"h" if on else b"l"), st.sampled_from(MODES), st.booleans()
)
title = st.builds(lambda text: b"\x1b]0;" + text.encode() + b"\x07", st.text("abcé ", max_size=12))
keypad = st.sampled_from([b"\x1b=", b"\x1b>"])
colour = st.builds(lambda n: b"\x1b[%dm" % n, st.integers(0, 107))
words = st.builds(str.encode, st.text("aé漢😀 \r\n", min_size=1, max_size=20))
pieces = st.lists(st.one_of(set_mode, title, keypad, colour, words), max_size=60)


def modes_of(output: bytes) -> dict[int, bool]:
    """Return the modes by a simple reading of the whole output."""
    found = re.findall(rb"\x1b\[\?(\d+)([hl])", output)
    return {int(mode): letter == b"h" for mode, letter in found}


def prefix_modes(prefix: bytes) -> dict[int, bool]:
    return {mode: modes_of(prefix).get(mode, mode in (7, 25)) for mode in MODES}


@given(pieces, st.integers(1, 7))
@example([b"\x1b[?1049h", b"\x1b[?1049l"], 3)
def test_modes_do_not_depend_on_how_output_was_cut(output: list[bytes], step: int) -> None:
    whole, cut = b"".join(output), Modes()
    for at in range(0, len(whole), step):
        cut.feed(whole[at : at + step])
    expected = {mode: modes_of(whole).get(mode, mode in (7, 25)) for mode in MODES}
    assert prefix_modes(cut.prefix()) == expected


@given(pieces, st.integers(8, 80))
def test_a_replay_is_a_whole_end_of_the_output_in_its_modes(output: list[bytes], size: int) -> None:
    ring, modes = ByteRing(Ledger({"terminal.ring": size}).open(TERMINAL_RING)), Modes()
    whole = b"".join(output)
    for piece in output:
        ring.append(piece, modes.feed)
    replay = snapshot(ring, modes)
    kept = ring.read(safe_start(ring, modes))
    assert replay.startswith(RESET)
    assert replay.endswith(kept)
    assert whole.endswith(kept)
    kept.decode("utf-8")  # no character is cut
    assert prefix_modes(replay) == {mode: modes_of(whole).get(mode, mode in (7, 25)) for mode in MODES}


def test_a_sequence_cut_by_the_ring_is_not_shown_as_text() -> None:
    ring, modes = ByteRing(Ledger({"terminal.ring": 10}).open(TERMINAL_RING)), Modes()
    ring.append(b"\x1b[38;5;196mred", modes.feed)
    assert ring.read(safe_start(ring, modes)) == b"red"


def test_a_line_cut_by_the_ring_is_left_out_on_the_normal_screen() -> None:
    ring, modes = ByteRing(Ledger({"terminal.ring": 10}).open(TERMINAL_RING)), Modes()
    ring.append(b"first line\nsecond\n", modes.feed)
    assert ring.read(safe_start(ring, modes)) == b"second\n"


QUESTIONS = (
    b"\x1b[c", b"\x1b[>0c", b"\x1b[6n", b"\x1b[?6n", b"\x1b[>q", b"\x1b[?2004$p", b"\x1b]11;?\x07", b"\x1b]4;1;?\x1b\\",
    b"\x1b]52;c;?\x07", b"\x1bP+q544e\x1b\\", b"\x05", b"\x1b[18t", b"\x1b[?u",
)  # fmt: skip


def test_questions_to_the_emulator_are_left_out() -> None:
    ring, modes = ByteRing(Ledger().open(TERMINAL_RING)), Modes()
    for question in QUESTIONS:
        ring.append(b"a" + question)
    assert snapshot(ring, modes) == RESET + b"a\x18" * len(QUESTIONS)


def test_a_reset_forgets_the_modes() -> None:
    modes = Modes()
    modes.feed(b"\x1b[?1049h\x1b[?25l\x1b=\x1bc")
    assert modes.prefix() == b""
