"""Arguments that no shell can be started with are refused before anything is forked."""

from typing import Any

import psutil
import pytest

from mobifai.terminals.spawning import SpawnError, start_shell

GOOD: dict[str, Any] = {"argv": ["/bin/true"], "env": {"PATH": "/bin"}, "cwd": "/", "size": (24, 80)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"env": {"PATH": 5e-324}},
        {"env": {"PATH": None}},
        {"env": {"": "x"}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x\0y"}},
        {"env": {"A": "\ud800"}},
        {"argv": []},
        {"argv": [1]},
        {"argv": ["/bin/true", "a\0b"]},
        {"size": (24, 70_000)},
        {"size": (-1, 80)},
        {"size": (24, "80")},
        {"size": (None, None)},
    ],
)
def test_what_no_program_can_be_started_with_is_refused_and_starts_nothing(wrong: dict[str, Any]) -> None:
    before = (psutil.Process().num_fds(), psutil.Process().children())
    with pytest.raises(SpawnError, match="expected a program, arguments and environment"):
        start_shell(**{**GOOD, **wrong})
    assert (psutil.Process().num_fds(), psutil.Process().children()) == before
