"""The files of the phone page, as built into this installation.

Files are read on each request, and not cached in memory. Only files that were in the folder at the start have a route,
so no path leads outside of it.
"""

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from aiohttp import hdrs, web

PAGE_FOLDER = Path(str(resources.files("mobifai.relay").joinpath("static", "page")))

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")
_PIECE_BYTES = 64 << 10
_INDEX = "index.html"
_STAMP = "built-from.txt"
_PACKED = {"br": ".br", "gzip": ".gz"}
"""The encodings of precompressed copies in the build, with the suffixes of their names; the smallest copies first."""
_IMMUTABLE = "public, max-age=31536000, immutable"
"""Cache-Control of files with a digest in their name."""
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_HEADERS = {
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), clipboard-read=(self), clipboard-write=(self)",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin"}
_TRUSTED_SIGN = "Sec-Fetch-Dest"
"""A request header that browsers send only over HTTPS and to loopback. On other connections, a browser logs an error if
the response has the header in `_ISOLATED`."""


def encodings(accepts: str) -> set[str]:
    """Return the encodings that an Accept-Encoding header accepts, which excludes those of weight 0."""
    offers = (offer.partition(";q=") for offer in accepts.lower().replace(" ", "").split(","))
    return {name for name, _, weight in offers if not weight or weight.strip("0.")}


def policy(host: str) -> str:
    """Return the Content-Security-Policy of the page at this host. It allows no inline and no foreign source.

    In some browsers, 'self' does not include WebSockets. So they are listed, if the host has only characters that a
    policy may contain.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        f"manifest-src 'self'; worker-src 'self'; connect-src 'self'{sockets}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


async def _send(request: web.Request, file: Path, headers: dict[str, str]) -> web.StreamResponse:
    """Send a file in pieces, so that a slow client takes the memory of one piece and no descriptor.

    Raises FileNotFoundError if there is no such file. If the file disappears later, the connection is aborted, since
    the file's length was already sent.
    """
    response = web.StreamResponse(headers=headers)
    response.content_length = size = file.stat().st_size
    await response.prepare(request)
    sent = 0 if request.method != hdrs.METH_HEAD else size
    while sent < size:
        piece = _read_piece(file, sent)
        if not piece:
            if request.transport is not None:
                request.transport.abort()
            break
        await response.write(piece)
        sent += len(piece)
    await response.write_eof()
    return response


def _read_piece(file: Path, start: int) -> bytes:
    """Return the piece of a file that begins at byte `start`; empty if it can't be read."""
    try:
        with file.open("rb") as opened:
            opened.seek(start)
            return opened.read(_PIECE_BYTES)
    except OSError:
        return b""


@dataclass(frozen=True, slots=True)
class PhonePageFiles:
    """The files of a built page. `stamp` identifies the build."""

    folder: Path
    names: frozenset[str]
    stamp: str

    @classmethod
    def installed(cls, folder: Path = PAGE_FOLDER) -> "PhonePageFiles | None":
        """Return the page of this installation; None if it was built without one."""
        try:
            stamp = (folder / _STAMP).read_text()
        except OSError:
            return None
        names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
        names = {name for name in names if name != _STAMP and not name.endswith(tuple(_PACKED.values()))}
        return cls(folder, frozenset(names), stamp) if _INDEX in names else None

    def routes(self) -> Iterator[web.RouteDef]:
        """Yield a route for each file."""
        for path, name in self.paths().items():
            yield web.get(path, partial(self._serve, name))

    def paths(self) -> dict[str, str]:
        """Return the name of each file by its URL path; the path of the index is `/`."""
        return {"/" if name == _INDEX else f"/{name}": name for name in sorted(self.names)}

    async def _serve(self, name: str, request: web.Request) -> web.StreamResponse:
        coding, file = self._smallest(name, request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        tag = f"{self.stamp[:16]}{coding and '-'}{coding}"
        headers = {**self._headers(name, request), hdrs.ETAG: f'"{tag}"'}
        if any(known.value in (tag, "*") for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if coding:
            headers[hdrs.CONTENT_ENCODING] = coding
        try:
            return await _send(request, file, headers)
        except FileNotFoundError:
            text = "this file of the page no longer exists; if MobiFai was reinstalled, restart the relay"
            raise web.HTTPNotFound(text=text) from None

    def _smallest(self, name: str, accepts: str) -> tuple[str, Path]:
        taken = encodings(accepts)
        for coding, suffix in _PACKED.items():
            packed = self.folder / f"{name}{suffix}"
            if coding in taken and packed.exists():
                return coding, packed
        return "", self.folder / name

    @staticmethod
    def _headers(name: str, request: web.Request) -> dict[str, str]:
        suffix = Path(name).suffix
        return {
            **_HEADERS,
            **(_ISOLATED if _TRUSTED_SIGN in request.headers else {}),
            hdrs.CONTENT_TYPE: _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream",
            "Content-Security-Policy": policy(request.host),
            hdrs.CACHE_CONTROL: _IMMUTABLE if name.startswith("assets/") else "no-cache",
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
        }
