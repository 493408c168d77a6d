"""The start of the keeper: `mobifai serve` forks; the parent becomes the keeper, and the child is the agent."""

import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import mobifai
from mobifai.bounds import Ledger
from mobifai.config import Config
from mobifai.control.server import listen_in
from mobifai.errors import CommandError, StateError
from mobifai.limits import TERMINAL_RING
from mobifai.logs.rotating_file import log_path
from mobifai.resource_limits import fork
from mobifai.state import StateDir
from mobifai.terminals import keeper
from mobifai.terminals import keeper_protocol as keeper_wire

_log = logging.getLogger(__name__)

FORKS = sys.platform != "darwin"
"""Whether the first agent is a fork of this command. It is not on macOS, where some system libraries fail after a fork
without exec: there, the keeper starts the first agent too."""


def become_keeper(state: StateDir, config: Config, *, as_json: bool) -> int:
    """Fork, and become the keeper in the parent by exec.

    In the child, return the descriptor of its connection to the keeper.

    The child continues as the agent, with the modules that this command has loaded. The keeper is a separate program
    that needs little memory. After a crash or a restart, the keeper starts the agent as a new process, so that the
    version runs that is installed then. On macOS, there is no fork, and the keeper starts the first agent in the same
    way.
    """
    sys.stdout.flush()
    root = str(Path(mobifai.__file__).parent.parent)
    keepers, agents = socket.socketpair()
    signal.pthread_sigmask(signal.SIG_BLOCK, keeper.STOPPING)  # until the keeper handles them
    control, control_path = _listen_as_keeper(state)
    pid = fork() if FORKS else 0
    if FORKS and pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, keeper.STOPPING)
        keepers.close()
        if control is not None:
            control.close()
        if not sys.flags.safe_path:
            sys.path[0] = root  # as with -P: import nothing from the current directory
        return keeper_wire.connect_by(agents.detach())
    for descriptor in (*state.locks, keepers.fileno(), *([control.fileno()] if control is not None else [])):
        os.set_inheritable(descriptor, True)
    setup = {
        "ring_capacity": Ledger(config.limits).capacity(TERMINAL_RING),
        "agent": pid,
        "connection": keepers.fileno(),
        "control": control.fileno() if control is not None else -1,
        "control_path": control_path,
        "log": str(log_path(state.path)),
        "log_as_json": as_json,
    }
    agent = [sys.executable, "-P", "-m", "mobifai", *sys.argv[1:]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    words = [sys.executable, "-P", keeper.__file__, json.dumps(setup), *agent]
    try:
        os.execve(sys.executable, words, environment)  # noqa: S606
    except OSError as error:  # the fork finds the connection closed, and exits
        raise CommandError(f"the keeper can't be started: {sys.executable} can't be run ({error})") from None


def _listen_as_keeper(state: StateDir) -> tuple[socket.socket | None, str]:
    """Return the keeper's control socket and its path.

    If the socket can't be created, return None and an empty path. The keeper then runs without it.
    """
    try:
        listening, place = listen_in(state.socket_paths("keeper"))
    except StateError as error:
        _log.warning(
            "the keeper can't listen for commands, so `mobifai status` will not work while the agent is down: %s", error
        )
        return None, ""
    return listening, str(place)
