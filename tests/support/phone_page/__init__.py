"""The phone page as a person uses it: what is seen on it, and what is tapped and typed.

Everything is found as a screen reader finds it, by role and name; what a terminal shows is read off the rows that xterm
draws. Owns nothing: the browser is `tests.support.browser`'s.
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
