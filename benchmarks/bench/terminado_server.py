"""A minimal terminal server with terminado: a shell for each WebSocket. Prints its port as JSON."""

import asyncio
import json
import os
import sys
import threading

from terminado.management import UniqueTermManager
from terminado.websocket import TermSocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application


class BenchTermSocket(TermSocket):  # type: ignore[misc,unused-ignore]
    """A terminal socket that accepts clients without an Origin header."""

    def check_origin(self, origin: str) -> bool:
        """Accept every origin: the server runs for a minute, on loopback."""
        return True


async def main() -> None:
    """Serve on a free port, print it, and end when standard input ends."""
    manager = UniqueTermManager(shell_command=["/bin/sh", os.environ["BENCH_SHELL"]], max_terminals=100)
    server = HTTPServer(Application([("/websocket", BenchTermSocket, {"term_manager": manager})]))
    (socket,) = sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(json.dumps({"port": socket.getsockname()[1]}), flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    await ended.wait()
    server.stop()
    await manager.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
