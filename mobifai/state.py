"""The state directory: who this machine is, what it is trusted with, and that only one process uses it.

Directories are 0700, files with secrets 0600 and written whole or not at all. Nothing here runs a network or a shell.
"""

import contextlib
import errno
import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from mobifai.errors import StateError
from mobifai.files import read_whole, write_whole
from mobifai.generated_file import GeneratedFile
from mobifai.problems import Problems
from mobifai.protocol.handshake import Identity
from mobifai.protocol.noise import KEY_BYTES, KeyPair
from mobifai.state_lock import lock_directory

MAX_SOCKET_PATH = 100
"""Bytes of a Unix socket's path that every system takes (macOS: 103, Linux: 107)."""


class _DeviceFile(msgspec.Struct, frozen=True):
    device_id: str
    private_key: str
    public_key: str | None = None


class _KeyFile(msgspec.Struct, frozen=True):
    private_key: str
    public_key: str


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """This machine's lasting identity."""

    device_id: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class StateDir:
    """A state directory that exists and is ours. `locks` are the descriptors that keep others out.

    Where it can't be written, what this process makes lives as long as the process; `problems` has it.
    """

    path: Path
    locks: tuple[int, ...] = ()
    problems: Problems = field(default_factory=Problems)
    _made: dict[str, Any] = field(default_factory=dict)  # bounded: the device and the key

    @property
    def tabs(self) -> Path:
        """The data base of the tabs."""
        return self.path / "tabs.sqlite"

    @property
    def control_socket(self) -> Path:
        """Where commands reach the running process."""
        return self._socket_in_use("control")

    @property
    def keeper_socket(self) -> Path:
        """Where commands reach the keeper, which answers while the agent does not."""
        return self._socket_in_use("keeper")

    def _socket_in_use(self, name: str) -> Path:
        """The socket that exists; one elsewhere comes first, as one inside may be of an earlier process."""
        first, *others = self.socket_paths(name)
        return next((place for place in others if _is_ours(place.parent) and place.exists()), first)

    def socket_paths(self, name: str) -> list[Path]:
        """Where a socket may be, the best place first.

        That is in the state directory, unless its path is too long. Where that directory can't be written, it is in a
        private directory elsewhere, which commands find by the state directory's path.
        """
        inside = self.path / f"{name}.sock"
        digest = sha256(os.fsencode(self.path.resolve())).hexdigest()[:16]
        file = f"{digest}.sock" if name == "control" else f"{digest}-{name}.sock"
        places = [folder / f"mobifai-{os.getuid()}" / file for folder in _runtime_folders()]
        return [inside, *places] if len(os.fsencode(inside)) <= MAX_SOCKET_PATH else places

    @property
    def assistant(self) -> Path:
        """The conversations of the assistant that go on; there when an agent ended in the midst of one."""
        return self.path / "assistant.json"

    @property
    def phones(self) -> Path:
        """The file of the phones whose keys are pinned."""
        return self.path / "phones.json"

    @property
    def keys(self) -> Path:
        """The file of the key combinations that phones share."""
        return self.path / "keys.json"

    def device(self) -> AgentIdentity:
        """This machine's id and key; made when there are none."""
        if "device" not in self._made:
            file = GeneratedFile(self.path / "device.json", self.problems, "phones know this machine as another one")
            self._made["device"] = file.load(_read_device, _make_device)
        device: AgentIdentity = self._made["device"]
        return device

    def e2e_key(self) -> KeyPair:
        """The key by which phones know this agent end to end; made when there is none."""
        if "e2e" not in self._made:
            file = GeneratedFile(self.path / "e2e.json", self.problems, "every phone needs a new link")
            self._made["e2e"] = file.load(_read_key, _make_key)
        key: KeyPair = self._made["e2e"]
        return key

    @contextmanager
    def keys_prepared(self) -> Iterator[None]:
        """See to it, beside what is done in this scope, that `device` and `e2e_key` need not compute a key.

        It would have to load and keep a library of many megabytes for that. What is missing is made in a fork of this
        process, which must have no threads; what fails there fails in `device` or `e2e_key`.
        """
        child = self._fork() if self._lacks_keys() else None
        if child == 0:
            try:
                apart = StateDir(self.path, problems=Problems(quiet=True))
                write_secret(self.path / "device.json", _device_content(apart.device()))  # with the public key
                apart.e2e_key()
            finally:
                os._exit(0)
        try:
            yield
        finally:
            if child is not None:
                os.waitpid(child, 0)

    def _fork(self) -> int | None:
        with contextlib.suppress(OSError):  # no process is left: it is made here, then
            return os.fork()
        return None

    def _lacks_keys(self) -> bool:
        """Whether there is a key to be made or computed. What is damaged is seen to by this process."""
        if not (self.path / "e2e.json").exists():
            return True
        try:
            return msgspec.json.decode(read_whole(self.path / "device.json"), type=_DeviceFile).public_key is None
        except FileNotFoundError:
            return True
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            return False

    def token(self, relay_url: str) -> str | None:
        """The token that a relay gave us."""
        return self._tokens().get(relay_url)

    def keep_token(self, relay_url: str, token: str | None) -> None:
        """Keep a relay's token, or forget it."""
        tokens = {url: kept for url, kept in self._tokens().items() if url != relay_url}
        if token is not None:
            tokens[relay_url] = token
        write_secret(self.path / "tokens.json", msgspec.json.encode(dict(list(tokens.items())[-32:])))

    def _tokens(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(read_whole(self.path / "tokens.json"), type=dict[str, str])
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            return {}  # signing in again creates it


def _runtime_folders() -> list[Path]:
    """Where sockets may be beside the state directory: two of them are in memory on most systems."""
    memory = [Path(f"/run/user/{os.getuid()}"), Path("/dev/shm")]  # noqa: S108 - a private directory is made there
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:  # no place for temporary files can be written
        temporary = Path("/tmp")  # noqa: S108 - as above
    return [temporary, *(folder for folder in memory if folder.is_dir())]


def _is_ours(folder: Path) -> bool:
    """Whether a directory is there that nobody else can have made."""
    try:
        return folder.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _key_bytes(digits: str) -> bytes:
    key = bytes.fromhex(digits)
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected {KEY_BYTES} bytes; found {len(key)}")
    return key


def _read_device(content: bytes) -> AgentIdentity:
    known = msgspec.json.decode(content, type=_DeviceFile)
    return AgentIdentity(known.device_id, Identity.from_hex(known.private_key, known.public_key))


def _make_device() -> tuple[AgentIdentity, bytes]:
    device = AgentIdentity(str(uuid.uuid4()), Identity.generate())
    return device, _device_content(device)


def _device_content(device: AgentIdentity) -> bytes:
    key = device.identity
    return msgspec.json.encode(_DeviceFile(device.device_id, key.secret_hex, key.public_hex))


def _read_key(content: bytes) -> KeyPair:
    known = msgspec.json.decode(content, type=_KeyFile)
    return KeyPair(_key_bytes(known.private_key), _key_bytes(known.public_key))


def _make_key() -> tuple[KeyPair, bytes]:
    made = KeyPair.generate()
    return made, msgspec.json.encode(_KeyFile(made.private.hex(), made.public.hex()))


def private_directory(path: Path) -> None:
    """Make a directory that only we may enter. Raises StateError."""
    try:
        if path.is_symlink() and path.lstat().st_uid != os.getuid():
            raise StateError(f"{path} is a link that somebody else made; choose another with --state-dir")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.getuid():
            raise StateError(f"{path} belongs to somebody else; choose another with --state-dir")
        if stat.S_IMODE(found.st_mode) != 0o700:
            _close_to_others(path)
    except OSError as error:
        raise StateError(
            f"{path} can't be used as the state directory ({error}); choose another with --state-dir"
        ) from None


def _close_to_others(path: Path) -> None:
    """Raises OSError, but not on a disk that can't be written."""
    try:
        path.chmod(0o700)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only we may read, whole or not at all. Raises StateError."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise StateError(f"{path} can't be written ({error}); free some space or choose another --state-dir") from None


@contextmanager
def open_state(path: Path) -> Iterator[StateDir]:
    """Use a state directory, alone: the locks go with the process, however it ends. Raises StateError."""
    private_directory(path)
    locks = lock_directory(path)
    try:
        yield StateDir(path, locks)
    finally:
        for lock in locks:
            os.close(lock)
