"""Imports aiortc without the parts that only audio and video need.

aiortc brings FFmpeg (through `av`), codecs, SRTP and a DNS library: 26 of its 29 MB, which a data channel does not
need. During its import, stubs take the place of the modules for audio and video. Any attribute can be looked up in a
stub, and does nothing. The DNS library is not replaced, but loaded later: when a phone first names itself by mDNS, as
browsers do. A program that imports `av` or `pylibsrtp` later gets the real modules. If aiortc can't be imported this
way, all of it is imported.
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
"""Modules that are replaced by stubs. A module that is not listed is imported unchanged."""

IMPORT_SWITCH_SECONDS = 0.0005
"""Python's switch interval, in seconds, during the import of aiortc. The event loop echoes keys through the relay
meanwhile, and the default interval of 5 ms would delay each echo by 5 ms.
"""

_LATER = ("dns.flags", "dns.message", "dns.name", "dns.rdata", "dns.rdataset", "dns.rdatatype", "dns.zone")
_LIBRARY = ("aiortc", "aioice")


class _StubMeta(type):
    """A metaclass whose classes have every public attribute, with the value 0, as in `Policy.SRTP_PROFILE`."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return 0


class StubClass(metaclass=_StubMeta):
    """A stub for a class that no data channel uses. It can be instantiated with any arguments, and does nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...


class MediaNotLoaded(Exception):
    """The error for audio and video, which are not supported. A stub for `av.FFmpegError` and `pylibsrtp.Error`."""


class StubSrtpSession(StubClass):
    """A stub for an SRTP session. Its packets count as undecryptable, and are ignored."""

    def unprotect(self, _: bytes) -> bytes:
        """Raise MediaNotLoaded."""
        raise MediaNotLoaded("audio and video are not supported")

    unprotect_rtcp = unprotect
    protect = unprotect
    protect_rtcp = unprotect


class StubModule(ModuleType):
    """A stub for a module of audio or video, in which every public name can be looked up."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):
            return MediaNotLoaded
        return StubSrtpSession if name == "Session" else StubClass


class _LazyFinder(importlib.abc.MetaPathFinder):
    """Finds the modules in `_LATER`. Their code runs when one of their attributes is first used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a lazy spec for a module in `_LATER`, and None for any other module."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname in _LATER else None
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def import_aiortc() -> Any:
    """Import aiortc with as few other modules as possible. Raises ImportError if it can't be imported at all."""
    if "aiortc" in sys.modules:
        return importlib.import_module("aiortc")
    try:
        with _without_media():
            return _checked(importlib.import_module("aiortc"))
    except Exception as error:  # another version of aiortc may fail with the stubs in any way
        _log.info("importing all of aiortc, because importing it without audio and video failed: %r", error)
        _forget()
        return importlib.import_module("aiortc")


async def import_aiortc_async() -> Any:
    """Import aiortc on a thread, so that the event loop keeps running. Return the module."""
    loop, imported = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        try:
            import_aiortc()
        finally:
            loop.call_soon_threadsafe(imported.set)

    thread = threading.Thread(target=work, name="import-aiortc", daemon=True)
    with contextlib.nullcontext() if "aiortc" in sys.modules else _in_the_background():
        thread.start()
        try:
            await imported.wait()
        finally:
            thread.join()
    return import_aiortc()


@contextlib.contextmanager
def _in_the_background() -> Iterator[None]:
    """Keep an import on another thread, for the length of a scope, from delaying the event loop more than it must.

    The import creates about 12,000 objects that stay in memory. They would soon cause a full garbage collection, which
    takes 10 to 20 ms. So the collector is off during the import, and afterwards the new objects are moved to its oldest
    generation.
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
    """Return the module if the parts that a data channel needs are real. Raises ImportError."""
    real = (aiortc.RTCPeerConnection, aiortc.RTCDataChannel, aiortc.RTCSessionDescription, aiortc.RTCIceServer)
    if not all(kind.__module__.startswith("aiortc.") for kind in real):
        raise ImportError("expected aiortc's own classes for the data channel; found stubs in their place")
    aiortc.RTCCertificate.generateCertificate()._create_ssl_context(aiortc.rtcdtlstransport.SRTP_PROFILES)
    return aiortc


@contextlib.contextmanager
def _without_media() -> Iterator[None]:
    placed = {name: _stub(name) for name in MEDIA if name not in sys.modules}
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


def _stub(name: str) -> ModuleType:
    module = StubModule(name)
    if name in ("av", "av.video"):
        module.__path__ = []  # bounded: nothing is ever added
    return module


def _forget() -> None:
    """Remove aiortc and aioice from `sys.modules`, so that the next import runs all of their code again."""
    for name in [name for name in sys.modules if name.split(".")[0] in _LIBRARY]:
        del sys.modules[name]
