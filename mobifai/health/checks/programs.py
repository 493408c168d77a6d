"""Checks of the installed software: versions, native libraries and the phone page."""

import asyncio
import contextlib
import platform
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mobifai
from mobifai import __version__
from mobifai.health.checks.check import CheckedInstallation, CheckFunction, CheckResult, ok, problem, warning

OLDEST_PYTHON = (3, 11)

PACKAGE = Path(mobifai.__file__).parent

NATIVE = ("msgspec", "psutil", "cryptography.hazmat.bindings._rust", "aiortc")
"""Modules with native code. `aiortc` stands for OpenSSL, which it loads and which has crashed processes on some
machines. It is imported in the same way as in the agent, without FFmpeg."""

_IMPORT = """
import importlib, sys
from mobifai.webrtc import loader as webrtc
for name in sys.argv[1:]:
    print(name, flush=True)
    webrtc.import_aiortc() if name == "aiortc" else importlib.import_module(name)
"""


def versions(_: CheckedInstallation) -> CheckResult:
    """Check the version of Python, and that the main libraries are installed."""
    found = f"MobiFai {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    if sys.version_info < OLDEST_PYTHON:
        return problem(found, "install Python 3.11 or newer")
    missing = [name for name in ("aiortc", "aiohttp") if _version(name) is None]
    if missing:
        return problem(f"{found}; {', '.join(missing)} missing", "reinstall MobiFai with all of its dependencies")
    uvloop = _version("uvloop")
    found = f"{found}, aiortc {_version('aiortc')}, uvloop {uvloop or 'missing'}"
    if uvloop is None and platform.python_implementation() == "CPython":
        return warning(found, "install uvloop, which makes the data channel faster")
    return ok(found)


def phone_page(_: CheckedInstallation, package: Path = PACKAGE) -> CheckResult:
    """Check that this installation contains the phone page, which phones open in a browser."""
    if (package / "relay" / "static" / "page" / "index.html").is_file():
        return ok("the phone page is installed")
    found = "this MobiFai was built without the phone page, so phones need the app"
    return warning(found, "reinstall MobiFai without MOBIFAI_BUILD_PAGE=0")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def natives(modules: tuple[str, ...] = NATIVE) -> CheckFunction:
    """Return a check that imports `modules` in a separate process, since the import of a native module may crash."""

    async def look(_: CheckedInstallation) -> CheckResult:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _IMPORT, *modules), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        try:
            out, err = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        reached = out.decode().split()[-1:] or ["Python"]
        return _judge(process.returncode or 0, reached[0], err.decode(errors="replace"), modules)

    return look


def _judge(status: int, reached: str, said: str, modules: tuple[str, ...]) -> CheckResult:
    package = reached.partition(".")[0]
    if status < 0:
        return problem(
            f"loading {package} crashes ({signal.Signals(-status).name})",
            f"reinstall {package}, or another version of it",
        )
    if status > 0:
        why = (said.strip().splitlines() or ["no error message"])[-1]
        return problem(f"{package} can't be loaded: {why}", f"reinstall {package}")
    return ok(f"{', '.join(name.partition('.')[0] for name in modules)} can be loaded")
