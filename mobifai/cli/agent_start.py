"""Starts the agent of `mobifai serve`, either with a keeper, or in this process without one."""

import os
from contextlib import ExitStack
from pathlib import Path

from mobifai.assistant.config import AssistantConfig
from mobifai.cli.keeper_start import become_keeper
from mobifai.config import Config
from mobifai.errors import StateError
from mobifai.logs.setup import RootLogHandler
from mobifai.resource_limits import check_limits
from mobifai.state import StateDir, open_state
from mobifai.terminals import keeper_protocol as keeper_wire


def start_agent(
    config: Config,
    assistant: AssistantConfig,
    state_dir: Path,
    logs: RootLogHandler,
    *,
    with_keeper: bool,
    as_json: bool,
) -> int:
    """Run the agent until it ends. Return the exit status.

    If `with_keeper`, this process becomes the keeper and starts the agent as a child, in which this function returns.
    If this process was started by a keeper, it is the agent. `as_json` is the format of the keeper's log.
    """
    keeper_fd = keeper_wire.connection()
    if keeper_fd is not None:
        return _run_agent(config, assistant, StateDir(state_dir), logs, keeper_fd)
    check_limits()
    if config.ready_file is not None:
        _check_place(config.ready_file)
    with ExitStack() as scope:
        state = scope.enter_context(open_state(state_dir))
        if not with_keeper:
            return _run_agent(config, assistant, state, logs, None)
        descriptor = become_keeper(state, config, as_json=as_json)
        scope.close()  # the keeper holds the lock now
        return _run_agent(config, assistant, StateDir(state_dir), logs, descriptor)


def _run_agent(
    config: Config, assistant: AssistantConfig, state: StateDir, logs: RootLogHandler, keeper_fd: int | None
) -> int:
    with state.keys_prepared():
        from mobifai.cli.agent_process import run_agent  # noqa: PLC0415 - the keeper does not load it

    return run_agent(config, assistant, state, logs, keeper_fd)


def _check_place(file: Path) -> None:
    """Raise StateError if the ready file (`--ready-file`) can't be written at this path."""
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK) or file.is_dir():
        raise StateError(f"--ready-file: expected a file in a writable directory; found {file}")
