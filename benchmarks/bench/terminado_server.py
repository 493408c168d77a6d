"""The least server on terminado: a shell for each web socket. Prints the port that it listens on as JSON."""

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


class BenchTermSocket(TermSocket):
    """Takes a client without an Origin header, as the benchmark's is."""

    def check_origin(self, origin: str) -> bool:
        """Whether a page may connect: this server lives for a minute, on this machine alone."""
        return True


async def main() -> None:
    """Serve until standard input ends."""
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
