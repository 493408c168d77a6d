"""Runs the commands (pip, venv) that build the candidate or the base.

A signal interrupts a command. Commands get only some of this process's environment variables (`KEPT`). Owns the process
group of the running command, and kills the group at the end. An error quotes the line of output that explains the
failure.
"""

import compileall
import os
import re
import signal
import subprocess
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from profiles.results import ProfileError
from soak.harness.interruption import Interruption

BUILD_SECONDS: Final = 900.0
LOOK_SECONDS: Final = 0.1
MOST_CAUSE: Final = 500
"""Most characters that an error quotes from the line that explains the failure."""

KEPT: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST", "PIP_PROXY"),
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_RETRIES", "PIP_DEFAULT_TIMEOUT"),
)
"""Environment variables that build commands get from this process: paths, locale, and access to package indexes."""

_CAUSE = re.compile(
    r"^[\s╰─>│]*((?:[\w.]+\.)?\w*(?:Error|Exception|Exit|Interrupt)\b.*|(?:ERROR|error|fatal): .*)$", re.MULTILINE
)
_EMPTY = re.compile(r"(?i)error: (failed (building|to build)|[a-z]+(-[a-z]+)+$|subprocess-exited)")
"""Matches error lines that explain nothing, such as `error: subprocess-exited-with-error`."""


class BuildFailed(ProfileError):
    """A build command failed or took too long. The message states the cause."""


class BuildInterrupted(ProfileError):
    """A signal interrupted a build."""


class Builder:
    """Runs build commands in a folder. `stop` reports signals, which end a running command."""

    def __init__(self, folder: Path, stop: Interruption | None = None) -> None:
        self._folder = folder
        self._stop = stop or Interruption()

    def check(self) -> None:
        """Raise BuildInterrupted if a signal has arrived."""
        if self._stop.asked:
            raise BuildInterrupted(
                "the run was interrupted while the base or the candidate was being built; nothing was compared"
            )

    def run(self, words: Sequence[str], what: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
        """Run the build command `words`, and wait for its end.

        `what` says in error messages what the command builds. `more` is added to the command's environment variables.
        Raises BuildFailed if the command fails or takes too long, and BuildInterrupted after a signal.
        """
        self.check()
        temporary, log = self._folder / "tmp", self._folder / "build.log"
        temporary.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                cwd=self._folder, env={**build_variables(temporary), **more},
            )  # fmt: skip
            try:
                self._wait(process, what)
            finally:
                _end(process)
        if process.returncode != 0:
            raise BuildFailed(f"{what} could not be built: {cause(log.read_text(errors='replace'))}")

    def _wait(self, process: "subprocess.Popen[bytes]", what: str) -> None:
        end = time.monotonic() + BUILD_SECONDS
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
                return
            self.check()
            if time.monotonic() > end:
                raise BuildFailed(
                    f"expected {what} to be built within {BUILD_SECONDS:g} s; check that the package index is reachable"
                ) from None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process group of a command, and wait for the command."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def build_variables(temporary: Path, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables for build commands: those in `usual` that `KEPT` names, and some fixed ones.

    `temporary` becomes their TMPDIR.
    """
    kept = {name: usual[name] for name in KEPT if name in usual}
    return {**kept, "TMPDIR": str(temporary), "PYTHONSAFEPATH": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def cause(said: str) -> str:
    """Return the line that explains a failure, given the output (`said`) of the failed command.

    That is the last line that names an error, or else the last line.
    """
    lines = [line.strip() for line in _CAUSE.findall(said)]
    telling = [line for line in lines if not _EMPTY.match(line)]
    printed = [line.strip() for line in said.splitlines() if line.strip()]
    return next(iter([*telling[-1:], *lines[-1:], *printed[-1:]]), "it printed nothing")[:MOST_CAUSE]


def one_line_error(text: str) -> str:
    """Return an error text as one line: its first line, and from the output below it the line with the cause."""
    first, _, rest = text.partition("\n")
    return f"{first.removesuffix(':')}: {cause(rest)}" if rest.strip() else text.strip()


def compile_side(place: Path, package: str) -> None:
    """Compile all modules below the directory `place` to bytecode.

    Raises ProfileError if a module of the package `package` can't be compiled. Errors in other packages are ignored.
    """
    if compileall.compile_dir(place, quiet=2):
        return
    for file in sorted((place / package).rglob("*.py")):
        try:
            with warnings.catch_warnings(action="ignore"):
                compile(file.read_bytes(), file.name, "exec", dont_inherit=True)
        except SyntaxError as error:
            where = f"{file.relative_to(place)}:{error.lineno or 1}"
            raise ProfileError(f"{where}: {type(error).__name__}: {error.msg}") from None
        except ValueError as error:
            raise ProfileError(f"{file.relative_to(place)} can't be compiled: {error}") from None
