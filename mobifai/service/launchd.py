"""The service manager of macOS: installs the service as a launchd agent."""

import os
import plistlib
import re
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from mobifai.errors import ServiceError
from mobifai.service.commands import CommandResult, SystemCommands
from mobifai.service.definition import ServiceDefinition, ServiceState, check_words, write_definition

LABEL = "mobifai.agent"

SETTLE_SECONDS = 15.0
"""The time limit, in seconds, for starting or stopping the service. launchd responds before it has finished, and the
service may take a while to stop."""

_IN_PROGRESS = (5, 17, 36, 37)
"""Exit statuses of `launchctl bootstrap` while launchd is still removing the previous service."""


def properties(service: ServiceDefinition) -> dict[str, Any]:
    """Return the property list that defines the service for launchd.

    launchd has no increasing restart delay, so it waits at least 10 s between two starts. The default limit of 256
    descriptors is too low for many terminals, and is raised. Output is discarded, since launchd never rotates its files
    and the agent has its own log.
    """
    return {
        "Label": LABEL,
        "ProgramArguments": list(service.argv),
        "EnvironmentVariables": dict(service.environment),
        "WorkingDirectory": str(service.home),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 15,
        "AbandonProcessGroup": True,
        "ProcessType": "Interactive",
        "SoftResourceLimits": {"NumberOfFiles": 4096},
        "StandardOutPath": "/dev/null",
        "StandardErrorPath": "/dev/null",
    }


def plist_text(service: ServiceDefinition) -> str:
    """Return the property list of a service as XML. Raises ServiceError if XML can't represent its values."""
    wanted = properties(service)
    try:
        content = plistlib.dumps(wanted, sort_keys=False)
        if plistlib.loads(content) == wanted:
            return content.decode()
    except (ValueError, ExpatError):
        pass
    raise ServiceError("the options can't be written to a property list; choose options without special characters")


def argv_of(content: bytes) -> tuple[str, ...]:
    """Return the command in the XML of a property list, or () if there is none."""
    try:
        return tuple(str(word) for word in plistlib.loads(content).get("ProgramArguments", ()))
    except (plistlib.InvalidFileException, ExpatError, ValueError, AttributeError, TypeError):
        return ()


class Launchd:
    """Installs the service in the launchd domain of this user's desktop session.

    `home` is the user's home directory, which contains the folder Library. `settle_seconds` is the time limit for
    starting or stopping the service.
    """

    def __init__(self, commands: SystemCommands, home: Path, uid: int, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._commands = commands
        self._domain = f"gui/{uid}"
        self._target = f"{self._domain}/{LABEL}"
        self._settle_seconds = settle_seconds
        self.file = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def text(self, service: ServiceDefinition) -> str:
        """Return the property list of `service` as XML (see `ServiceManager`)."""
        check_words(service)
        return plist_text(service)

    def install(self, service: ServiceDefinition) -> list[str]:
        """Check and write the property list, and start the launchd agent (see `ServiceManager`)."""
        text = self.text(service)
        if not self._commands.has("launchctl"):
            raise ServiceError(
                "expected launchd (`launchctl`); found none: have another supervisor run `mobifai serve`"
            )
        self._lint(text)
        changed = write_definition(self.file, text)
        self._launchctl("enable", self._target)
        if changed and self._loaded():
            self._remove()
        if self._loaded():
            self._launchctl("kickstart", self._target)
        else:
            self._bootstrap()
        return []

    def uninstall(self) -> bool:
        """Stop and remove the launchd agent (see `ServiceManager`)."""
        loaded = self._commands.has("launchctl") and self._loaded()
        if loaded:
            self._remove()
        there = self.file.exists()
        self.file.unlink(missing_ok=True)
        return loaded or there

    def state(self) -> ServiceState:
        """Return the state of the launchd agent (see `ServiceManager`)."""
        argv = argv_of(self.file.read_bytes()) if self.file.is_file() else ()
        installed = self.file.is_file()
        if not self._commands.has("launchctl"):
            return ServiceState(self.file, installed, False, False, "launchd not found", argv)
        shown = self._print()
        found = dict(re.findall(r"^\s*(state|pid|last exit code|runs) = (.+)$", shown.out, re.MULTILINE))
        detail = ", ".join(f"{name} {value}" for name, value in found.items()) or "not loaded"
        running = shown.status == 0 and found.get("state") == "running"
        return ServiceState(self.file, installed, running, shown.status == 0, detail, argv)

    def _print(self) -> CommandResult:
        return self._commands.run("launchctl", "print", self._target)

    def _loaded(self) -> bool:
        return self._print().status == 0

    def _lint(self, text: str) -> None:
        if not self._commands.has("plutil"):
            return
        with tempfile.TemporaryDirectory(prefix="mobifai-") as place:
            draft = Path(place, self.file.name)
            draft.write_text(text)
            self._commands.check("plutil", "-lint", str(draft))

    def _remove(self) -> None:
        self._commands.run("launchctl", "bootout", self._target)
        until = time.monotonic() + self._settle_seconds
        while self._loaded():
            if time.monotonic() > until:
                raise ServiceError(f"launchd did not stop {LABEL} within {self._settle_seconds:g} s; try again")
            time.sleep(0.1)

    def _bootstrap(self) -> None:
        until = time.monotonic() + self._settle_seconds
        while True:
            answer = self._commands.run("launchctl", "bootstrap", self._domain, str(self.file))
            if answer.status == 0:
                return
            if answer.status not in _IN_PROGRESS or time.monotonic() > until:
                raise ServiceError(
                    f"launchd can't start {self.file}: {answer.message}. A launchd agent belongs to a desktop session: "
                    f"sign in to the desktop as user {os.getuid()} first, not only over SSH"
                )
            time.sleep(0.2)

    def _launchctl(self, *words: str) -> None:
        self._commands.check("launchctl", *words)
