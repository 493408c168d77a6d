"""The service manager of Linux: installs the service as a systemd user unit."""

import os
import re
import shlex
import tempfile
from pathlib import Path

from mobifai import user
from mobifai.errors import ServiceError
from mobifai.service.commands import SystemCommands
from mobifai.service.definition import ServiceDefinition, ServiceState, check_words, write_definition

UNIT = "mobifai.service"

_MARK = "# Written by `mobifai service install`"
_BACK_OFF_SINCE = 254
"""The first version of systemd with an increasing restart delay."""


def unit_text(service: ServiceDefinition, version: int) -> str:
    """Return the unit file of a service for this version of systemd.

    If the agent crashes, systemd restarts it with increasing delays. A version before _BACK_OFF_SINCE gives up after 20
    starts in 10 minutes. Exit status 2 means a wrong option, so there is no restart.

    Standard output is discarded, since it may contain a pairing code. The log goes to the journal. If a program in a
    terminal runs out of memory, the service continues. When the service stops, its shells get SIGHUP, but programs that
    they started with nohup keep running.
    """
    backs_off = version >= _BACK_OFF_SINCE
    lines = (
        f"{_MARK}, which overwrites changes.",
        "[Unit]",
        "Description=MobiFai: the terminals of this machine on your phone",
        *(("StartLimitIntervalSec=0",) if backs_off else ("StartLimitIntervalSec=10min", "StartLimitBurst=20")),
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join(_quoted(word.replace('$', '$$')) for word in service.argv)}",
        f"WorkingDirectory={_escaped(str(service.home))}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(service.environment.items())),
        "Restart=on-failure",
        *(("RestartSec=2s", "RestartSteps=6", "RestartMaxDelaySec=5min") if backs_off else ("RestartSec=15s",)),
        "RestartPreventExitStatus=2",
        "KillMode=process",
        "TimeoutStopSec=15s",
        "OOMPolicy=continue",
        "StandardOutput=null",
        "StandardError=journal",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    )
    return "\n".join(lines)


def _escaped(word: str) -> str:
    return word.replace("%", "%%")


def _quoted(word: str) -> str:
    escaped = _escaped(word.replace("\\", "\\\\").replace('"', '\\"'))
    return escaped if re.fullmatch(r"[\w@%+=:,./-]+", escaped) else f'"{escaped}"'


def argv_of(text: str) -> tuple[str, ...]:
    """Return the command in a unit file that `unit_text` made, or () if the file contains none."""
    found = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    if found is None:
        return ()
    try:
        words = shlex.split(found[1])
    except ValueError:
        return ()
    return tuple(word.replace("$$", "$").replace("%%", "%") for word in words)


class Systemd:
    """Installs the service as a user unit of systemd. `config_home` is $XDG_CONFIG_HOME or its default."""

    def __init__(self, commands: SystemCommands, config_home: Path) -> None:
        self._commands = commands
        self.file = config_home / "systemd" / "user" / UNIT

    def text(self, service: ServiceDefinition) -> str:
        """Return the unit file for the installed version of systemd, or for version 254 if there is no systemd."""
        check_words(service)
        try:
            return unit_text(service, self._version())
        except ServiceError:
            return unit_text(service, _BACK_OFF_SINCE)

    def install(self, service: ServiceDefinition) -> list[str]:
        """Check and write the unit file, and start the unit (see `ServiceManager`)."""
        check_words(service)
        text = unit_text(service, self._version())
        self._refuse_foreign()
        notes = self._verify(text)
        was_running = self.state().running
        changed = write_definition(self.file, text)
        self._systemctl("daemon-reload")
        self._commands.run("systemctl", "--user", "reset-failed", UNIT)
        self._systemctl("enable", "--now", UNIT)
        if changed and was_running:
            self._systemctl("restart", UNIT)
        return notes + self._linger()

    def uninstall(self) -> bool:
        """Stop and remove the unit (see `ServiceManager`)."""
        if not self.file.exists():
            return False
        self._refuse_foreign()
        if self._commands.has("systemctl"):
            self._version()
            self._systemctl("disable", "--now", UNIT)
        self.file.unlink(missing_ok=True)
        if self._commands.has("systemctl"):
            self._systemctl("daemon-reload")
            self._commands.run("systemctl", "--user", "reset-failed", UNIT)
        return True

    def state(self) -> ServiceState:
        """Return the state of the unit (see `ServiceManager`)."""
        text = self.file.read_text(errors="replace") if self.file.is_file() else ""
        if not self._commands.has("systemctl"):
            return ServiceState(self.file, bool(text), False, False, "systemd not found", argv_of(text))
        shown = self._commands.run(
            "systemctl", "--user", "show", UNIT, "--property=ActiveState,SubState,UnitFileState,NRestarts"
        )
        found = dict(line.split("=", 1) for line in shown.out.splitlines() if "=" in line)
        active, sub = found.get("ActiveState", ""), found.get("SubState", "")
        detail = f"{active} ({sub}), restarts: {found.get('NRestarts', '?')}" if active else shown.message
        enabled = found.get("UnitFileState") == "enabled"
        return ServiceState(self.file, bool(text), active in ("active", "reloading"), enabled, detail, argv_of(text))

    def _version(self) -> int:
        if not self._commands.has("systemctl"):
            raise ServiceError(self._unusable("no systemctl on the PATH"))
        answer = self._commands.run("systemctl", "--user", "show", "--property=Version")
        found = re.search(r"Version=\D*(\d+)", answer.out)
        if answer.status != 0 or found is None:
            raise ServiceError(self._unusable(answer.message))
        return int(found[1])

    def _unusable(self, found: str) -> str:
        return (
            f"expected systemd's manager of this user (`systemctl --user`); found: {found}. In a container, or with "
            "another init system, have that run `mobifai serve` (`mobifai service install --print` shows the unit). "
            f"After su or sudo, sign in as {user.name()} instead, or: sudo loginctl enable-linger "
            f"{user.name()}; export XDG_RUNTIME_DIR=/run/user/{os.getuid()}"
        )

    def _refuse_foreign(self) -> None:
        if self.file.is_file() and _MARK not in self.file.read_text(errors="replace"):
            raise ServiceError(
                f"{self.file} exists, but `mobifai service install` did not write it; move it away first"
            )

    def _verify(self, text: str) -> list[str]:
        """Check the unit with `systemd-analyze`, and return its warnings.

        Raises ServiceError if systemd rejects the unit.
        """
        if not self._commands.has("systemd-analyze"):
            return []
        with tempfile.TemporaryDirectory(prefix="mobifai-") as place:
            draft = Path(place, UNIT)
            draft.write_text(text)
            own = {"XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR", place)}
            answer = self._commands.run("systemd-analyze", "--user", "verify", "--man=no", str(draft), environment=own)
            said = (answer.err + answer.out).replace(f"{place}/", "").splitlines()
        about_us = [line for line in said if UNIT in line]
        if answer.status != 0 and about_us:
            raise ServiceError(f"systemd rejects the unit: {'; '.join(about_us)}")
        return [f"systemd warns: {line}" for line in about_us]

    def _linger(self) -> list[str]:
        if self._commands.has("loginctl"):
            user = str(os.getuid())
            if "Linger=yes" in self._commands.run("loginctl", "show-user", user, "--property=Linger").out:
                return []
        return [
            "The service ends when you log out. `loginctl enable-linger` keeps it running, "
            "and starts it with the machine."
        ]

    def _systemctl(self, *words: str) -> None:
        self._commands.check("systemctl", "--user", *words)
