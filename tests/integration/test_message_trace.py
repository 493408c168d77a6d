"""The tracer of messages finds every file on a made-up path, its detours, and the calls to earlier files."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.message_trace import MessageTrace

MARKER = b"a-marker"

MODULE = """
kept = []

def pass_on(message, *onward):
    if onward:
        onward[0](message, *onward[1:])

def use(message, helper, *onward):
    helper(message)
    pass_on(message, *onward)

def keep(message):
    kept.append(message)

def deliver(*onward):
    pass_on(kept.pop(), *onward)

def fill(buffer, data):
    buffer[:len(data[0] + data[1])] = data[0] + data[1]

def encrypt(message):
    return message[::-1]

def take(parts):
    return {"payload": [parts[0] + parts[1]]}
"""

HALVES = MARKER[:4], MARKER[4:]


@pytest.fixture
def files(tmp_path: Path) -> SimpleNamespace:
    """Return the modules a, b, c and d of a package in the directory `made_up`, and e of another one in `other`."""
    names = ("made_up/a", "made_up/b", "made_up/c", "made_up/d", "other/e")
    return SimpleNamespace(root=tmp_path / "made_up", **{name[-1]: _module(tmp_path, name) for name in names})


def _module(folder: Path, name: str) -> Any:
    path = folder / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(MODULE)
    spec = importlib.util.spec_from_file_location(f"made_up_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_path_has_its_files_in_order(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER).running() as trace:
        files.a.pass_on(b"<" + MARKER + b">", files.c.pass_on, files.b.pass_on)
        files.d.pass_on(b"another message")
    assert trace.files == ["a.py", "c.py", "b.py"]
    assert trace.returns == []


def test_a_detour_is_one_more_file(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER).running() as trace:
        files.a.pass_on(MARKER, files.d.pass_on, files.b.pass_on)
    assert trace.files == ["a.py", "d.py", "b.py"]


def test_a_message_is_found_in_records_results_and_buffers(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER).running() as trace:
        files.a.pass_on({"payload": [MARKER.decode()]})
        files.b.take(HALVES)
        files.c.fill(memoryview(bytearray(20)), HALVES)
    assert trace.files == ["a.py", "b.py", "c.py"]


def test_an_encrypted_message_is_still_that_message(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER, ciphers=[files.a.encrypt.__code__]).running() as trace:
        files.b.pass_on(files.a.encrypt(MARKER))
    assert trace.files == ["a.py", "b.py"]


def test_calls_from_outside_and_excluded_files_are_not_on_the_path(files: SimpleNamespace) -> None:
    trace = MessageTrace(files.root, MARKER, outside=[files.root.with_name("other")], excluded=["d.py"])
    with trace.running():
        files.e.pass_on(MARKER, files.a.pass_on)
        files.d.pass_on(MARKER, files.b.pass_on)
    assert trace.files == ["b.py"]


def test_a_callback_is_a_return(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER).running() as trace:
        files.a.pass_on(MARKER, files.b.pass_on, files.a.keep)
    assert trace.files == ["a.py", "b.py"]
    assert trace.returns == ["b.py -> a.py keep"]


def test_an_earlier_file_that_hands_the_message_on_again_is_a_return(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER).running() as trace:
        files.a.pass_on(MARKER, files.b.keep)
        files.b.deliver(files.a.pass_on, files.c.pass_on)
        files.c.pass_on(MARKER, files.a.pass_on, files.d.pass_on)
    assert trace.files == ["a.py", "b.py", "c.py", "d.py"]
    assert trace.returns == ["b.py -> a.py pass_on", "c.py -> a.py pass_on"]


def test_a_helper_is_no_return(files: SimpleNamespace) -> None:
    with MessageTrace(files.root, MARKER).running() as trace:
        files.a.pass_on(MARKER)
        files.b.use(MARKER, files.a.encrypt, files.c.use, files.a.encrypt)
    assert trace.files == ["a.py", "b.py", "c.py"]
    assert trace.returns == []
