"""A faulty agent: it lets the keeper start a shell, and then misbehaves.

`python ill_agent.py FOLDER WAY`: the first one misbehaves in the given way and stores the shell's pid. Later ones end
immediately.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from mobifai.terminals import keeper_protocol

WAYS = (
    "exit 0", "exit 3", "exit 75", "SIGSEGV", "SIGKILL", "hang up", "garbage", "a line without end", "no object",
    "null", "no fields", "wrong types", "no number", "unknown words", "a shell twice", "depth",
)  # fmt: skip


def main() -> None:
    folder, way = Path(sys.argv[1]), sys.argv[2]
    note = folder / "shell.pid"
    if note.exists():
        sys.exit(1)
    keeper = socket.socket(fileno=keeper_protocol.connection())
    receiver = keeper_protocol.Receiver(keeper)
    shell = {"uuid": "tab", "argv": ["/bin/sh"], "env": {"PATH": os.defpath}, "cwd": "/", "size": [24, 80]}

    def ask(**message: object) -> dict[str, object]:
        keeper_protocol.send(keeper, message)
        while (answer := receiver.next()) is None:
            receiver.receive()
        return answer

    pid = ask(ask="spawn", id=1, **shell)["pid"]
    keeper_protocol.send(keeper, {"ask": "label", "uuid": "tab", "label": {"name": "precious"}})
    keeper_protocol.send(keeper, {"ask": "ready"})
    note.write_text(f"{pid}\n")
    match way:
        case "exit 0" | "exit 3" | "exit 75":
            sys.exit(int(way.removeprefix("exit ")))
        case "SIGSEGV" | "SIGKILL":
            os.kill(os.getpid(), getattr(signal, way))
        case "hang up":
            keeper.close()
            sys.exit(1)
        case "garbage":
            keeper.sendall(b"\xff\x00{]\n" * 10)
        case "a line without end":
            keeper.sendall(b"x" * (keeper_protocol.LINE_BYTES + 100_000))
        case "no object":
            keeper.sendall(b'[]\n"end"\nnull\n5\n')
        case "null":
            keeper.sendall(b"null\n")
        case "no fields":
            keeper.sendall(b'{"ask": "spawn"}\n{"ask": "take"}\n{"ask": "end"}\n{"ask": "note"}\n{"ask": "failed"}\n')
        case "wrong types":
            keeper.sendall(b'{"ask": "end", "pid": "all"}\n{"ask": "take", "uuid": []}\n')
        case "no number":
            keeper.sendall(b'{"ask": "note", "port": Infinity}\n')
        case "unknown words":
            keeper.sendall(b'{"ask": "shutdown"}\n{"ask": {}}\n{"say": 1}\n')
            sys.exit(1)
        case "a shell twice":
            assert "error" in ask(ask="spawn", id=2, **shell)
            sys.exit(1)
        case "depth":
            keeper.sendall(b'{"ask": ' + b"[" * 100_000 + b"\n")
    time.sleep(600)  # the keeper ends it


if __name__ == "__main__":
    main()
