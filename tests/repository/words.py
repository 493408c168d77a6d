"""The word check: finds words and sentence forms that this project does not use in its prose.

Prose is docstrings, comments and string literals of Python, comments and string literals of the page, and Markdown. Run
`python -m tests.repository.words` to list the findings, with paths after it to list those of some files or folders.

`What ...` is found by a heuristic. A sentence that begins with "What" passes if it is a question, or if an auxiliary
verb (is, are, has, can, ...) is among its first ten words and a word that looks like a verb (an auxiliary, or one that
ends in -s or -ed) stands between "What" and that auxiliary, but not right before it as a part of the same verb. So
"What grows is counted." passes and "What a phone can do." does not.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = ("mobifai", "soak", "profiles", "benchmarks", "tests", "page/src", "docs", "requirements")
GENERATED = ("page/src/protocol/messages.ts",)
"""Made from prose that is checked where it is written."""
SELF = "tests/repository/"

WORDS = {
    r"told": "received, known, notified, reported",
    r"heard": "received",
    r"anew": "again",
    r"of the field": "legacy app, legacy relay",
    r"at once": "immediately, or: at the same time",
    r"whoever": "any client that, anyone who",
    r"for ever": "forever, without end",
    r"by itself": "automatically, alone",
    r"no more(?! (?:[\w.]+ ){0,6}than\b)": "no longer, none",
}
PATTERNS = [(re.compile(rf"\b{word}\b", re.IGNORECASE), instead) for word, instead in WORDS.items()]
ENDS_IN_WHETHER = re.compile(r"; whether [^.;]*\.?$")
AUXILIARIES = frozenset(
    (
        "is", "are", "was", "were", "has", "have", "had", "does", "do", "did", "can", "could", "may", "might", "must",
        "will", "would", "shall", "should",
    )
)  # fmt: skip
WHAT = re.compile(r"(?:(?<=[.!?:] )|^)What ((?:[^.!?]|[.!?](?! |$))*)([.!?]?)")


SUSPECT = re.compile(
    r"told|heard|anew|whoever|of[\W_]+the[\W_]+field|at\W+once|for[\W_]+ever|by[\W_]+itself|no\W+more|;\W+whether|(?-i:What\W)",
    re.IGNORECASE,
)
"""A quick look at a file: without a match, the check finds nothing in it."""
NAMES = re.compile(r"(?:^|_)(told|heard|anew|whoever|of_the_field|for_ever|by_itself)(?:_|$)", re.IGNORECASE)


class Finding(NamedTuple):
    """A place whose prose, or whose name, should be another one."""

    file: str
    line: int
    found: str
    instead: str
    is_name: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found!r}; write: {self.instead}"


class Text(NamedTuple):
    """A piece of prose, and the line of the file that it begins on."""

    line: int
    text: str
    is_docstring: bool = False


def findings(paths: list[Path] | None = None) -> Iterator[Finding]:
    """Yield what the check finds in these files, or in all that it covers."""
    for path in files() if paths is None else paths:
        if not SUSPECT.search(path.read_text(encoding="utf-8")):
            continue
        name = path.relative_to(ROOT).as_posix()
        for text in texts(path):
            yield from (Finding(name, *found) for found in judged(text))
        if path.suffix == ".py":
            yield from (Finding(name, *found, is_name=True) for found in names(path.read_text(encoding="utf-8")))


def names(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield the names that a module defines with a listed word in them: line, name, what to write."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                name = node.name
            case ast.arg():
                name = node.arg
            case ast.Name(ctx=ast.Store()):
                name = node.id
            case ast.Attribute(ctx=ast.Store()):
                name = node.attr
            case _:
                continue
        if match := NAMES.search(name):
            word = match[1].lower().replace("_", " ")
            yield node.lineno, name, f"a name with: {WORDS[word]}"


def files() -> list[Path]:
    """Return the files that the check covers."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("*.py")]
    for folder in SOURCES:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in READERS and path.is_file()]
    names = {path: path.relative_to(ROOT).as_posix() for path in found}
    return sorted(
        path
        for path, name in names.items()
        if name not in GENERATED and not name.startswith(SELF) and not {"node_modules", "static"} & {*path.parts}
    )


