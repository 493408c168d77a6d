"""The state directory: this machine's identity, its tokens and keys, and the lock that admits one process.

Directories are 0700. Files with secrets are 0600 and written atomically. This module uses no network and no shell.
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
from mobifai.protocol.ids import Id
from mobifai.protocol.noise import KEY_BYTES, KeyPair
from mobifai.state_lock import lock_directory

MAX_SOCKET_PATH = 100
"""The longest path of a Unix socket that every system accepts, in bytes (macOS: 103, Linux: 107)."""


class _DeviceFile(msgspec.Struct, frozen=True):
    device_id: Id
    private_key: str
    public_key: str | None = None


class _KeyFile(msgspec.Struct, frozen=True):
    private_key: str
    public_key: str


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """This machine's permanent identity: its device id and its private key."""

    device_id: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class StateDir:
    """A state directory that exists and belongs to this user. `locks` are the file descriptors that lock it.

    If the directory can't be written, new content is lost when this process ends, and `problems` reports this.
    """

    path: Path
    locks: tuple[int, ...] = ()
    problems: Problems = field(default_factory=Problems)
    _made: dict[str, Any] = field(default_factory=dict)  # bounded: the device and the key

    @property
    def tabs(self) -> Path:
        """The path of the database of tabs."""
        return self.path / "tabs.sqlite"

    @property
    def control_socket(self) -> Path:
        """The path of the socket on which the running process answers commands."""
        return self._socket_in_use("control")

    @property
    def keeper_socket(self) -> Path:
        """The path of the socket on which the keeper answers commands while no agent does."""
        return self._socket_in_use("keeper")

    def _socket_in_use(self, name: str) -> Path:
        """Return the path of the socket `name` that a running process uses.

        If a socket exists outside of the state directory, it is the one in use. A socket that also exists in the state
        directory is then left over from an earlier process.
        """
        first, *others = self.socket_paths(name)
        return next((place for place in others if _is_ours(place.parent) and place.exists()), first)

    def socket_paths(self, name: str) -> list[Path]:
        """Return the possible paths of the socket `name` ("control" or "keeper"), the preferred one first.

        The preferred path is in the state directory, unless that path is too long for a socket. The other paths are in
        private directories elsewhere, for a state directory that can't be written. They are derived from the state
        directory's path, so that commands find the socket.
        """
        inside = self.path / f"{name}.sock"
        digest = sha256(os.fsencode(self.path.resolve())).hexdigest()[:16]
        file = f"{digest}.sock" if name == "control" else f"{digest}-{name}.sock"
        places = [folder / f"mobifai-{os.getuid()}" / file for folder in _runtime_folders()]
        return [inside, *places] if len(os.fsencode(inside)) <= MAX_SOCKET_PATH else places

    @property
    def assistant(self) -> Path:
        """The path of the file that lists the assistant's running conversations.

        The file is left over if the agent ends during a conversation.
        """
        return self.path / "assistant.json"

    @property
    def phones(self) -> Path:
        """The path of the file with the pinned and the revoked keys of phones."""
        return self.path / "phones.json"

    @property
    def keys(self) -> Path:
        """The path of the file with the key combinations that phones share."""
        return self.path / "keys.json"

    def device(self) -> AgentIdentity:
        """Return this machine's id and key, generated on first use."""
        if "device" not in self._made:
            file = GeneratedFile(self.path / "device.json", self.problems, "phones see this machine as a new one")
            self._made["device"] = file.load(_read_device, _make_device)
        device: AgentIdentity = self._made["device"]
        return device

    def e2e_key(self) -> KeyPair:
        """Return the key by which phones recognize this agent, generated on first use."""
        if "e2e" not in self._made:
            file = GeneratedFile(self.path / "e2e.json", self.problems, "every phone needs a new link")
            self._made["e2e"] = file.load(_read_key, _make_key)
        key: KeyPair = self._made["e2e"]
        return key

    @contextmanager
    def keys_prepared(self) -> Iterator[None]:
        """Generate missing keys while this scope runs, so that `device` and `e2e_key` only read them afterwards.

        Generating a key loads a library of many megabytes. So a fork of this process generates the keys, which requires
        that this process has no threads. If that fails, `device` or `e2e_key` generates the key later, or reports the
        failure.
        """
        child = self._fork() if self._lacks_keys() else None
        if child == 0:
            try:
                apart = StateDir(self.path, problems=Problems(quiet=True))
                write_secret(self.path / "device.json", _device_content(apart.device()))  # adds a missing public key
                apart.e2e_key()
            finally:
                os._exit(0)
        try:
            yield
        finally:
            if child is not None:
                os.waitpid(child, 0)

    def _fork(self) -> int | None:
        with contextlib.suppress(OSError):  # no process is available: generate it here
            return os.fork()
        return None

    def _lacks_keys(self) -> bool:
        """Return whether a key must be generated, or a public key computed from its private key.

        A damaged file does not count: this process, not the fork, replaces it.
        """
        if not (self.path / "e2e.json").exists():
            return True
        try:
            return msgspec.json.decode(read_whole(self.path / "device.json"), type=_DeviceFile).public_key is None
        except FileNotFoundError:
            return True
        except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
            return False

    def token(self, relay_url: str) -> str | None:
        """Return the token that the relay at this URL issued to this agent, or None."""
        return self._tokens().get(relay_url)

    def keep_token(self, relay_url: str, token: str | None) -> None:
        """Store the token that the relay at this URL issued to this agent; None deletes it. Raises StateError."""
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
    """Return the folders in which sockets outside of the state directory may be, the preferred one first."""
    memory = [Path(f"/run/user/{os.getuid()}"), Path("/dev/shm")]  # noqa: S108 - a private directory is made there
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:  # no folder for temporary files is writable
        temporary = Path("/tmp")  # noqa: S108 - as above
    return [temporary, *(folder for folder in memory if folder.is_dir())]


def _is_ours(folder: Path) -> bool:
    """Return whether a directory exists and belongs to this user, so that its content can be trusted."""
    try:
        return folder.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _key_bytes(digits: str) -> bytes:
    key = bytes.fromhex(digits)
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes; found {len(key)} bytes")
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
    """Create a directory that only this user may enter, or restrict an existing one to that. Raises StateError."""
    try:
        if path.is_symlink() and path.lstat().st_uid != os.getuid():
            raise StateError(
                f"{path} is a symbolic link that another user owns; choose another directory with --state-dir"
            )
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.getuid():
            raise StateError(f"another user owns {path}; choose another directory with --state-dir")
        if stat.S_IMODE(found.st_mode) != 0o700:
            _close_to_others(path)
    except OSError as error:
        raise StateError(
            f"{path} can't be used as the state directory ({error}); choose another one with --state-dir"
        ) from None


def _close_to_others(path: Path) -> None:
    """Remove the access of other users to a directory. Raises OSError, except on a read-only disk."""
    try:
        path.chmod(0o700)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, atomically. Raises StateError."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise StateError(f"{path} can't be written ({error}); free some space or choose another --state-dir") from None


@contextmanager
def open_state(path: Path) -> Iterator[StateDir]:
    """Open a state directory, and lock it for the length of a scope.

    Raises StateError if that fails, for example because another process holds the lock.
    """
    private_directory(path)
    locks = lock_directory(path)
    try:
        yield StateDir(path, locks)
    finally:
        for lock in locks:
            os.close(lock)
