"""The two kinds of base with which the gate compares a candidate: a revision, or stored figures."""

import datetime as dt
from pathlib import Path

import msgspec

from mobifai import __version__
from profiles.gate.baseline import Baseline, fitting, here, misfit, read_baselines, write_baseline
from profiles.gate.candidate import CandidateChoice, choose
from profiles.gate.checkout import GitError, toplevel
from profiles.gate.results import SideResult
from profiles.gate.same_sides import last_other, same_files
from profiles.gate.side_text import edits_in_words, same_commit
from profiles.gate.sides import GateSide, base_of, lay_out_base, lay_out_candidate
from profiles.gate.workload import workload_of
from profiles.progress import print_progress
from profiles.subcommand import interruption
from profiles.writable import check_writable
from soak.harness.environment import environment
from soak.run.plan import SoakPlan


class RevisionBase:
    """A base that is a revision of the current checkout. It is built, and runs in turns with the candidate.

    `about` describes the base, and `tried` the candidate.
    """

    update = False
    misfit = ""

    def __init__(self, name: str, choice: CandidateChoice | None) -> None:
        """Find the revision `name` and the candidate. `choice` is the value of --candidate, or None.

        Raises GitError, CandidateError.
        """
        self._checkout = toplevel(Path.cwd())
        self.about = base_of(self._checkout, name)
        self.tried = choose(Path.cwd(), choice)
        self.stored: dict[str, float] | None = None

    def is_same(self) -> bool:
        """Return whether the candidate has the same files as the base. Raises GitError."""
        return same_commit(self.about, self.tried) or same_files(self._checkout, self.about.commit, self.tried)

    def other_base(self) -> str:
        """Return the newest ancestor of the base's commit with another package or lock file, or an empty text."""
        return last_other(self._checkout, self.about.commit)

    def sides(self, folder: Path) -> list[GateSide]:
        """Prepare the candidate and build the base in `folder`. Return both, the base first. Raises ProfileError."""
        now = lay_out_candidate(self.tried, folder / "b", interruption())
        print_progress(f"building {self.about.name}")
        return [lay_out_base(self._checkout, self.about.name, folder / "a", interruption()), now]


class StoredBase:
    """A base that is a file of stored figures. With `update`, there is no base: the candidate's figures are stored.

    `about` describes the base, and `tried` the candidate. `stored` has the figures of the base, or is None. `misfit`
    says why no stored figures fit this environment and workload, and is empty if some do.
    """

    def __init__(self, plan: SoakPlan, file: Path, choice: CandidateChoice | None, *, update: bool) -> None:
        """Read the stored figures from `file`, and find the candidate. `choice` is the value of --candidate, or None.

        Raises BaselineError, CandidateError, GitError, ProfileError.
        """
        self._file = file
        self.update = update
        self._known = read_baselines(file) if file.exists() or not update else []
        if update:
            check_writable(file, "--baseline")
        self.tried = choose(Path.cwd(), choice)
        self._wanted = here(environment(""), workload_of(plan), {}, _measured(self.tried))
        found = fitting(self._known, self._wanted)
        self.misfit = "" if found is not None or update else misfit(self._known, self._wanted)
        self.stored = found.figures if found is not None and not update else None
        self.about = SideResult("itself") if update else _of_stored(file, found)

    def is_same(self) -> bool:
        """Return whether the stored figures were measured with the candidate's commit and libraries, without edits."""
        return same_commit(self.about, self.tried) and self.about.libraries == self._wanted.libraries

    def other_base(self) -> str:
        """Return the newest ancestor of the base's commit with another package or lock file, or an empty text."""
        try:
            return last_other(toplevel(Path.cwd()), self.about.commit)
        except GitError:
            return ""

    def sides(self, folder: Path) -> list[GateSide]:
        """Prepare the candidate, the only side that runs, in `folder`, and return it in a list. Raises ProfileError."""
        return [lay_out_candidate(self.tried, folder / "b", interruption())]

    def keep(self, figures: dict[str, float]) -> None:
        """Store `figures`, those of the candidate, in the file. Raises ReportError if it can't be written."""
        of = {"commit": self.tried.commit, "dirty": self.tried.dirty}
        write_baseline(self._file, self._known, msgspec.structs.replace(self._wanted, figures=figures, **of))


def _of_stored(file: Path, found: Baseline | None) -> SideResult:
    """Return the description of a base that is a file of stored figures.

    `found` is the entry that fits. If it is None, the description has only the name of the file.
    """
    if found is None:
        return SideResult("stored", name=str(file))
    return SideResult(
        "stored", name=str(file), commit=found.commit, dirty=found.dirty, measured=found.measured, python=found.python,
        c_library=found.c_library, architecture=found.architecture, libraries=found.libraries,
    )  # fmt: skip


def _measured(tried: SideResult) -> str:
    """Return the text that is stored with the candidate's figures: today's date, and the version and commit.

    `tried` describes the candidate.
    """
    of = edits_in_words(tried.commit, tried.kinds) if tried.commit else "commit not known"
    return f"{dt.datetime.now(dt.UTC).date()}, mobifai {__version__}, {of}"
