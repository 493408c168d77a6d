"""The network namespace of a run: its addresses, its isolation, and the reason where it is not available."""

import errno
import os
import socket
import subprocess
import sys
import threading

import pytest

from soak.harness import network_namespace as network

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces are a part of Linux")


def inside(code: str) -> str:
    """Return the output of a process that has entered a network namespace. Skip the test if that is not possible."""
    start = "import os, socket\nfrom soak.harness import network_namespace as network\ndone = network.enter()\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "machine's own" in done.stdout:
        pytest.skip(done.stdout.strip())
    return done.stdout.strip()


@linux
def test_a_run_has_a_network_of_its_own_with_two_addresses() -> None:
    code = (
        "listeners = [socket.create_server((host, 0)) for host in ('127.0.0.1', network.ADDRESS)]\n"
        "for one in listeners: socket.create_connection(one.getsockname()).close()\n"
        "print(done, os.stat('/proc/self/ns/net').st_ino)"
    )
    done = inside(code)
    assert done.startswith(f"a network namespace of its own, {network.ADDRESS}")
    assert not done.endswith(str(os.stat("/proc/self/ns/net").st_ino))  # noqa: PTH116


@linux
def test_nothing_else_can_be_reached_from_it() -> None:
    code = (
        "import errno\n"
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:\n"
        "    try: one.connect(('192.0.2.1', 9)); print(done, 'reached')\n"
        "    except OSError as error: print(done, errno.errorcode[error.errno])"
    )
    assert inside(code).endswith(errno.errorcode[errno.ENETUNREACH])


@linux
def test_files_and_ids_stay_as_they_were() -> None:
    code = (
        "import tempfile, pathlib\n"
        "with tempfile.NamedTemporaryFile() as file: owner = pathlib.Path(file.name).stat().st_uid\n"
        "print(done, os.geteuid() == os.getuid() == owner, os.geteuid())"
    )
    assert inside(code).endswith(f"True {os.geteuid()}")


@linux
def test_a_process_with_more_threads_stays_where_it_is_and_says_why() -> None:
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    before = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116
    thread.start()
    try:
        done = network.enter()
    finally:
        gate.set()
        thread.join()
    assert done.startswith("the machine's own addresses (no network namespace: expected a process with one thread; ")
    assert os.stat("/proc/self/ns/net").st_ino == before  # noqa: PTH116


@linux
def test_what_fails_is_tried_in_a_child_so_that_this_process_stays_where_it_is() -> None:
    """The permission is missing, or the interface can't be configured."""

    def no_wire() -> None:
        raise PermissionError(errno.EPERM, "no wire")

    before = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116
    done = network.enter(no_wire)
    assert "the machine's own addresses (no network namespace: " in done
    assert os.stat("/proc/self/ns/net").st_ino == before  # noqa: PTH116
    if threading.active_count() == 1 and os.geteuid() == 0:
        assert "PermissionError" in done


def test_elsewhere_the_machines_own_addresses_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert network.enter() == "the machine's own addresses (only Linux has network namespaces)"


def test_an_address_is_asked_for_as_the_kernel_reads_it() -> None:
    asked = network.interface_request(b"lo:1", "10.64.0.1")
    assert len(asked) == 40
    assert asked[:4] == b"lo:1"
    assert asked[16:18] == socket.AF_INET.to_bytes(2, sys.byteorder)
    assert asked[20:24] == bytes([10, 64, 0, 1])
