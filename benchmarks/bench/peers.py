"""The peers, which are MobiFai and its alternatives: the command that starts each, and its version. Starts nothing."""

import os
import shutil
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.bench.packages import SOURCE, terminado_versions, version_of
from tests.support.node import Node

HERE = Path(__file__).parent
EARLIER = os.environ.get("MOBIFAI_BEFORE", "")
"""A Python with an earlier revision of MobiFai, to be measured beside this revision; empty if there is none."""
SHELL = SOURCE / "shell.sh"


class PeerFailed(Exception):
    """A peer can't be measured. The message says why."""


class BenchTools(msgspec.Struct, frozen=True):
    """The programs that peers and clients need. If the packages of the servers are missing, `missing` says why.

    `terminado` is a Python that has terminado. If there is none, `terminado` is empty, and `missing_terminado` says
    why.
    """

    node: Node
    client_home: Path
    servers_home: Path | None
    missing: str = ""
    terminado: str = ""
    missing_terminado: str = ""


class Launch(msgspec.Struct, frozen=True):
    """How to start a server. `words` is its command, and `ready_file` the file in which it reports its readiness.

    If both `ready_file` and `port` are None, the server reports its readiness on standard output.
    """

    words: tuple[str, ...]
    ready_file: Path | None = None
    port: int | None = None
    """The port of a server that does not report its readiness: it is ready once something listens there."""


class BenchPeer(msgspec.Struct, frozen=True):
    """A peer. `launch` returns how to start its server in a folder, or raises PeerFailed. `kind` is its protocol.

    `path` is the path of the server's URL. `webrtc`: the client opens a data channel. `version` returns the versions of
    the peer's packages as text.
    """

    name: str
    title: str
    kind: str
    launch: Callable[[BenchTools, Path], Launch]
    version: Callable[[BenchTools], str]
    path: str = ""
    webrtc: bool = False
    on_node: bool = False
    """Whether the peer needs the npm packages of the servers."""


def _mobifai(_tools: BenchTools, folder: Path) -> Launch:
    return _served_by(sys.executable, folder)


def _before(_tools: BenchTools, folder: Path) -> Launch:
    if not EARLIER:
        raise PeerFailed("no earlier revision: set MOBIFAI_BEFORE to a Python that has one")
    return _served_by(EARLIER, folder)


def _served_by(python: str, folder: Path) -> Launch:
    ready, settings = folder / "ready.json", folder / "config.toml"
    settings.touch()  # not the user's own settings
    words = ("--config", str(settings), "serve", "--port", "0", "--state-dir", str(folder / "state"))
    options = ("--ready-file", str(ready), "--shell", f"/bin/sh {SHELL}")
    return Launch((python, "-P", "-m", "mobifai", *words, *options), ready)


def _on_node(program: str) -> Callable[[BenchTools, Path], Launch]:
    def launch(tools: BenchTools, _folder: Path) -> Launch:
        if tools.servers_home is None:
            raise PeerFailed(f"its npm packages are missing: {tools.missing}")
        return Launch((tools.node.program, str(SOURCE / program)))

    return launch


def _node_version(*packages: str) -> Callable[[BenchTools], str]:
    def versions(tools: BenchTools) -> str:
        home = tools.servers_home
        return "not installed" if home is None else ", ".join(f"{name} {version_of(home, name)}" for name in packages)

    return versions


def _terminado(tools: BenchTools, _folder: Path) -> Launch:
    if not tools.terminado:
        raise PeerFailed(f"terminado: can't be installed: {tools.missing_terminado}")
    return Launch((tools.terminado, str(HERE / "terminado_server.py")))


def _terminado_version(tools: BenchTools) -> str:
    return terminado_versions(tools.terminado) if tools.terminado else "not installed"


def _aiortc(_tools: BenchTools, _folder: Path) -> Launch:
    return Launch((sys.executable, str(HERE / "aiortc_server.py"), str(SHELL)))


def _ttyd(_tools: BenchTools, _folder: Path) -> Launch:
    program = shutil.which("ttyd")
    if program is None:
        raise PeerFailed("ttyd: not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = ("--interface", "127.0.0.1", "--port", str(port), "--writable", "/bin/sh", str(SHELL))
    return Launch((program, *words), port=port)


def _ttyd_version(_tools: BenchTools) -> str:
    return "on this machine" if shutil.which("ttyd") else "not on this machine"


def _own_version(_tools: BenchTools) -> str:
    return f"{version('mobifai')} (aiortc {version('aiortc')}, python-socketio {version('python-socketio')})"


def _earlier_version(_tools: BenchTools) -> str:
    return "an earlier revision" if EARLIER else "none named"


PEERS = {
    peer.name: peer
    for peer in (
        BenchPeer("mobifai", "MobiFai, data channel", "mobifai", _mobifai, _own_version, webrtc=True),
        BenchPeer("mobifai-relay", "MobiFai, relay alone", "mobifai", _mobifai, _own_version),
        BenchPeer("mobifai-before", "MobiFai before, data channel", "mobifai", _before, _earlier_version, webrtc=True),
        BenchPeer("mobifai-before-relay", "MobiFai before, relay alone", "mobifai", _before, _earlier_version),
        BenchPeer("node-wrtc", "node-pty, data channel", "wrtc", _on_node("agent_wrtc.mjs"),
             _node_version("@lydell/node-pty", "@roamhq/wrtc"), on_node=True),
        BenchPeer("aiortc", "aiortc alone, data channel", "wrtc", _aiortc, lambda _: version("aiortc"), webrtc=True),
        BenchPeer("node-socketio", "node-pty, Socket.IO", "socketio", _on_node("server_socketio.mjs"),
             _node_version("@lydell/node-pty", "socket.io"), on_node=True),
        BenchPeer("terminado", "terminado", "terminado", _terminado, _terminado_version, path="/websocket"),
        BenchPeer("ttyd", "ttyd", "ttyd", _ttyd, _ttyd_version, path="/ws"),
    )
}  # fmt: skip
