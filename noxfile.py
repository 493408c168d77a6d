"""Checks before a change lands: `nox`, then `nox -s extended`. `nox -l` lists the parts, `nox -s NAME` runs one.

Every session installs what it needs at the versions of `requirements/lock.txt`.
"""

import json
import os
import shutil
import zipfile
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "imports", "page", "tests", "soak-short"]

PROJECT = nox.project.load_toml("pyproject.toml")
LOCK = "requirements/lock.txt"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
IN_THE_WHEEL = {"mobifai", "soak", "profiles"}
PAGE = ("mobifai", "relay", "static", "page")

CORES = os.cpu_count() or 2
WORKERS = ("--numprocesses", str(min(2 * CORES, 8)), "--dist", "loadgroup", "--durations", "25")
"""Twice as many workers as cores: the tests wait more than they compute."""
SOON, EXTENDED, NIGHTLY = "not extended and not nightly", "extended and not nightly", "nightly"
"""Which tests a session runs, by the markers in pyproject.toml."""

PATIENCE = 120.0
"""Seconds for the evidence's runs to end by themselves after Ctrl-C; nox itself would kill them after half a second."""

# The checkout must not stand in for what is installed: nothing may put the working directory on the import path.
INSTALLED_ONLY = {"PYTHONSAFEPATH": "1", "PYTHONPATH": None}
WHERE = """
import sys
from pathlib import Path
import mobifai
found = Path(mobifai.__file__).resolve()
if "site-packages" not in found.parts:
    sys.exit(f"expected the installed wheel; found the checkout: {found}")
print(f"mobifai is {found.parent}")
"""


@nox.session
def lint(session: nox.Session) -> None:
    """Style and mistakes: ruff check, ruff format --check. `-- --fix` mends what it can."""
    install(session, "lint")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", *([] if "--fix" in session.posargs else ["--check"]))


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy, strict."""
    install(session, "types", with_dependencies=True)
    session.run("mypy", *session.posargs)


@nox.session
def imports(session: nox.Session) -> None:
    """Direction of imports: import-linter, by the contracts in pyproject.toml."""
    install(session, "imports")
    session.run("lint-imports", "--no-logo", *session.posargs, env={"PYTHONPATH": "."})


@nox.session
def page(session: nox.Session) -> None:
    """The phone page's own checks: types, and the tests of its parts (the browser's are in `tests`)."""
    install(session, "build")
    session.run("python", "hatch_build.py", "check", "test")


@nox.session
def tests(session: nox.Session) -> None:
    """Tests of every layer against the installed wheel, 8 minutes. `-- tests/bounds -k ring` picks from all tests."""
    run_tests(session, "-m", SOON)


@nox.session(default=False)
def extended(session: nox.Session) -> None:
    """Tests: all that `tests` leaves out but the nightly ones, then `soak-quick` and `memory-gate`; some 45 minutes."""
    session.notify("soak-quick", posargs=())
    session.notify("memory-gate", posargs=())
    run_tests(session, "-m", EXTENDED)


@nox.session(default=False)
def nightly(session: nox.Session) -> None:
    """Tests: the longest, among them the memory gate on ten branches; then `fuzz`. More than an hour."""
    session.notify("fuzz", posargs=())
    run_tests(session, "-m", NIGHTLY, "--every-branch")


def tests_on(version: str) -> None:
    """Declare all tests but the nightly ones on one version of Python, which run only when they are asked for."""

    @nox.session(name=f"tests-{version}", python=version, default=False)
    def on_this_version(session: nox.Session) -> None:
        run_tests(session, "-m", f"not {NIGHTLY}")

    on_this_version.__doc__ = f"All tests but the nightly ones, on Python {version}."


for each in PYTHONS:
    tests_on(each)


@nox.session(name="soak-short")
def soak_short(session: nox.Session) -> None:
    """Soak, one scenario, a minute: nothing grows, no byte is lost. `-- reconnects --seed 7` as for `mobifai soak`."""
    soak(session, *(session.posargs or ["terminals", "--quick", "--no-memray"]))


@nox.session(name="soak-quick", default=False)
def soak_quick(session: nox.Session) -> None:
    """Soak, some five minutes: nothing grows, no byte is lost. `-- terminals --seed 7` as `mobifai soak` takes it."""
    soak(session, *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz the installed agent and relay, 15 minutes. `-- --seconds 60 --target channel-frames` shortens and picks."""
    install_wheel(session, "test")
    session.run("python", "tests/fuzz/run.py", *session.posargs, env=INSTALLED_ONLY)


@nox.session(default=False)
def evidence(session: nox.Session) -> None:
    """Evidence, many hours: what docs show of soak and profile. `-- --status`, `-- --only self-test --jobs 2`."""
    install_wheel(session, "test", "benchmarks")
    env = {**INSTALLED_ONLY, "PYTHONPATH": str(checkout_parts(session, "benchmarks", "tests"))}
    words = ("python", "-m", "benchmarks.evidence", *session.posargs)
    session.run(*words, env=env, success_codes=[0, 4], interrupt_timeout=PATIENCE, terminate_timeout=PATIENCE)


