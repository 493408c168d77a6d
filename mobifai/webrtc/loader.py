"""The WebRTC library, imported without what only sound and pictures need.

aiortc brings FFmpeg (through `av`), codecs, SRTP and a DNS library: 26 of its 29 MB, none of which a data channel uses.
For the length of its import, stand-ins take their places; what is looked up in them raises nothing and does nothing.
The DNS library is real, and loads when a phone first names itself by mDNS, as pages in browsers do. A program that
imports `av` or `pylibsrtp` later gets the real ones. An aiortc that can't be imported this way is imported whole. Owns
nothing but the thread of an import, for as long as that takes.
"""

import asyncio
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

_log = logging.getLogger(__name__)

MEDIA = (
    *("av", "av.frame", "av.packet", "av.video", "av.video.codeccontext"),
    *(f"aiortc.codecs.{name}" for name in ("g711", "g722", "h264", "opus", "vpx")),
    "pylibsrtp",
)
"""Modules that have stand-ins. One that is missing here is imported as it is."""

IMPORT_SWITCH_SECONDS = 0.0005
"""How long the import of aiortc may keep the loop from Python's lock, while somebody types by relay already. As Python
comes it is 5 ms, and the echo of each key then takes so much longer."""

_LATER = ("dns.flags", "dns.message", "dns.name", "dns.rdata", "dns.rdataset", "dns.rdatatype", "dns.zone")
_LIBRARY = ("aiortc", "aioice")


class _Anything(type):
    """A class of which any attribute can be asked, and any object made: `Policy.SRTP_PROFILE`, `Policy(key=b"")`."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return 0


class Unused(metaclass=_Anything):
    """In place of what no data channel touches. It can be made, and can do nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...


class MediaNotLoaded(Exception):
    """Something wanted to carry sound or pictures. In place of `av.FFmpegError` and `pylibsrtp.Error`."""


class Session(Unused):
    """In place of an SRTP session: packets of sound and pictures are passed over, as ones that don't decrypt are."""

    def unprotect(self, _: bytes) -> bytes:
        """Refuse. Raises MediaNotLoaded."""
        raise MediaNotLoaded("no sound and no pictures are carried")

    unprotect_rtcp = unprotect
    protect = unprotect
    protect_rtcp = unprotect


class StubModule(ModuleType):
    """A module in which every public name is there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):
            return MediaNotLoaded
        return Session if name == "Session" else Unused


class _LazyFinder(importlib.abc.MetaPathFinder):
    """Finds modules whose code runs when something of them is first used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As the usual finder, for the modules that can wait."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname in _LATER else None
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def load() -> Any:
    """The aiortc module, as small as it can be had. Raises ImportError where it can't be imported at all."""
    if "aiortc" in sys.modules:
        return importlib.import_module("aiortc")
    try:
        with _without_media():
            return _checked(importlib.import_module("aiortc"))
    except Exception as error:  # whatever another version of it makes of the stand-ins
        _log.info("aiortc is loaded with all that it has, since less did not do: %r", error)
        _forget()
        return importlib.import_module("aiortc")


async def import_aiortc_async() -> Any:
    """The same, imported on a thread of its own so that the loop goes on meanwhile."""
    loop, imported = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        try:
            load()
        finally:
            loop.call_soon_threadsafe(imported.set)

    thread = threading.Thread(target=work, name="import-aiortc", daemon=True)
    with contextlib.nullcontext() if "aiortc" in sys.modules else _in_the_background():
        thread.start()
        try:
            await imported.wait()
        finally:
            thread.join()
    return load()


@contextlib.contextmanager
def _in_the_background() -> Iterator[None]:
    """Have an import on another thread keep the loop from its work for no longer than it must.

    It makes some 12,000 objects that stay. As they are young, the collector would soon go through all that there is,
    which takes it 10 to 20 ms; so it waits for the end, and they are then told to it as old ones.
    """
    interval, collects = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(IMPORT_SWITCH_SECONDS)
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()  # into the oldest generation
        if collects:
            gc.enable()
        sys.setswitchinterval(interval)


def _checked(aiortc: Any) -> Any:
    """The same, if what a data channel needs of it is real."""
    real = (aiortc.RTCPeerConnection, aiortc.RTCDataChannel, aiortc.RTCSessionDescription, aiortc.RTCIceServer)
    if not all(kind.__module__.startswith("aiortc.") for kind in real):
        raise ImportError("parts of the data channel are among what has stand-ins")
    aiortc.RTCCertificate.generateCertificate()._create_ssl_context(aiortc.rtcdtlstransport.SRTP_PROFILES)
    return aiortc


@contextlib.contextmanager
def _without_media() -> Iterator[None]:
    placed = {name: _stand_in(name) for name in MEDIA if name not in sys.modules}
    finder = _LazyFinder()
    sys.modules.update(placed)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in placed.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _stand_in(name: str) -> ModuleType:
    module = StubModule(name)
    if name in ("av", "av.video"):
        module.__path__ = []  # bounded: nothing is ever put there
    return module


def _forget() -> None:
    """Have the library imported again from its beginning."""
    for name in [name for name in sys.modules if name.split(".")[0] in _LIBRARY]:
        del sys.modules[name]
