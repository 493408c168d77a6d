"""Wraps functions that create things which may leak, such as descriptors and processes, and records their callers.

Owns the wrappers, and removes them at the end. Records are bounded in number. They consist of lines of code, numbers
and paths, and refer to no object of the program.
"""

import asyncio
import builtins
import ctypes
import functools
import gc
import io
import os
import re
import socket
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, Final, TypeAlias

from profiles.attribution.frames import Stack
from profiles.inside.notes import calling_stack, count, note, note_path, note_task

CallWrapper: TypeAlias = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

_FunctionPointer: Final[Any] = ctypes.CFUNCTYPE(None).__base__
"""The base class of the function objects for C functions that ctypes returns."""

_INSERT = re.compile(r'\s*(?:INSERT|REPLACE)\b[^(]*?\bINTO\s+["\[`]?(\w+)', re.IGNORECASE)
ALLOCATING: Final = frozenset({"malloc", "calloc", "realloc", "aligned_alloc", "memalign", "valloc", "strdup"})
FREEING: Final = frozenset({"free"})
_CREATES: Final = frozenset("wax+")


class CreationRecorder:
    """Records the stacks that create descriptors, processes, files, tasks and rows, or call C functions by ctypes.

    `descriptors`, `children` and `files` map a descriptor, process id or path to the stack that created it. `rows`
    counts the rows inserted into each database table, by table and stack.
    """

    def __init__(self) -> None:
        self.descriptors: dict[int, tuple[str, Stack]] = {}
        self.children: dict[int, Stack] = {}
        self.files: dict[str, Stack] = {}
        self.rows: Counter[tuple[str, Stack]] = Counter()
        self.freezes: Counter[tuple[Stack]] = Counter()
        self.said: Counter[tuple[int, Stack]] = Counter()
        """Number of writes to the standard input of child processes, by process id and stack."""
        self.spawned: dict[str, Stack] = {}
        """The stack that created the newest task of each coroutine function, by `FILE::QUALIFIED NAME` of it."""
        self.foreign: Counter[tuple[str, Stack]] = Counter()
        """Number of other calls of C functions through ctypes, by function and stack. Memory tracers can't see them."""
        self.allocated: dict[int, tuple[str, Stack]] = {}
        """Memory that calls through ctypes have allocated and not freed: by address, the C function and the stack."""
        self._scope: ExitStack | None = None

    def begin(self) -> None:
        """Install the wrappers and start to record. Idempotent."""
        if self._scope is None:
            self._scope = ExitStack()
            for owner, name, wrapper in self._places():
                self._put(owner, name, wrapper)
            self._follow_tasks()
            for thing in gc.get_objects():
                if type(thing) is sqlite3.Connection:
                    self._follow_statements(thing)
                elif type(thing) is subprocess.Popen:
                    self._follow_input(thing)
                elif isinstance(thing, _FunctionPointer):
                    self._follow_calls(thing)

    def end(self) -> None:
        """Remove all wrappers and drop the records. Idempotent."""
        scope, self._scope = self._scope, None
        if scope is not None:
            scope.close()
            for thing in gc.get_objects():
                _unwrap(thing)
        self.forget()

    def forget(self) -> None:
        """Drop the records so far. Recording continues."""
        for noted in vars(self).values():
            if isinstance(noted, dict):
                noted.clear()

    # -- the wrapped functions

    def _places(self) -> Iterator[tuple[Any, str, CallWrapper]]:
        yield os, "open", self._opened
        yield os, "pipe", self._both_ends("pipe")
        yield os, "pipe2", self._both_ends("pipe")
        yield os, "openpty", self._both_ends("pseudo-terminal")
        yield os, "dup", self._descriptor("descriptor")
        yield os, "memfd_create", self._descriptor("memory file")
        yield os, "eventfd", self._descriptor("eventfd")
        yield os, "posix_spawn", self._child
        yield os, "posix_spawnp", self._child
        yield os, "fork", self._child
        yield os, "forkpty", self._child_with_terminal
        yield subprocess.Popen, "__init__", self._popen
        yield builtins, "open", self._file
        yield io, "open", self._file
        yield socket.socket, "__init__", self._socket
        yield sqlite3, "connect", self._connection
        yield ctypes.CDLL, "__getitem__", self._function
        yield gc, "freeze", self._frozen

    def _put(self, owner: Any, name: str, wrapper: CallWrapper) -> None:
        original = vars(owner).get(name)
        if original is None or self._scope is None:
            return

        @functools.wraps(original)
        def watched(*arguments: Any, **named: Any) -> Any:
            return wrapper(original, arguments, named)

        setattr(owner, name, watched)
        self._scope.callback(setattr, owner, name, original)

    # -- the wrappers

    def _opened(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        descriptor = function(*arguments, **named)
        stack = calling_stack()
        note(self.descriptors, descriptor, "file", stack)
        flags = arguments[1] if len(arguments) > 1 else named.get("flags", 0)
        if flags & os.O_CREAT:
            note_path(self.files, arguments[0] if arguments else named.get("path"), stack)
        return descriptor

    def _file(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        file = function(*arguments, **named)
        stack, mode = calling_stack(), arguments[1] if len(arguments) > 1 else named.get("mode", "r")
        with suppress(OSError, ValueError):
            note(self.descriptors, file.fileno(), "file", stack)
        if _CREATES & set(str(mode)):
            note_path(self.files, arguments[0] if arguments else named.get("file"), stack)
        return file

    def _both_ends(self, what: str) -> CallWrapper:
        def noted(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            ends = function(*arguments, **named)
            stack = calling_stack()
            for end in ends:
                note(self.descriptors, end, what, stack)
            return ends

        return noted

    def _descriptor(self, what: str) -> CallWrapper:
        def noted(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            descriptor = function(*arguments, **named)
            note(self.descriptors, descriptor, what, calling_stack())
            return descriptor

        return noted

    def _socket(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        function(*arguments, **named)
        note(self.descriptors, arguments[0].fileno(), "socket", calling_stack())

    def _child(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        pid = function(*arguments, **named)
        if pid:
            note(self.children, pid, calling_stack())
        return pid

    def _child_with_terminal(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        pid, descriptor = function(*arguments, **named)
        if pid:
            note(self.children, pid, calling_stack())
            note(self.descriptors, descriptor, "pseudo-terminal", calling_stack())
        return pid, descriptor

    def _popen(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        function(*arguments, **named)
        note(self.children, arguments[0].pid, calling_stack())
        self._follow_input(arguments[0])

    def _frozen(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        count(self.freezes, calling_stack())
        function(*arguments, **named)

    def _connection(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        connection = function(*arguments, **named)
        self._follow_statements(connection)
        return connection

    def _function(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        found = function(*arguments, **named)
        self._follow_calls(found)
        return found

    # -- hooks of single objects

    def _follow_tasks(self) -> None:
        """Set a task factory in the running event loop that records the line which creates each task.

        A loop that already has a task factory is left unchanged, so its tasks are not recorded.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if loop.get_task_factory() is not None or self._scope is None:
            return

        def made(loop: asyncio.AbstractEventLoop, coroutine: Any, **named: Any) -> "asyncio.Task[Any]":
            note_task(self.spawned, getattr(coroutine, "cr_code", None), calling_stack())
            return asyncio.Task(coroutine, loop=loop, **named)

        loop.set_task_factory(made)
        self._scope.callback(loop.set_task_factory, None)

    def _follow_calls(self, function: Any) -> None:
        """Set the `errcheck` of a C function that ctypes returned, so that each call of the function is recorded.

        A function that already has an `errcheck` is left unchanged, so its calls are not recorded.
        """
        if function.errcheck is None:
            function.errcheck = self._called

    def _called(self, result: Any, function: Any, arguments: tuple[Any, ...]) -> Any:
        name, stack = getattr(function, "__name__", "?"), calling_stack()
        if name in ALLOCATING and isinstance(result, int):
            note(self.allocated, result, name, stack)
        elif name in FREEING and arguments:
            self.allocated.pop(getattr(arguments[0], "value", arguments[0]), None)
        else:
            count(self.foreign, name, stack)
        return result

    def _follow_statements(self, connection: sqlite3.Connection) -> None:
        """Record the lines that insert rows through a database connection. Connections of other threads are skipped."""
        if self._scope is None:
            return

        def said(statement: str) -> None:
            if (found := _INSERT.match(statement)) is not None:
                count(self.rows, found[1], calling_stack())

        with suppress(sqlite3.Error):
            connection.set_trace_callback(said)

    def _follow_input(self, child: "subprocess.Popen[Any]") -> None:
        """Record the lines that write to the standard input of a child process."""
        if child.stdin is None or self._scope is None:
            return
        original, pid = child.stdin.write, child.pid

        def write(data: Any) -> Any:
            count(self.said, pid, calling_stack())
            return original(data)

        with suppress(AttributeError, TypeError):
            child.stdin.write = write  # type: ignore[method-assign]


def _unwrap(thing: object) -> None:
    """Remove the recorder's hook from an object, if it has one.

    `end` calls this for every object of the process, because a list of the objects with hooks would keep them alive.
    """
    if type(thing) is sqlite3.Connection:
        with suppress(sqlite3.Error):  # closed, or of another thread
            thing.set_trace_callback(None)
    elif isinstance(thing, _FunctionPointer):
        if isinstance(getattr(thing.errcheck, "__self__", None), CreationRecorder):
            del thing.errcheck
    elif type(thing) is subprocess.Popen and thing.stdin is not None:
        getattr(thing.stdin, "__dict__", {}).pop("write", None)
