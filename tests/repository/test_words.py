"""The words of the repository: prose that a reader understands at first reading, by the check in `words`."""

import pytest

from tests.repository.words import (
    Finding,
    Text,
    findings,
    has_main_verb,
    judged,
    names,
    of_markdown,
    of_python,
    of_script,
)


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    return list(findings())


@pytest.mark.timeout(600)  # the fixture reads every file of the repository
@pytest.mark.parametrize("kind", ["prose", "names"])
def test_the_repository_has_no_findings(found: list[Finding], kind: str) -> None:
    of_kind = [str(one) for one in found if one.is_name == (kind == "names")]
    assert not of_kind, "\n".join([*of_kind, "`python -m tests.repository.words PATH...` lists the findings"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is told of its end.", "told"),
        ("A phone of\nthe field.", "of the field"),
        ("It starts Anew.", "Anew"),
        ("no more output", "no more"),
        ("Send it; whether that was done.", "; whether that was done."),
        ("What a phone can do.", "What a phone can do."),
        ("First it stops. What the kernel does not take waits", "What the kernel does not take waits"),
    ],
)
def test_words_and_sentences_are_found_that_the_project_does_not_use(text: str, expected: str) -> None:
    found = [words for _, words, _ in judged(Text(1, text, is_docstring=True))]
    assert any(expected.removesuffix(".").startswith(words) or words == expected for words in found), found


@pytest.mark.parametrize(
    "text",
    [
        "Send it now.",
        "It takes no more than a second.",
        "What grows is counted.",
        "What is that?",
        "Return whether it was sent; the caller closes.",
        "An untold number of foretold ends.",
    ],
)
def test_plain_sentences_pass(text: str) -> None:
    assert list(judged(Text(1, text, is_docstring=True))) == []


def test_a_main_verb_is_looked_for_in_the_first_ten_words() -> None:
    assert has_main_verb(["a", "phone", "sends", "is", "decrypted"])
    assert not has_main_verb(["a", *"12345", "phone", "sends", "so", "much", "is"])


def test_the_line_of_a_finding_is_that_of_the_word() -> None:
    source = 'x = 1\n\ndef f():\n    """Do it.\n\n    Whoever asks is told.\n    """\n'
    assert [line for text in of_python(source) for line, _, _ in judged(text)] == [6, 6]


def test_comments_strings_and_parts_of_format_strings_are_read() -> None:
    source = '# It starts\n# anew.\nraise E(f"{name} was told: {why}")\nclick.option(help="Go on for ever.")\n'
    assert {words for text in of_python(source) for _, words, _ in judged(text)} == {"anew", "told", "for ever"}


def test_comments_and_strings_of_scripts_are_read_and_their_code_is_not() -> None:
    source = 'const told = 1; // heard\n/**\n * At once.\n */\nconst url = "https://anew";\nf(`by itself ${told}`);\n'
    found = [(line, words) for text in of_script(source) for line, words, _ in judged(text)]
    assert sorted(found) == [(1, "heard"), (3, "At once"), (5, "anew"), (6, "by itself"), (6, "told")]


def test_pages_are_read_without_their_blocks_of_code() -> None:
    source = "# Told\n\n```sh\necho heard\n```\n\n| a | anew |\nIt goes on\nfor ever.\n"
    found = [(line, words) for text in of_markdown(source) for line, words, _ in judged(text)]
    assert sorted(found) == [(1, "Told"), (7, "anew"), (9, "for ever")]


def test_names_that_are_defined_with_a_listed_word_are_found() -> None:
    source = "def told_of(heard): pass\nself.untold = 1\nuse(told)\nlast_heard = 2\napp_of_the_field = for_every = 3\n"
    assert [name for _, name, _ in names(source)] == ["told_of", "last_heard", "app_of_the_field", "heard"]
