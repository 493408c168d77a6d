"""The base of a comparison: a revision that is built and run, or stored figures. Runs neither."""

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
    """A revision of the checkout that this is run in, to be built and run."""

    update = False
    misfit = ""

    def __init__(self, name: str, choice: CandidateChoice | None) -> None:
        """Raises GitError when it is not there, and then CandidateError when it is not clear what is tried."""
        self._checkout = toplevel(Path.cwd())
        self.about = base_of(self._checkout, name)
        self.tried = choose(Path.cwd(), choice)
        self.stored: dict[str, float] | None = None

    def is_same(self) -> bool:
        """Whether the candidate is the base. Raises GitError."""
        return same_commit(self.about, self.tried) or same_files(self._checkout, self.about.commit, self.tried)

    def other_base(self) -> str:
        """Return the commit of a base that is another one; empty where there is none."""
        return last_other(self._checkout, self.about.commit)

    def sides(self, folder: Path) -> list[GateSide]:
        """The base and the candidate, laid out. Raises ProfileError."""
        now = lay_out_candidate(self.tried, folder / "b", interruption())
        print_progress(f"building {self.about.name}")
        return [lay_out_base(self._checkout, self.about.name, folder / "a", interruption()), now]


class StoredBase:
    """Figures in a file, or what is to become of it."""

    def __init__(self, plan: SoakPlan, file: Path, choice: CandidateChoice | None, *, update: bool) -> None:
        """Raises BaselineError for a file that can't be used, and then CandidateError, GitError as a revision does."""
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
        """Whether the figures are of the candidate itself, with the libraries that it has now."""
        return same_commit(self.about, self.tried) and self.about.libraries == self._wanted.libraries

    def other_base(self) -> str:
        """Return the commit of a base that is another one; empty where there is none."""
        try:
            return last_other(toplevel(Path.cwd()), self.about.commit)
        except GitError:
            return ""

    def sides(self, folder: Path) -> list[GateSide]:
        """The candidate alone, laid out."""
        return [lay_out_candidate(self.tried, folder / "b", interruption())]

    def keep(self, figures: dict[str, float]) -> None:
        """Store these figures. Raises ReportError."""
        of = {"commit": self.tried.commit, "dirty": self.tried.dirty}
        write_baseline(self._file, self._known, msgspec.structs.replace(self._wanted, figures=figures, **of))


def _of_stored(file: Path, found: Baseline | None) -> SideResult:
    """What stored figures are of; nothing but their file where none fit."""
    if found is None:
        return SideResult("stored", name=str(file))
    return SideResult(
        "stored", name=str(file), commit=found.commit, dirty=found.dirty, measured=found.measured, python=found.python,
        c_library=found.c_library, architecture=found.architecture, libraries=found.libraries,
    )  # fmt: skip


def _measured(tried: SideResult) -> str:
    """When figures are stored, and of what."""
    of = edits_in_words(tried.commit, tried.kinds) if tried.commit else "commit not known"
    return f"{dt.datetime.now(dt.UTC).date()}, mobifai {__version__}, {of}"
