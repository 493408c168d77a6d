"""The sides that a gate compares: real checkouts with edits, packages that are installed or not, and their names."""

import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from profiles.gate.baseline import here, write_baseline
from profiles.gate.candidate import CandidateChoice, CandidateError, choose
from profiles.gate.checkout import Checkout, Edit, GitError, checkout_around, differing, snapshot
from profiles.gate.gate import SCENARIOS, SEED
from profiles.gate.next_steps import next_steps
from profiles.gate.options import plan_of
from profiles.gate.report_files import junit, read_gate
from profiles.gate.results import SideResult
from profiles.gate.same_sides import same_files
from profiles.gate.side_text import SAME_SIDES, describe_sides, same_commit, short_side_text
from profiles.gate.sides import GateSide, base_of, in_checkout, lay_out_base, lay_out_candidate, requirements_of
from profiles.gate.table import headline, markdown, summary
from profiles.gate.workload import workload_of
from profiles.results import ProfileError
from soak.harness.environment import environment
from soak.harness.installation import Installation
from soak.run.plan import SoakPlan
from tests.profiles.gate_branches import commit, git, repository
from tests.profiles.sample_gates import culprit, gate_report
from tests.support.agent import run_command

PROJECT = {
    ".gitignore": "__pycache__/\n/mobifai/secret.py\n",
    "pyproject.toml": '[project]\nname = "mobifai"\ndependencies = []\n',
    "mobifai/__init__.py": '__version__ = "9.9.9"\n',
    "mobifai/agent.py": "kept = []\n",
    "soak/__init__.py": "",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Create a small checkout with one commit."""
    top = tmp_path / "checkout"
    for name, text in PROJECT.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    git(top, "init", "--quiet", "--initial-branch", "main")
    commit(top, "Existing files")
    return top


@pytest.fixture
def installed(checkout: Path, tmp_path: Path) -> Path:
    """Install its package, as a wheel would before any edit."""
    return shutil.copytree(checkout / "mobifai", tmp_path / "site-packages" / "mobifai")


def edit(checkout: Path) -> None:
    """Edit one file, add one, remove one, and add one that git ignores and one outside of the package."""
    (checkout / "mobifai" / "agent.py").write_text("kept = [1]\n")
    (checkout / "mobifai" / "new file.py").write_text("")
    (checkout / "mobifai" / "secret.py").write_text("")
    (checkout / "soak" / "__init__.py").write_text("# other\n")


# -- a checkout


def test_the_edits_of_a_checkout_are_named_and_those_outside_of_the_package_are_counted(checkout: Path) -> None:
    edit(checkout)
    found = checkout_around(checkout / "mobifai")
    assert found.top == checkout
    assert found.edits == (Edit("edited", "mobifai/agent.py"), Edit("untracked", "mobifai/new file.py"))
    assert found.others == 1


def test_staged_renamed_and_removed_files_are_edits(checkout: Path) -> None:
    git(checkout, "mv", "mobifai/agent.py", "mobifai/other.py")
    kinds = {(one.kind, one.path) for one in checkout_around(checkout).edits}
    assert kinds == {("deleted", "mobifai/agent.py"), ("added", "mobifai/other.py")}


def test_a_clean_checkout_has_no_edits(checkout: Path) -> None:
    assert checkout_around(checkout) == Checkout(checkout, checkout_around(checkout).commit, (), 0)


def test_what_a_hook_sets_for_git_does_not_lead_elsewhere(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert checkout_around(checkout).top == checkout


def test_a_directory_without_git_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="run the gate in a git clone of MobiFai"):
        checkout_around(tmp_path)


def test_without_the_program_git_the_advice_is_to_install_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for ask in (lambda: checkout_around(checkout), lambda: base_of(checkout, "HEAD")):
        with pytest.raises(GitError, match="^expected git on the PATH.*install git$"):
            ask()


def test_a_snapshot_has_the_edits_and_not_what_git_ignores(checkout: Path, tmp_path: Path) -> None:
    edit(checkout)
    (checkout / "pyproject.toml").unlink()
    snapshot(checkout, tmp_path / "copy")
    names = {file.relative_to(tmp_path / "copy").as_posix() for file in (tmp_path / "copy").rglob("*.*")}
    assert names == {*PROJECT, "mobifai/new file.py"} - {"pyproject.toml"}
    assert (tmp_path / "copy" / "mobifai" / "agent.py").read_text() == "kept = [1]\n"


def test_an_installed_package_differs_by_edited_untracked_and_removed_files(checkout: Path, installed: Path) -> None:
    (installed / "__pycache__").mkdir()
    (installed / "__pycache__" / "agent.pyc").write_text("")
    (installed / "relay" / "static" / "page").mkdir(parents=True)
    (installed / "relay" / "static" / "page" / "index.html").write_text("made by the installation")
    assert differing(checkout, installed) == []
    edit(checkout)
    (checkout / "mobifai" / "__init__.py").unlink()
    assert differing(checkout, installed) == ["mobifai/__init__.py", "mobifai/agent.py", "mobifai/new file.py"]


# -- the candidate


def test_a_package_that_runs_from_its_checkout_is_tried_with_its_edits(checkout: Path) -> None:
    edit(checkout)
    tried = choose(checkout, None, checkout / "mobifai")
    assert (tried.kind, tried.name, tried.dirty, tried.built) == ("checkout", str(checkout), True, False)
    assert tried.edits == ["edited mobifai/agent.py", "untracked mobifai/new file.py"]
    assert tried.other_edits == 1
    assert len(tried.commit) == 40


def test_an_installed_package_with_the_files_of_the_checkout_is_of_its_commit(checkout: Path, installed: Path) -> None:
    tried = choose(checkout / "soak", None, installed)
    assert (tried.kind, tried.same_as, tried.dirty, tried.version) == ("installed", str(checkout), False, "9.9.9")
    assert tried.commit == checkout_around(checkout).commit


@pytest.mark.parametrize("committed", [False, True])
def test_edits_that_are_not_installed_are_refused_with_both_ways_out(
    checkout: Path, installed: Path, committed: bool
) -> None:
    edit(checkout)
    if committed:
        commit(checkout, "An edit")
    with pytest.raises(CandidateError) as refused:
        choose(checkout, None, installed)
    reported = str(refused.value)
    assert "2 files differ: mobifai/agent.py, mobifai/new file.py" in reported
    assert ("no edits" if committed else "1 file edited, 1 untracked") in reported
    assert "--candidate checkout" in reported and "--candidate installed" in reported


def test_the_checkout_can_be_named_and_is_built_with_its_edits(checkout: Path, installed: Path) -> None:
    edit(checkout)
    tried = choose(checkout, CandidateChoice.CHECKOUT, installed)
    assert (tried.kind, tried.dirty, tried.built) == ("checkout", True, True)


def test_what_is_installed_can_be_named_and_has_no_commit_of_the_checkout(checkout: Path, installed: Path) -> None:
    edit(checkout)
    tried = choose(checkout, CandidateChoice.INSTALLED, installed)
    assert (tried.kind, tried.commit, tried.dirty, tried.same_as) == ("installed", "", None, "")


def test_outside_of_a_checkout_what_is_installed_is_tried(installed: Path, tmp_path: Path) -> None:
    assert choose(tmp_path, None, installed).kind == "installed"
    with pytest.raises(CandidateError, match="to be in a git checkout of MobiFai; it is in none"):
        choose(tmp_path, CandidateChoice.CHECKOUT, installed)


def test_a_checkout_of_another_project_plays_no_part(checkout: Path, installed: Path) -> None:
    shutil.rmtree(checkout / "mobifai")
    assert choose(checkout, None, installed).kind == "installed"


def test_an_environment_inside_the_checkout_is_not_the_checkout(checkout: Path, installed: Path) -> None:
    inside = shutil.copytree(installed, checkout / ".venv" / "lib" / "mobifai")
    assert choose(checkout, None, inside).kind == "installed"


async def test_the_gate_refuses_edits_that_would_not_be_tried(checkout: Path, tmp_path: Path) -> None:
    place = tmp_path / "report"
    status, out, err = await run_command(
        "profile", "gate", "--base", "HEAD", "--report", str(place), cwd=checkout
    )  # fmt: skip
    assert (status, out) == (2, "")
    assert "expected the files of this checkout" in err
    assert f"mobifai profile gate --base HEAD --report {place} --candidate checkout" in err


async def gate(checkout: Path, place: Path, *words: str) -> tuple[int, str]:
    """Run the gate in a checkout. Return its status and output."""
    status, out, err = await run_command("profile", "gate", *words, "--report", str(place), cwd=checkout)
    return status, out + err


@pytest.mark.parametrize("base", ["HEAD", "main", "same-files"])
async def test_a_change_beside_itself_is_no_verdict_and_nothing_is_run(
    base: str, checkout: Path, tmp_path: Path
) -> None:
    first = checkout_around(checkout).commit
    edit(checkout)
    commit(checkout, "An edit")
    git(checkout, "tag", "same-files")
    (checkout / "README").write_text("of no package\n")
    commit(checkout, "Another file")
    status, said = await gate(checkout, tmp_path / "report", "--base", base, "--candidate", "checkout")
    assert status == 4, said
    report = read_gate(tmp_path / "report")
    assert (report.verdict, report.unjudged[0].why) == ("inconclusive", SAME_SIDES)
    assert report.rows == []
    assert said.startswith("? No verdict") and said.count(SAME_SIDES) == 1
    assert report.next_steps[0].command.startswith("mobifai profile gate mixed terminals conversations --base ")
    assert f"--base {first} " in report.next_steps[0].command
    assert report.next_steps[-1].command.endswith(" --allow-identical")


async def test_stored_figures_of_the_candidate_itself_are_no_verdict(checkout: Path, tmp_path: Path) -> None:
    plan = plan_of(SCENARIOS, SEED)
    figures = here(environment(""), workload_of(plan), {"idle.heap": 1.0}, "today")
    of = {"commit": checkout_around(checkout).commit, "dirty": False}
    write_baseline(tmp_path / "b.json", [], msgspec.structs.replace(figures, **of))
    words = ("--baseline", str(tmp_path / "b.json"), "--candidate", "checkout")
    status, said = await gate(checkout, tmp_path / "report", *words)
    assert (status, SAME_SIDES in said) == (4, True), said


def test_installed_files_of_a_commit_are_the_same_side_and_edited_ones_are_not(checkout: Path) -> None:
    of_base, tried = base_of(checkout, "HEAD"), choose(checkout, CandidateChoice.CHECKOUT)
    assert same_commit(of_base, tried)
    assert same_files(checkout, of_base.commit, tried)
    edit(checkout)
    tried = choose(checkout, CandidateChoice.CHECKOUT)
    assert not same_commit(of_base, tried)
    assert not same_files(checkout, of_base.commit, tried)


def test_another_dependency_is_another_side(checkout: Path) -> None:
    of_base = base_of(checkout, "HEAD")
    with (checkout / "pyproject.toml").open("a") as out:
        out.write("# needs another library\n")
    assert not same_files(checkout, of_base.commit, choose(checkout, CandidateChoice.CHECKOUT))


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("--base", "no-such-revision"), "no-such-revision"),
        (("--baseline", "nowhere.json"), "nowhere.json: expected a file of stored figures, found no file"),
        (("--base", "HEAD", "--accepted", "nowhere.toml"), "nowhere.toml: can't be read"),
        (("--base", "HEAD"), "expected the files of this checkout"),
    ],
)
async def test_what_is_wrong_in_any_checkout_is_said_before_its_edits_and_nothing_is_left(
    words: tuple[str, ...], reported: str, checkout: Path, tmp_path: Path
) -> None:
    edit(checkout)
    status, said = await gate(checkout, tmp_path / "new" / "report", *words)
    assert (status, reported in said) == (2, True), said
    assert not (tmp_path / "new").exists()


async def test_a_report_directory_of_something_else_is_refused_before_the_edits(checkout: Path, tmp_path: Path) -> None:
    edit(checkout)
    (tmp_path / "junit.xml").write_text("mine")
    status, said = await gate(checkout, tmp_path, "--base", "HEAD")
    assert (status, "found junit.xml, but no report.json" in said) == (2, True), said


async def test_outside_of_git_nothing_is_left(tmp_path: Path) -> None:
    status, said = await gate(tmp_path, tmp_path / "new" / "report", "--base", "HEAD")
    assert (status, "a git clone of MobiFai" in said) == (2, True), said
    assert not (tmp_path / "new").exists()


# -- requirements


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "no readable file (No such file or directory)"),
        ("[project", "invalid TOML ("),
        ('[project]\nname = "mobifai"\n', "no such list"),
        ("[project]\ndependencies = 1\n", "no such list"),
    ],
)
def test_a_tree_without_dependencies_is_named_with_the_reason_and_the_advice(
    text: str | None, found: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ProfileError) as raised:
        requirements_of(tmp_path, "the base v1", "name another revision with --base")
    said = str(raised.value)
    assert said.startswith("expected pyproject.toml in the base v1 to list the dependencies of the project; found ")
    assert found in said
    assert said.endswith("; name another revision with --base")


# -- descriptions


def test_each_side_is_named_by_its_commit_with_its_edits_in_every_format() -> None:
    report = gate_report()
    text, page, xml = summary(report).plain, markdown(report), junit(report).decode()
    sides = "the checkout (fedcba987654, 1 file edited, 1 untracked), compared with main (0123456789ab)"
    assert sides in headline(report)
    for shown in (text, page, xml):
        assert "0123456789abcdef0123456789abcdef01234567" in shown
        assert "fedcba9876543210fedcba9876543210fedcba98" in shown
        assert "edited mobifai/agent.py, untracked mobifai/new.py" in shown
        assert "CPython 3.13.1" in shown
    cases = {case.get("name") for case in ET.fromstring(xml).iter("testcase")}  # noqa: S314 - it was made here
    assert "what was compared" in cases


def test_an_installed_package_is_named_with_its_version_and_how_it_was_installed() -> None:
    now = SideResult("installed", "/opt/venv/mobifai", version="1.2.3", how="from a wheel or an archive")
    reported = "\n".join(describe_sides(gate_report(now=now)))
    assert "now: the installed mobifai 1.2.3 (from a wheel or an archive) in /opt/venv/mobifai" in reported
    assert short_side_text(now) == "mobifai 1.2.3 as installed"


def test_libraries_that_differ_are_reported_for_both_kinds_of_base() -> None:
    now = SideResult("installed", libraries={"aiohttp": "3.14", "uvloop": "1"})
    for kind in ("revision", "stored"):
        of_base = SideResult(kind, libraries={"aiohttp": "3.13"})  # type: ignore[arg-type]
        reported = "\n".join(describe_sides(gate_report(base=of_base, now=now)))
        assert "libraries differ: aiohttp 3.13 -> 3.14, uvloop not installed -> 1" in reported


def test_a_commit_beside_itself_says_nothing_of_a_change(checkout: Path) -> None:
    now, of_base = choose(checkout, None, checkout / "mobifai"), base_of(checkout, "HEAD")
    reported = "\n".join(describe_sides(gate_report(base=of_base, now=now)))
    assert "base and candidate are the same commit" in reported
    edit(checkout)
    reported = "\n".join(describe_sides(gate_report(base=of_base, now=choose(checkout, None, checkout / "mobifai"))))
    assert "base and candidate are the same commit" not in reported


def test_a_culprit_in_a_side_that_was_built_is_named_in_the_checkout() -> None:
    at = msgspec.structs.replace(culprit(), file="/tmp/x/side/mobifai/agent.py")
    side = GateSide("candidate", Installation(path=Path("/tmp/x/side")))
    about = SideResult("checkout", "/srv/mobifai", built=True)
    assert in_checkout(at, about, side).file == "/srv/mobifai/mobifai/agent.py"
    assert in_checkout(at, msgspec.structs.replace(about, built=False), side) == at


# -- next steps

PLAN = SoakPlan(("mixed",), 20, time_scale=20, phones=2)


def steps(**other: object) -> list[tuple[str, str]]:
    report = gate_report(command="mobifai profile gate --base main", replay="mobifai profile gate --base main", **other)
    return [(step.what, step.command) for step in next_steps(report, PLAN)]


def test_growth_without_a_line_names_the_command_that_names_it() -> None:
    reported = steps(culprits=[], rows=[])
    assert reported[0] == ("name the line that grows", "mobifai profile run mixed --seed 20")
    assert ("after the fix, prove that the growth is gone", "mobifai profile gate --base main") in reported


def test_a_checkout_that_is_not_installed_is_installed_first() -> None:
    now = SideResult("checkout", "/srv/my checkout", built=True)
    assert steps(culprits=[], rows=[], now=now)[0][1] == (
        "pip install '/srv/my checkout' && mobifai profile run mixed --seed 20"
    )


def test_growth_at_rest_beside_stored_figures_names_the_base_to_run() -> None:
    reported = dict(steps(culprits=[], findings=[], base=SideResult("stored", "baseline.json", commit="0123")))
    (command,) = [line for what, line in reported.items() if "at rest" in what]
    assert command == "mobifai profile gate mixed --base 0123 --seed 20"


def test_without_a_verdict_the_command_for_one_is_named_and_with_a_pass_there_is_none() -> None:
    assert steps(verdict="inconclusive", findings=[]) == [("run the gate again", "mobifai profile gate --base main")]
    misfit = dict(steps(verdict="inconclusive", findings=[], fits=False))
    assert "mobifai profile gate --base main --update" in misfit.values()
    assert steps(verdict="passed", findings=[], rows=[]) == []


@pytest.mark.extended
@pytest.mark.timeout(300)
def test_a_checkout_that_is_not_installed_is_built_with_its_edits(tmp_path: Path) -> None:
    top = repository(tmp_path / "checkout")
    (top / "mobifai" / "untracked.py").write_text("kept = []\n")
    with (top / "mobifai" / "errors.py").open("a") as out:
        out.write("# an edit\n")
    about = choose(top, CandidateChoice.CHECKOUT)
    assert about.edits == ["edited mobifai/errors.py", "untracked mobifai/untracked.py"]
    side = lay_out_candidate(about, tmp_path / "b")
    laid_out = side.installation.path
    assert laid_out is not None
    assert (laid_out / "mobifai" / "untracked.py").read_text() == "kept = []\n"
    assert (laid_out / "mobifai" / "errors.py").read_text().endswith("# an edit\n")
    assert side.about.python.startswith("CPython ") and side.about.version and side.about.libraries
    of_base = lay_out_base(top, "HEAD", tmp_path / "a")
    assert of_base.installation.path is not None
    assert not (of_base.installation.path / "mobifai" / "untracked.py").exists()
    assert of_base.about.commit == about.commit
