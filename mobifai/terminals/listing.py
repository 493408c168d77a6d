"""Descriptions of terminals for phones and commands: their names, output positions and exit statuses."""

import signal
from collections.abc import Iterable

from msgspec import UNSET, structs

from mobifai.protocol import messages
from mobifai.protocol.features import Features
from mobifai.terminals.terminal import Terminal


def exit_of(terminal: Terminal) -> messages.Exit | None:
    """Return how the terminal's shell ended, or None while it runs."""
    status = terminal.exit_status
    if not terminal.ended or status is None:
        return None
    return messages.Exit(status=status) if status >= 0 else messages.Exit(signal=_name(-status))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"SIG{number}"


def listed(terminals: Iterable[Terminal], features: Features) -> tuple[messages.ProcessInfo, ...]:
    """Describe terminals to a phone with these features. Only some phones show terminals whose shell has ended."""
    return tuple(_described(one, features) for one in terminals if features.shows_exits or not one.ended)


def _described(terminal: Terminal, features: Features) -> messages.ProcessInfo:
    tab = terminal.tab
    info = messages.ProcessInfo(uuid=tab.uuid, name=tab.name, created_at=tab.created_at)
    if features.resumes:
        info = structs.replace(info, stream=terminal.stream, end=terminal.position)
    return structs.replace(info, exited=exit_of(terminal) or UNSET)
