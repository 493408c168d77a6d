"""The common parts of all pages: origin of the results, missing and repeated runs, tables."""

from collections.abc import Iterable, Sequence

from benchmarks.evidence.units import KindEvidence, UnitOutcome, UnitResult


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown. Characters that would break a cell are replaced."""
    lines: list[Sequence[object]] = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell(value) for value in line)} |\n" for line in lines)


def cell(value: object) -> str:
    """Return a value as text for one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code in Markdown. An empty text stays empty."""
    return f"`{text}`" if text else ""


def origin(evidence: KindEvidence, file: str = "evidence/results.jsonl") -> str:
    """Return the paragraphs that say where a page's figures come from, and which results are missing or not exact."""
    if not evidence.results:
        return f"Not run on this revision: `nox -s evidence -- --only {evidence.plan.kind}`.\n"
    days = sorted({one.finished[:10] for one in evidence.results})
    parts = [
        f"Made by `nox -s evidence -- --only {evidence.plan.kind}` on revision `{evidence.plan.revision}` (a digest of "
        f"the sources, the locked dependencies and Python's version; commit {_list(evidence, 'commit')}), "
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}, on {_list(evidence, 'machine')}. Every figure is rendered "
        f"from [results.jsonl]({file}) and is not edited by hand.",
        _missing(evidence),
        _runs("Two runs of these units said neither right nor wrong", evidence.of(UnitOutcome.FAILED)),
        _runs("These runs failed and were repeated once; the tables show the second one", evidence.repeated),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _list(evidence: KindEvidence, name: str) -> str:
    quote = "`" if name == "commit" else ""
    return "; ".join(f"{quote}{one}{quote}" for one in sorted({getattr(result, name) for result in evidence.results}))


def _missing(evidence: KindEvidence) -> str:
    missing, of = len(evidence.missing), len(evidence.plan.units)
    return f"**{of - missing} of {of} runs are done; {missing} are missing.**" if missing else ""


def _runs(what: str, runs: Sequence[UnitResult]) -> str:
    rows = "\n".join(f"- {one.unit}: {cell(one.summary)}" for one in runs if one.final or "repeated" in what)
    return f"**{what}:**\n\n{rows}" if rows else ""


def command(evidence: KindEvidence) -> str:
    """Return the command line of the first unit of a kind whose result has one, as code in a paragraph."""
    return next((f"One of the commands: `{one.command}`\n" for one in evidence.last.values() if one.command), "")
