"""aiortc without its audio and video parts. Each test imports it in a process of its own."""

import subprocess
import sys

import pytest

CALL = """
import asyncio, logging, sys, threading
from mobifai.webrtc import loader as webrtc
from mobifai.transport.peer_connection import PeerConnection
from mobifai.webrtc.loader import import_aiortc_async
from mobifai.bounds import Ledger
from mobifai.protocol import messages

class Listener:
    def __init__(self):
        self.messages = asyncio.Queue()
    def channel_opened(self): pass
    def channel_message(self, text): self.messages.put_nowait(text)
    def channel_has_room(self): pass

async def call():
    listener, phone_received = Listener(), asyncio.Queue()
    aiortc = await import_aiortc_async()
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
    from soak.phone.peer_connection import PhonePeerConnection
    phone = PhonePeerConnection(phone_received.put_nowait, lambda: None)
    async with asyncio.timeout(30), PeerConnection(aiortc, (), Ledger(), listener) as agent:
        try:
            offer = await agent.offer()
            made = await phone.answer({"type": "offer", "sdp": offer.offer.sdp})
            answer = messages.Description(type="answer", sdp=made.description["sdp"])
            await agent.answer(messages.Answer(answer=answer))
            await agent.opened.wait()
            agent.send("event", {"to": "the phone"})
            print(await phone_received.get())
            await phone.send("from the phone")
            print(await listener.messages.get())
        finally:
            await phone.close()
"""

WORKS = '{"type":"event","payload":{"to":"the phone"}}\nfrom the phone\n'


def run(program: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_data_channel_works_without_audio_and_video() -> None:
    output = run(f"""{CALL}
asyncio.run(call())
print([name for name in sys.modules if name.split(".")[0] in ("av", "pylibsrtp", "numpy", "multiprocessing")])
""")
    assert output == f"{WORKS}[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads what is mapped from /proc")
def test_its_libraries_are_not_in_memory() -> None:
    output = run(f"""{CALL}
asyncio.run(call())
import pathlib
mapped = {{line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines()}}
print(sorted(path for path in mapped if any(name in path for name in ("libav", "libsw", "pylibsrtp"))))
""")
    assert output == f"{WORKS}[]\n"


def test_an_import_makes_no_work_for_the_collector_and_leaves_it_as_it_was() -> None:
    """Neither while it goes on, nor soon after: what was imported is with the old objects."""
    output = run("""
import asyncio, gc, sys
from mobifai.webrtc import loader as webrtc
collections = []
gc.callbacks.append(lambda phase, details: collections.append(details["generation"]))
async def main():
    before, interval = len(gc.get_objects(generation=2)), sys.getswitchinterval()
    collections.clear()
    await webrtc.import_aiortc_async()
    print(collections, len(gc.get_objects(generation=2)) - before > 10_000, gc.get_count()[1:], gc.get_freeze_count())
    print(gc.isenabled(), sys.getswitchinterval() == interval)
asyncio.run(main())
""")
    assert output == "[] True (0, 0) 0\nTrue True\n"


def test_a_later_import_of_the_audio_library_gets_the_real_one() -> None:
    output = run("""
from mobifai.webrtc import loader as webrtc
webrtc.import_aiortc()
import av, pylibsrtp
print(av.AudioFrame(format="s16", layout="mono", samples=160).samples, pylibsrtp.Error.__module__)
""")
    assert output == "160 pylibsrtp\n"


def test_mdns_names_are_resolved_with_the_real_dns_library() -> None:
    output = run("""
import asyncio, sys
from mobifai.webrtc import loader as webrtc
webrtc.import_aiortc()
before = "dns.zone" in sys.modules and type(sys.modules["dns.zone"]).__name__
import aioice.mdns
async def main():
    protocol = aioice.mdns.MDnsProtocol()
    print(before, type(protocol.zone).__module__, type(sys.modules["dns.zone"]).__name__)
asyncio.run(main())
""")
    assert output == "_LazyModule dns.zone module\n"


@pytest.mark.parametrize(
    "change",
    [
        "webrtc._stub = types.ModuleType",  # a library that asks for more than the stand-ins have
        "webrtc.MEDIA = ('aiortc.rtcdatachannel',)",  # one whose modules mean something else
    ],
)
def test_an_unexpected_aiortc_is_imported_completely(change: str) -> None:
    output = run(f"""{CALL}
import types
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s: %(message).24s")
logging.getLogger().addFilter(lambda record: record.name.startswith("mobifai"))
for handler in logging.getLogger().handlers: handler.addFilter(lambda record: record.name.startswith("mobifai"))
{change}
webrtc.import_aiortc()
import aiortc.mediastreams, av
assert aiortc.mediastreams.AudioFrame is av.AudioFrame
asyncio.run(call())
""")
    assert output == f"mobifai.webrtc.loader: importing all of aiortc,\n{WORKS}"


def test_an_aiortc_that_is_imported_already_is_used_as_it_is() -> None:
    output = run("""
import aiortc, av
from mobifai.webrtc import loader as webrtc
print(webrtc.import_aiortc() is aiortc, aiortc.mediastreams.AudioFrame is av.AudioFrame)
""")
    assert output == "True True\n"


def test_every_replaced_module_exists() -> None:
    output = run("""
import importlib
from mobifai.webrtc import loader as webrtc
for name in webrtc.MEDIA: importlib.import_module(name)
print("all")
""")
    assert output == "all\n"
