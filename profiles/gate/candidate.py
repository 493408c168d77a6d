"""Determines the candidate: the files of the current checkout, or the installed package.

If the two differ, --candidate must say which one to test, because a verdict on the installed package says nothing about
edits that are not installed.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

import mobifai
from profiles.gate.checkout import Checkout, GitError, checkout_around, differing
from profiles.gate.results import SideResult
from profiles.gate.side_text import edits_in_words
from profiles.invocation import command_with
from profiles.results import ProfileError
from soak.gauges.results import Installed
from soak.harness.identity import product
from soak.report.figures import count

PACKAGE: Final = Path(str(mobifai.__file__)).resolve().parent
SHOWN: Final = 3
"""Maximum number of differing files that an error message names."""

HOW: Final = {
    Installed.EDITABLE: "from a source tree without git",
    Installed.REPOSITORY: "from a repository",
    Installed.ARCHIVE: "from a wheel or an archive",
    Installed.DIRECTORY: "from a directory",
    Installed.INDEX: "from a package index",
}


class CandidateChoice(StrEnum):
    """The values of the option `--candidate`: test the files of the checkout, or the installed package."""

    CHECKOUT = "checkout"
    INSTALLED = "installed"


class CandidateError(ProfileError):
    """There is no candidate to test, or checkout and installed package differ and --candidate was not given."""


def choose(directory: Path, choice: CandidateChoice | None, package: Path = PACKAGE) -> SideResult:
    """Return the description of the candidate: the checkout around `directory`, or the installed package `package`.

    `choice` is the value of --candidate, or None if it was not given. Raises CandidateError if the choice is impossible
    or missing, and GitError if git fails.
    """
    here = _checkout(directory)
    if choice is CandidateChoice.CHECKOUT:
        if here is None:
            raise CandidateError(
                f"expected {directory} to be in a git checkout of MobiFai; it is in none. Run this command in a "
                f"checkout, or with --candidate {CandidateChoice.INSTALLED}"
            )
        return msgspec.structs.replace(_of_checkout(here), built=not _is_of(here, package))
    different = differing(here.top, package) if here is not None and not _is_of(here, package) else []
    if here is not None and different and choice is None:
        raise CandidateError(_unclear(here, different))
    return _installed(package, None if different else here)


def _checkout(directory: Path) -> Checkout | None:
    """Return the checkout of MobiFai that contains a directory, or None if there is none."""
    try:
        found = checkout_around(directory)
    except GitError:
        return None
    return found if (found.package / "__init__.py").is_file() else None


def _is_of(checkout: Checkout, package: Path) -> bool:
    return checkout.package.resolve() == package.resolve()


def _unclear(here: Checkout, different: list[str]) -> str:
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    names = ", ".join(different[:SHOWN]) + more
    return (
        f"expected the files of this checkout ({checkout_text(here)}) to be those that are installed; "
        f"{count(len(different), 'file differs', 'files differ')}: {names}. To test the checkout with its edits: "
        f"{command_with('--candidate', CandidateChoice.CHECKOUT)}. To test the installed package without them: "
        f"{command_with('--candidate', CandidateChoice.INSTALLED)}"
    )


def checkout_text(checkout: Checkout) -> str:
    """Return the commit of a checkout and the number of its edited files as text: `0123456789ab, 1 file edited`."""
    return edits_in_words(checkout.commit, [one.kind for one in checkout.edits])


def _of_checkout(checkout: Checkout) -> SideResult:
    return SideResult(
        "checkout", name=str(checkout.top), commit=checkout.commit, dirty=bool(checkout.edits),
        edits=[f"{one.kind} {one.path}" for one in checkout.edits], other_edits=checkout.others,
    )  # fmt: skip


def _installed(package: Path, same: Checkout | None) -> SideResult:
    """Return the description of the installed package.

    A package that is imported from a checkout is described as that checkout. For any other package, `same` is a
    checkout that has the same files, or None. The description then has the commit and the edits of `same`.
    """
    found = product(package)
    if found.installed is Installed.CHECKOUT:
        return _of_checkout(checkout_around(package))
    side = SideResult("installed", name=str(package), commit=found.commit or "", how=HOW.get(found.installed, ""),
                      version=found.version or "")  # fmt: skip
    if same is None:
        return side
    of = _of_checkout(same)
    return SideResult(
        "installed", name=side.name, commit=of.commit, dirty=of.dirty, edits=of.edits, other_edits=of.other_edits,
        how=side.how, version=side.version, same_as=of.name,
    )  # fmt: skip
