"""Distributes the tests of one run to its workers: `pytest -n 4 --dist loadgroup`.

The tests of a group run in one worker, one after the other, because they share an expensive fixture. All others go
to a free worker. xdist's own groups travel in the tests' ids, and have no effect with pytest 9.2:
https://github.com/pytest-dev/pytest-xdist/issues/1386
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "tests/browser/": "browser",
    "tests/soak/test_command.py": "soak runs",
    "tests/soak/test_plants.py": "plants",
    "tests/soak/test_provocations.py": "provocations",
}
"""Folders and modules whose tests share a worker: one browser at a time, or one result of a long fixture."""


def group_of(test: str) -> str:
    """Return the group of a test, by its id; most tests are a group of their own."""
    return next((group for place, group in GROUPS.items() if test.startswith(place)), test)


class GroupScheduling(LoadScopeScheduling):
    """Distributes groups, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Let `--dist loadgroup` distribute these groups."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None
