"""Runs programs of the system to their end, within a time limit.

The search path is a parameter, so that tests can replace the programs.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from mobifai.errors import ServiceError

SECONDS = 60.0
"""The time limit of a program in seconds. Starting or stopping a service takes as long as the process of the service
needs."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a program that has ended: its exit status, its standard output and its standard error."""

    status: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The last three lines of the program's standard error, or else of its standard output, as an error text."""
        lines = (self.err.strip() or self.out.strip() or f"status {self.status}, no output").splitlines()
        return "; ".join(line.strip() for line in lines[-3:])


class SystemCommands:
    """Runs programs that are found in `path`, a list of directories in the format of $PATH. None means $PATH itself."""

    def __init__(self, path: str | None = None) -> None:
        self._path = os.environ.get("PATH", os.defpath) if path is None else path

    def has(self, program: str) -> bool:
        """Return whether a program with this name is on the search path."""
        return shutil.which(program, path=self._path) is not None

    def run(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> CommandResult:
        """Run a program to its end, and return its result, also if its exit status reports a failure.

        `environment` is added to this process' variables. Raises ServiceError if the program can't be started, or does
        not end within SECONDS.
        """
        found = shutil.which(program, path=self._path)
        if found is None:
            raise ServiceError(f"expected the program {program} on the PATH; found none")
        try:
            ended = subprocess.run(  # noqa: S603 - the arguments are ours, and no shell reads them
                [found, *arguments],
                env={**os.environ, "PATH": self._path, **(environment or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise ServiceError(f"{found} can't be run: {error}") from None
        except subprocess.TimeoutExpired:
            raise ServiceError(f"`{program} {' '.join(arguments)}` did not end within {SECONDS:g} s") from None
        return CommandResult(ended.returncode, ended.stdout, ended.stderr)

    def check(self, program: str, *arguments: str) -> CommandResult:
        """Run a program to its end, and return its result.

        Raises ServiceError as `run` does, and if the exit status is not 0.
        """
        answer = self.run(program, *arguments)
        if answer.status != 0:
            raise ServiceError(f"`{program} {' '.join(arguments)}` failed: {answer.message}")
        return answer
