"""An independent process that checks whether event loops answer: `probe.py SOCKET:PID ...`.

Asks each control socket something short, ten times a second, and prints a line of JSON for every answer that took
longer than `SLOW`: its time by the clock, and how much of it the asked process and this one waited for a processor,
which is the machine's fault and not theirs. Standard library only, so that it has work of its own to wait for as
little as possible.
"""

import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

EVERY = 0.1
SLOW = 0.05
PATIENCE = 5.0


def waited(process: str) -> float:
    """Seconds for which the main thread of a process was ready to run and had no processor (Linux; else 0)."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def own_waited() -> float:
    """The same for the calling thread."""
    return waited(f"self/task/{threading.get_native_id()}")


def ask(path: str) -> bool:
    """Send one request. Return False if it was not accepted, because the process is gone or has too many clients."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(path)
            connection.sendall(b'{"ask":"probe"}\n')
            return bool(connection.recv(4096))
        except TimeoutError:
            return True  # no answer may take this long
        except OSError:
            return False


def look(path: str, pid: str) -> None:
    """Send one process a request repeatedly."""
    while True:
        began, ready, mine = time.monotonic(), waited(pid), own_waited()
        answered = ask(path)
        seconds = time.monotonic() - began
        if answered and seconds > SLOW:
            slow = {"pid": int(pid), "began": began, "seconds": seconds, "waited": waited(pid) - ready}
            line = json.dumps({**slow, "own": own_waited() - mine}) + "\n"
            os.write(sys.stdout.fileno(), line.encode())  # in one call: the threads' lines must not mix
        time.sleep(EVERY)


def main() -> None:
    """Watch the given processes until standard input ends."""
    for word in sys.argv[1:]:
        path, _, pid = word.rpartition(":")
        threading.Thread(target=look, args=(path, pid), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
