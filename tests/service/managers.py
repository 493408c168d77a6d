"""Fakes of a system's programs: small shell scripts in a separate directory, which is the only one in the PATH.

They store their commands, and whether the service runs, in files beside them.
"""

from pathlib import Path

SYSTEMCTL = r"""
case "$*" in
  "--user show --property=Version") [ -e "$here/no-bus" ] && { echo "Failed to connect to bus" >&2; exit 1; }
    echo "Version=${version:-255.4-1}";;
  "--user show mobifai.service "*)
    if [ -e "$here/running" ]; then echo ActiveState=active; echo SubState=running; echo UnitFileState=enabled
    else echo ActiveState=inactive; echo SubState=dead; echo UnitFileState=; fi; echo NRestarts=0;;
  "--user enable --now mobifai.service" | "--user restart mobifai.service")
    [ -e "$here/refuses" ] && { echo "Job for mobifai.service failed" >&2; exit 1; }
    /usr/bin/touch "$here/running" || /bin/touch "$here/running";;
  "--user disable --now mobifai.service") /bin/rm -f "$here/running";;
  "--user reset-failed mobifai.service") exit 1;;
  "--user daemon-reload") ;;
  *) echo "unexpected: $*" >&2; exit 64;;
esac
"""

LOGINCTL = 'echo "Linger=no"'

LAUNCHCTL = r"""
case "$*" in
  "print gui/501/mobifai.agent")
    if [ -e "$here/stopping" ]; then /bin/rm "$here/stopping"; echo "	state = running"; exit 0; fi
    if [ -e "$here/running" ]; then printf '\tstate = running\n\tpid = 77\n\truns = 1\n'; exit 0; fi
    echo "Could not find service" >&2; exit 113;;
  "bootstrap gui/501 "*)
    [ -e "$here/refuses" ] && { echo "Bootstrap failed: 125: Domain does not support specified action" >&2; exit 125; }
    [ -e "$here/busy" ] && { /bin/rm "$here/busy"; echo "37: Operation already in progress"; exit 37; }
    : > "$here/running";;
  "bootout gui/501/mobifai.agent") /bin/rm -f "$here/running"; : > "$here/stopping";;
  "enable gui/501/mobifai.agent" | "kickstart gui/501/mobifai.agent") ;;
  *) echo "unexpected: $*" >&2; exit 64;;
esac
"""

PLUTIL = '[ "$1" = -lint ] && [ -s "$2" ]'


class FakePath:
    """A PATH with only these fakes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()

    def add(self, program: str, script: str) -> None:
        file = self.place / program
        file.write_text(f'#!/bin/sh\nhere="{self.place}"\necho "{program} $*" >> "$here/calls"\n{script}')
        file.chmod(0o755)

    def mark(self, name: str) -> None:
        """Change the behaviour of the fakes: see their scripts."""
        (self.place / name).touch()

    @property
    def running(self) -> bool:
        return (self.place / "running").exists()

    def calls(self, program: str) -> list[str]:
        """Return the commands that a program got since the last time, except queries."""
        file = self.place / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        asked = [line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} ")]
        return [call for call in asked if not call.startswith(("--user show", "print"))]
