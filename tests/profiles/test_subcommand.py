"""The signal handlers of a `profile` command, and the exit statuses of its errors."""

import os
import signal
from collections.abc import Iterator

import click
import pytest

from mobifai.errors import CommandError, StateError
from profiles.subcommand import FAILED, INTERRUPTED, run_with_signals
from soak.harness.interruption import SIGNALS, Interruption


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Restore the handlers, which a command leaves ignored."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class SecondSignal(Interruption):
    """A second signal arrives right before signals are ignored."""

    def ignore(self) -> None:
        if self.count == 1:
            os.kill(os.getpid(), signal.SIGINT)
        super().ignore()


def interrupted(_context: click.Context) -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("stop", [Interruption, SecondSignal])
def test_an_interrupted_command_has_its_own_status_also_after_a_second_signal(stop: type[Interruption]) -> None:
    with pytest.raises(CommandError, match="interrupted before anything was done") as raised:
        run_with_signals(click.Context(click.Command("x")), stop(), interrupted)
    assert raised.value.status == INTERRUPTED
    assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}


def test_a_command_that_fails_has_the_status_of_a_failure() -> None:
    def fails(_context: click.Context) -> None:
        raise StateError("no agent runs")

    with pytest.raises(CommandError, match="no agent runs") as raised:
        run_with_signals(click.Context(click.Command("x")), Interruption(), fails)
    assert raised.value.status == FAILED
