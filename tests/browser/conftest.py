"""The tests of the phone page are skipped where there is no browser."""

from pathlib import Path

import pytest

from tests.support import browser

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder as skipped, with the reason."""
    reason = browser.why_not()
    for item in items:
        if reason and item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason=reason))