def texts(path: Path) -> list[Text]:
    """Return the prose of a file."""
    return READERS[path.suffix](path.read_text(encoding="utf-8"))


def judged(text: Text) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the words that were found and what to write in their place."""
    joined = " ".join(line.strip(" \t*#/>-") for line in text.text.splitlines())
    for pattern, instead in PATTERNS:
        for match in pattern.finditer(re.sub(r"\s", " ", text.text)):
            yield text.line + text.text.count("\n", 0, match.start()), match[0], instead
    if text.is_docstring and (match := ENDS_IN_WHETHER.search(joined.strip())):
        yield text.line, match[0], "Return whether ..."
    for match in WHAT.finditer(joined):
        if match[2] != "?" and not has_main_verb(match[1].split()):
            line = text.line + text.text.count("\n", 0, max(text.text.find("What " + match[1][:12]), 0))
            yield line, "What " + " ".join(match[1].split()[:9]), "a noun phrase, an imperative, or a subject first"


def has_main_verb(words: list[str]) -> bool:
    """Return whether a verb follows the verb of the clause that "What" begins, within ten words."""
    verb_seen = False
    before = ""
    for word in (word.strip(",;:()`*\"'").lower() for word in words[:9]):
        if verb_seen and word in AUXILIARIES and before not in AUXILIARIES:
            return True
        verb_seen = verb_seen or word in AUXILIARIES or re.fullmatch(r"\w{2,}(s|ed)", word) is not None
        before = word
    return False


def of_python(source: str) -> list[Text]:
    """Return the docstrings, other strings and comments of a module."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = [
        Text(node.lineno, node.value, id(node) in docstrings)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            found.append(Text(node.lineno, "".join(map(str, parts))))
    return found + comments(source)


def comments(source: str) -> list[Text]:
    """Return the comments of a module; lines that follow each other are one."""
    found: list[Text] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, text = token.start[0], token.string.lstrip("#: ")
            if line == last + 1 and found and found[-1].line + found[-1].text.count("\n") == last:
                found[-1] = Text(found[-1].line, found[-1].text + "\n" + text)
            else:
                found.append(Text(line, text))
            last = line
    return found


SCRIPT = re.compile(
    r"/\*.*?\*/"
    r"|(?:(?<=\s)|(?<=^))//[^\n]*(?:\n[ \t]*//[^\n]*)*"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`",
    re.DOTALL | re.MULTILINE,
)


def of_script(source: str) -> list[Text]:
    """Return the comments and strings of a script or a style sheet."""
    return [
        Text(source.count("\n", 0, match.start()) + 1, re.sub(r"^(\s*)(/\*+|\*|//|[\"'`])[ ]?", r"\1", match[0]))
        for match in SCRIPT.finditer(source)
    ]


def of_markdown(source: str) -> list[Text]:
    """Return the paragraphs, list items, headings and rows of a page, without blocks of code."""
    without_code = re.sub(
        r"^```.*?^```", lambda match: "\n" * match[0].count("\n"), source, flags=re.DOTALL | re.MULTILINE
    )
    found: list[Text] = []
    for number, line in enumerate(without_code.splitlines(), 1):
        begins = not line.strip() or re.match(r"\s*(?:[-*#|>]|\d+\.)", line) or not found or not found[-1].text
        if begins:
            found.append(Text(number, re.sub(r"^[\s#*|>-]+", "", line)))
        else:
            found[-1] = Text(found[-1].line, found[-1].text + "\n" + line)
    return [text for text in found if text.text]


READERS = {
    ".py": of_python, ".ts": of_script, ".css": of_script, ".mjs": of_script, ".html": of_markdown, ".md": of_markdown,
}  # fmt: skip


if __name__ == "__main__":
    under = [(Path(argument) if Path(argument).is_absolute() else ROOT / argument) for argument in sys.argv[1:]]
    chosen = [path for path in files() if not under or any(path.is_relative_to(one) for one in under)]
    sys.stdout.writelines(f"{finding}\n" for finding in findings(chosen))
