"""The environment of a run, for reports: platform, Python, C library, libraries, variables."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from soak.harness.child_environment import stated

LIBRARIES = (
    *("aiohttp", "aioice", "aiortc", "anthropic", "cryptography"),
    *("memray", "msgspec", "psutil", "python-socketio", "uvloop"),
)


def environment(network: str) -> dict[str, Any]:
    """Return facts about this machine and the installed libraries, by name, for a report. `network` describes the run's
    network.
    """
    return {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "c_library": " ".join(platform.libc_ver()).strip() or sys.platform,
        "cpus": os.cpu_count() or 1,
        "network": network,
        "variables": stated(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
