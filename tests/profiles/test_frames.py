"""The owner of a line's code, and the responsible line of a stack."""

import asyncio
import collections
import contextlib
import json
from pathlib import Path

import click
import pytest

import mobifai
import profiles
import soak
from profiles.attribution.frames import (
    Role,
    Stack,
    above_event_loop,
    is_profiler_stack,
    responsible_frame,
    role,
    without_wrappers,
)
from profiles.attribution.source import locate
from profiles.results import CodeLocation

AGENT = str(Path(mobifai.__file__).parent / "agent" / "agent.py")
LEDGER = str(Path(mobifai.__file__).parent / "bounds" / "ledger.py")
COUNT = str(Path(soak.__file__).parent / "inside" / "count.py")
PLANT = str(Path(soak.__file__).parent / "plants" / "native.py")
WRAPPING = str(Path(profiles.__file__).parent / "inside" / "creation_recorder.py")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (AGENT, Role.OWN),
        (PLANT, Role.OWN),
        ("/home/somebody/script.py", Role.OWN),
        (LEDGER, Role.FOUNDATION),
        (COUNT, Role.TOOL),
        (WRAPPING, Role.WRAPPER),
        (click.__file__, Role.LIBRARY),
        (json.__file__, Role.PYTHON),
        ("<frozen importlib._bootstrap>", Role.PYTHON),
        (collections.namedtuple("Point", "x y").__new__.__code__.co_filename, Role.PYTHON),
    ],
)
def test_a_file_is_somebody_s(file: str, expected: Role) -> None:
    assert role(file) is expected


def test_the_innermost_line_of_our_own_is_to_blame() -> None:
    assert responsible_frame(((json.__file__, 1), (click.__file__, 2), (AGENT, 3), (PLANT, 4))) == (AGENT, 3)


def test_the_containers_that_everybody_uses_are_not() -> None:
    assert responsible_frame(((LEDGER, 1), (AGENT, 3))) == (AGENT, 3)


def test_without_a_line_of_our_own_a_library_is_to_blame_and_then_python() -> None:
    assert responsible_frame(((json.__file__, 1), (click.__file__, 2))) == (click.__file__, 2)
    assert responsible_frame(((json.__file__, 1),)) == (json.__file__, 1)


def test_who_started_the_event_loop_is_not_to_blame_for_what_it_calls() -> None:
    stack: Stack = ((click.__file__, 1), (asyncio.runners.__file__, 118), (AGENT, 3))
    assert above_event_loop(stack) == ((click.__file__, 1),)
    assert responsible_frame(stack) == (click.__file__, 1)


def test_what_measures_is_known_by_any_of_its_lines() -> None:
    assert is_profiler_stack(((json.__file__, 1), (COUNT, 2), (AGENT, 3)))
    assert not is_profiler_stack(((WRAPPING, 2), (AGENT, 3)))
    assert not is_profiler_stack(((json.__file__, 1), (WRAPPING, 2), (AGENT, 3)))
    assert is_profiler_stack(((WRAPPING, 2),))
    assert is_profiler_stack(())


def test_what_stands_around_a_call_is_not_its_place() -> None:
    assert without_wrappers(((WRAPPING, 2), (WRAPPING, 3), (AGENT, 3), (WRAPPING, 4))) == ((AGENT, 3), (WRAPPING, 4))


def test_a_line_has_the_name_of_the_innermost_function_around_it(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    lines = ["x = 1", "class A:", "  @staticmethod", "  def m():", "    def inner():", "      return 1", "    return 2"]
    file.write_text("\n".join(lines))
    named = {line: locate((str(file), line)).function for line in range(1, 8)}
    assert named == {1: "", 2: "", 3: "A.m", 4: "A.m", 5: "A.m.inner", 6: "A.m.inner", 7: "A.m"}


def test_a_line_without_a_source_has_no_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    with contextlib.suppress(OSError):
        broken.write_bytes(b"def (\xff")
    for file in ("/nowhere/x.py", "<string>", str(broken), str(tmp_path)):
        assert locate((file, 3)) == CodeLocation(file, 3, "")