@nox.session(name="memory-gate", default=False)
def memory_gate(session: nox.Session) -> None:
    """Memory gate, three minutes: growth beside stored figures. `-- --base main` compares with a revision instead."""
    install_wheel(session)
    report = Path(session.virtualenv.location, "gate-report")
    options = session.posargs or ["--baseline", "profiles/baseline.json"]
    words = ("mobifai", "profile", "gate", *options, *([] if "--report" in options else ["--report", str(report)]))
    session.run(*words, env=INSTALLED_ONLY, success_codes=[0, 4])
    found = json.loads((report / "report.json").read_text())
    if found["verdict"] == "inconclusive" and found["fits"]:
        session.error("no verdict: see above")
    if not found["fits"]:
        session.skip(f"{found['unjudged'][0]['why']}, or compare with a revision: nox -s memory-gate -- --base main")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Benchmark, an hour: MobiFai and its alternatives, in turns. Writes docs/measurements/benchmarks.md."""
    install_wheel(session, "test", "benchmarks")
    session.run("python", "-m", "benchmarks.bench", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Documentation: links lead somewhere, and what it says of commands, options and sessions is so."""
    run_tests(session, "tests/docs")


def soak(session: nox.Session, *options: str) -> None:
    """Run `mobifai soak` out of the installed wheel."""
    install_wheel(session)
    report = Path(session.virtualenv.location, "soak-report")
    session.run("mobifai", "soak", "--report", str(report), *options, env=INSTALLED_ONLY)


@nox.session(default=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel into dist/ and check what is in it."""
    built = build_wheel(session, Path("dist"))
    names = set(zipfile.ZipFile(built).namelist())
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    if tops != IN_THE_WHEEL:
        session.error(f"{built.name}: expected {sorted(IN_THE_WHEEL)} at its top; found {sorted(tops)}")
    sources = {str(path) for top in IN_THE_WHEEL for path in Path(top).rglob("*") if is_source(path)}
    if sources - names:
        session.error(f"{built.name}: expected every file of the packages; missing: {sorted(sources - names)}")
    if "/".join([*PAGE, "index.html"]) not in names:
        session.error(f"{built.name}: expected the phone page in it; found none")
    for part in ("entry_points.txt", "licenses/LICENSE"):
        if not any(name.endswith(f".dist-info/{part}") for name in names):
            session.error(f"{built.name}: expected {part} in its metadata; found none")
    session.log(f"{built} holds {', '.join(sorted(tops))}: {len(sources)} files")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Renew requirements/lock.txt: the newest versions that fit, for every Python and platform."""
    session.install("uv")
    groups = [part for name in PROJECT["dependency-groups"] for part in ("--group", name)]
    session.run(
        *("uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", PYTHONS[0], "--upgrade"),
        *("--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"),
        *("--custom-compile-command", "nox -s lock", "--output-file", LOCK, *groups),
    )


def run_tests(session: nox.Session, *which: str) -> None:
    """Run pytest against the installed wheel, in as many processes as help. `which`: what, unless the caller picks."""
    install_wheel(session, "test")
    failed = Path(".pytest_cache/v/cache/lastfailed")
    failed.unlink(missing_ok=True)
    try:
        session.run("pytest", *WORKERS, *(session.posargs or which), env=INSTALLED_ONLY)
    except CommandFailed:
        if not failed.exists():
            raise
        session.warn("once more, alone: a test that passes now is flaky, and has to be fixed too")
        session.run("pytest", "--last-failed", "--last-failed-no-failures", "none", env=INSTALLED_ONLY)


def install_wheel(session: nox.Session, *groups: str) -> None:
    """Build the wheel and install it with its dependencies, and make sure that it is what is imported."""
    wanted = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    session.install("--constraint", LOCK, *wanted, *PROJECT["project"]["dependencies"])
    built = build_wheel(session, Path(session.virtualenv.location, "built"))
    session.install("--force-reinstall", "--no-deps", str(built))
    session.run("python", "-c", WHERE, env=INSTALLED_ONLY)


def checkout_parts(session: nox.Session, *names: str) -> Path:
    """Make a folder from which these folders of the checkout can be imported, and nothing else of it."""
    folder = Path(session.virtualenv.location, "checkout-parts")
    folder.mkdir(exist_ok=True)
    for name in names:
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(Path(name).resolve())
    return folder.resolve()


def is_source(path: Path) -> bool:
    """Whether a path in a package is a file that belongs into the wheel."""
    parts = path.parts
    built = parts[:4] == PAGE
    return path.is_file() and "__pycache__" not in parts and not path.name.startswith(".") and not built


def install(session: nox.Session, group: str, *, with_dependencies: bool = False) -> None:
    """Install a dependency group, and what mobifai itself needs, at the locked versions."""
    wanted = nox.project.dependency_groups(PROJECT, group)
    needed = PROJECT["project"]["dependencies"] if with_dependencies else []
    session.install("--constraint", LOCK, *wanted, *needed)


def build_wheel(session: nox.Session, folder: Path) -> Path:
    """Build the one wheel of this checkout into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    install(session, "build")
    session.run(
        *("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(folder), "."),
    )
    (built,) = folder.glob("mobifai-*.whl")
    return built
