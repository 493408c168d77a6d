"""The phone page as the relay serves it: its files and nothing else, with what browsers need to be strict."""

import gzip
import re
from pathlib import Path

import pytest

from mobifai.relay import page as served
from mobifai.relay.page import FOLDER, Page
from tests.relay.place import open_place

INSTALLED = Page.installed()
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
            path, content = "/" if name == "index.html" else f"/{name}", (FOLDER / name).read_bytes()
            async with place.ask("GET", path, headers={"Accept-Encoding": "identity"}) as response:
                assert await response.read() == content
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                tag = response.headers["ETag"]
            async with place.ask("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
                assert await response.read() == content  # the client unpacks
            async with place.ask("GET", path, headers={"If-None-Match": tag}) as response:
                assert (response.status, await response.read()) == (304, b"")
            async with place.ask("HEAD", path) as response:
                assert (response.status, await response.read()) == (200, b"")


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
    ["/assets/../index.html.gz", "/index.html", "/built-from.txt", "/index.html.gz", "/assets/", "/assets/none.js",
     "/%2e%2e/style.css", "/assets/%2e%2e/%2e%2e/%2e%2e/page.py", "/static/page/index.html"],
)  # fmt: skip
async def test_nothing_but_the_page_s_own_paths_is_served(tmp_path: Path, path: str) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", path) as response:
        assert response.status == 404


async def test_an_installation_without_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.Page, "installed", classmethod(lambda _: None))
    async with open_place(tmp_path) as place, place.ask("GET", "/") as response:
        assert response.status == 404
        assert "was left out" in await response.text()


def test_a_folder_without_an_index_is_no_page(tmp_path: Path) -> None:
    assert Page.installed(tmp_path) is None
    (tmp_path / "built-from.txt").write_text("x")
    (tmp_path / "other.js").write_text("x")
    assert Page.installed(tmp_path) is None
    (tmp_path / "index.html").write_text("x")
    (tmp_path / "index.html.gz").write_bytes(gzip.compress(b"x"))
    page = Page.installed(tmp_path)
    assert page is not None
    assert page.names == {"other.js", "index.html"}
