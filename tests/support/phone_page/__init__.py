"""The phone page as a user operates it: by looking, tapping and typing.

Everything is found by role and name, as a screen reader does. A terminal is read from the rows that xterm draws. The
browser belongs to `tests.support.browser`.
"""

from tests.support.phone_page.assistant import AssistantActs
from tests.support.phone_page.contact import ContactActs
from tests.support.phone_page.keys import KeyActs
from tests.support.phone_page.sheets import SheetActs
from tests.support.phone_page.tabs import TabActs
from tests.support.phone_page.terminal import TerminalActs

__all__ = ["PhonePage"]


class PhonePage(ContactActs, TabActs, TerminalActs, KeyActs, SheetActs, AssistantActs):
    """One page in a browser's tab."""
