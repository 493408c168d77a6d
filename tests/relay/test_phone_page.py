"""The phone page as the relay serves it: its files and nothing else, with what browsers need to be strict."""

import gzip
import re
from pathlib import Path

import pytest

from mobifai.relay import phone_page as served
from mobifai.relay.phone_page import PAGE_FOLDER, PhonePageFiles
from tests.relay.place import open_place

INSTALLED = PhonePageFiles.installed()
with_page = pytest.mark.skipif(INSTALLED is None, reason="this installation was built without the page")


@with_page
async def test_the_page_is_at_the_root_with_a_strict_policy(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", "/") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        policy = response.headers["Content-Security-Policy"]
        text = await response.text()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert set(rules["connect-src"].split()) == {"'self'", *(f"{way}://{place.url[7:]}" for way in ("ws", "wss"))}
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", text)


@with_page
async def test_every_file_of_the_page_comes_whole_packed_or_not(tmp_path: Path) -> None:
    assert INSTALLED is not None
    async with open_place(tmp_path) as place:
        for name in INSTALLED.names:
            path, content = "/" if name == "index.html" else f"/{name}", (PAGE_FOLDER / name).read_bytes()
            async with place.ask("GET", path, headers={"Accept-Encoding": "identity"}) as response:
                assert await response.read() == content
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                tag = response.headers["ETag"]
            async with place.ask("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
                assert await response.read() == content  # the client unpacks
            for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):
                headers = {"Accept-Encoding": "identity", "If-None-Match": known}
                async with place.ask("GET", path, headers=headers) as response:
                    assert (response.status, await response.read()) == (304, b"")
            async with place.ask("HEAD", path) as response:
                assert (response.status, await response.read()) == (200, b"")


@with_page
@pytest.mark.parametrize(
    ("accepts", "expected"),
    [("gzip", "gzip"), ("gzip, deflate", "gzip"), ("gzip, deflate, br, zstd", "br"), ("GZIP;q=0.5", "gzip"),
     ("br;q=0, gzip ; q=0.000", None), ("identity", None), ("", None), ("gzipped, brr", None)],
)  # fmt: skip
async def test_each_form_of_a_file_has_a_tag_of_its_own(tmp_path: Path, accepts: str, expected: str | None) -> None:
    async with open_place(tmp_path) as place:
        async with place.ask("GET", "/", headers={"Accept-Encoding": accepts}, unpack=False) as response:
            assert response.headers.get("Content-Encoding") == expected
            assert response.headers["Vary"] == "Accept-Encoding"
            assert response.headers["ETag"].strip('"').partition("-")[2] == (expected or "")
            content = await response.read()
    whole = (PAGE_FOLDER / "index.html").read_bytes()
    if expected == "gzip":
        assert gzip.decompress(content) == whole
    elif expected is None:
        assert content == whole


@with_page
async def test_a_form_that_a_browser_has_is_not_taken_for_another(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        async with place.ask("GET", "/", headers={"Accept-Encoding": "gzip"}, unpack=False) as response:
            tag = response.headers["ETag"]
        async with place.ask("GET", "/", headers={"Accept-Encoding": "identity", "If-None-Match": tag}) as response:
            assert response.status == 200


@with_page
async def test_pages_that_open_it_get_no_hold_of_it_where_browsers_take_that(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        async with place.ask("GET", "/", headers={"Sec-Fetch-Dest": "document"}) as response:
            assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        async with place.ask("GET", "/") as response:
            assert "Cross-Origin-Opener-Policy" not in response.headers


async def test_a_file_that_went_away_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    for name in ("built-from.txt", "index.html", "gone.js"):
        (folder / name).write_text("x")
    page = PhonePageFiles.installed(folder)
    monkeypatch.setattr(served.PhonePageFiles, "installed", classmethod(lambda _: page))
    async with open_place(tmp_path) as place:
        (folder / "gone.js").unlink()
        async with place.ask("GET", "/gone.js") as response:
            assert response.status == 404
            assert "restart the relay" in await response.text()


@with_page
async def test_what_is_named_by_its_content_is_kept_and_the_rest_is_asked_for_again(tmp_path: Path) -> None:
    assert INSTALLED is not None
    asset = next(name for name in sorted(INSTALLED.names) if name.startswith("assets/"))
    async with open_place(tmp_path) as place:
        async with place.ask("GET", f"/{asset}") as response:
            assert "immutable" in response.headers["Cache-Control"]
        async with place.ask("GET", "/") as response:
            assert response.headers["Cache-Control"] == "no-cache"


@with_page
@pytest.mark.parametrize(
    "path",
    ["/assets/../index.html.gz", "/index.html", "/index.html.br", "/built-from.txt", "/index.html.gz",
     "/assets/", "/assets/none.js", "/%2e%2e/style.css", "/assets/%2e%2e/%2e%2e/%2e%2e/page.py",
     "/static/page/index.html"],
)  # fmt: skip
async def test_nothing_but_the_page_s_own_paths_is_served(tmp_path: Path, path: str) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", path) as response:
        assert response.status == 404


async def test_an_installation_without_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.PhonePageFiles, "installed", classmethod(lambda _: None))
    async with open_place(tmp_path) as place, place.ask("GET", "/") as response:
        assert response.status == 404
        assert "built without the phone page" in await response.text()


def test_a_folder_without_an_index_is_no_page(tmp_path: Path) -> None:
    assert PhonePageFiles.installed(tmp_path) is None
    (tmp_path / "built-from.txt").write_text("x")
    (tmp_path / "other.js").write_text("x")
    assert PhonePageFiles.installed(tmp_path) is None
    (tmp_path / "index.html").write_text("x")
    (tmp_path / "index.html.gz").write_bytes(gzip.compress(b"x"))
    (tmp_path / "other.js.br").write_bytes(b"x")
    page = PhonePageFiles.installed(tmp_path)
    assert page is not None
    assert page.names == {"other.js", "index.html"}


@with_page
async def test_the_page_s_files_are_served_whatever_page_asks_for_them(tmp_path: Path) -> None:
    """A browser names an Origin for scripts, which behind a proxy is not the Host that the relay sees."""
    assert INSTALLED is not None
    async with open_place(tmp_path) as place:
        for path in INSTALLED.paths():
            async with place.ask("GET", path, headers={"Origin": "https://relay.example"}) as response:
                assert response.status == 200
                assert "Access-Control-Allow-Origin" not in response.headers
            async with place.ask("GET", path, headers={"Host": "relay.example"}) as response:
                assert response.status == 403


@with_page
async def test_no_address_in_the_page_is_absolute(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        for path in ("/", "/manifest.webmanifest", "/login?deviceId=phone-1&type=mobile"):
            async with place.ask("GET", path) as response:
                assert not re.search(r'(?:href|src|action|start_url|scope|id)"?[=:] ?"/', await response.text())
