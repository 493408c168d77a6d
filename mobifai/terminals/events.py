"""Lifecycle events of terminals, as frozen values that `Tabs` publishes."""

from dataclasses import dataclass

from mobifai.terminals.terminal import Tab, Terminal


@dataclass(frozen=True, slots=True)
class TerminalOpened:
    """A terminal was opened, or adopted from the keeper."""

    terminal: Terminal


@dataclass(frozen=True, slots=True)
class TerminalRenamed:
    """A tab was renamed."""

    tab: Tab


@dataclass(frozen=True, slots=True)
class ShellExited:
    """The shell of a terminal has ended. `kept`: its screen stays until the terminal is closed."""

    terminal: Terminal
    kept: bool


@dataclass(frozen=True, slots=True)
class TerminalClosed:
    """A terminal is closed. `by_request`: a request closed it, rather than the end of its shell."""

    terminal: Terminal
    by_request: bool


TerminalEvent = TerminalOpened | TerminalRenamed | ShellExited | TerminalClosed
