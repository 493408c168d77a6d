"""The surroundings of every test: a network namespace, a fresh event loop, and a check for leftovers.

Tests are plain functions or `async def`; they open what they need with `async with` from `tests.support`.
"""

import inspect
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import leftovers, loops, netns, node
from tests.support.scheduling import pytest_xdist_make_scheduler  # noqa: F401 - a hook

ROOT = Path(__file__).parent.parent

# On a loaded machine, the time for an example says nothing about the code.
settings.register_profile("mobifai", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mobifai")

FAILED = pytest.StashKey[bool]()
HEADER = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the patience of the check for leftovers, and for the memory gate's branches."""
    parser.addoption(
        "--leak-grace",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="how long a test's tasks, threads, descriptors and children may take to go after it (default: 3)",
    )
    parser.addoption(
        "--every-branch", action="store_true", help="try the memory gate on all ten branches, not on three"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Install the Node phone while there is a network, then leave it. Each worker has its own network."""
    _let_signals_through()
    config.stash[HEADER] = [
        f"node phone: {node.prepare(ROOT)}",
        f"network: {netns.enter(is_worker=hasattr(config, 'workerinput'))}",
        f"loop: {loops.loop_factory().__module__.split('.')[0]}",
    ]
    loops.warm_up()


def _let_signals_through() -> None:
    """Let signals end the commands that tests start, although jobs in the background ignore SIGINT, and those of nohup
    ignore SIGHUP, and their children do, too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Describe the environment of the tests in pytest's header."""
    return config.stash[HEADER]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, also those that hypothesis calls many times. Each call has its own loop."""
    patience = _patience(pyfuncitem)
    function = pyfuncitem.obj
    property_test = getattr(function, "hypothesis", None)
    if property_test is not None and inspect.iscoroutinefunction(property_test.inner_test):
        property_test.inner_test = loops.synchronous(property_test.inner_test, patience)
    if not inspect.iscoroutinefunction(function):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    loops.run(lambda: function(**arguments), patience)
    return True


def _patience(item: pytest.Function) -> loops.Patience:
    """Return a little less than the limit of pytest-timeout, which stops code that blocks its loop."""
    marker = item.get_closest_marker("timeout")
    given = item.config.getoption("timeout") or item.config.getini("timeout")
    whole = float(marker.args[0] if marker and marker.args else given or 0) or 3600
    return loops.Patience(test=whole * 0.9, leftovers=item.config.getoption("leak_grace"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember which tests failed, because reports of their leftovers would only hide the reason."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a descriptor or a child process; tasks are checked in their loop."""
    before = leftovers.take()
    yield
    if request.node.stash.get(FAILED, False):
        return
    left = leftovers.settle(before, request.config.getoption("leak_grace"))
    if left:
        pytest.fail("left behind:\n" + "\n".join(f"  - {line}" for line in left), pytrace=False)
