"""A real nginx in front of a relay. Its process and its

folder end with the scope.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.eventually import eventually

_CONFIG = """
daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream mobifai_upstream {{ server 127.0.0.1:{relay_port}; }}
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""

WEBSOCKETS = """
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_read_timeout 1h;
"""
"""Settings that every proxy of a relay needs."""


def find_nginx() -> str | None:
    """Return the path of nginx, which Debian installs in the administrator's `sbin`."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def why_not() -> str:
    """Return why nginx can't run here, or an empty text."""
    return "" if find_nginx() else "expected nginx; found none: `apt install nginx-light` brings it"


def free_port() -> int:
    """Return a free port, for a program that can't choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def proxying(folder: Path, port: int, relay_port: int, location: str) -> AsyncIterator[None]:
    """Serve `location` on a port, and wait until nginx answers. `mobifai_upstream` is the relay."""
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, relay_port=relay_port, location=location))
    program = find_nginx()
    assert program is not None
    with (folder / "out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(program, "-p", str(folder), "-c", str(config)), stdout=out, stderr=out, env={**os.environ, "LANG": "C"}
        )
    try:
        await eventually(lambda: process.returncode is not None or _answers(port))
        assert process.returncode is None, (folder / "out").read_text()
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
