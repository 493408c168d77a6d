"""Splits a command line into commands and words as a shell does, if bash, zsh, fish and the POSIX shells agree.

If these shells read a line differently, or the line runs something that it does not name, `parse` raises `Unclear`;
nothing is guessed. `#` is an ordinary character, as in an interactive zsh, so text after it is judged too. This module
does no I/O.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

NULL = "/dev/null"

_REDIRECTION = re.compile(r"(&>>?|>>|>\||>&|>|<<<|<<|<>|<&|<)")
_OPERATOR = re.compile(r"&&|\|\||\|&|[|;]")
_DESCRIPTOR = re.compile(r"[0-9]+(?=[<>])")
_TARGET = re.compile(r"[0-9]+(?=[ ;|&]|\Z)")
_ARITHMETIC = re.compile(r"\$\(\([0-9+\-*/% ]*\)\)")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*+|\{[A-Za-z_][A-Za-z0-9_]*\}|[0-9?$#@*])(?!\[)")
_LITERAL_DOLLAR = re.compile(r"\$(?=[\s/.,:;|%\]}-]|\Z)")
_GLOBS = "*?[]{}^#"


class Unclear(Exception):
    """Raised if the effect of a command line is unknown. Its text is the reason, for the user."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a command line, without its quotes.

    `expands`: the shell may expand it, possibly to several words. `starts_open`: it begins with something that the
    shell expands, so it may become an option. `quoted`: part of it was quoted.
    """

    text: str
    expands: bool = False
    starts_open: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a command line. `words` are its name and arguments, `reads` the files redirected to its input."""

    words: tuple[Word, ...]
    reads: tuple[Word, ...] = ()


def parse(line: str) -> Sequence[Command]:
    """Return all commands of a command line, such as `ls` and `wc` for `ls | wc`.

    Raises Unclear if the effect of the line is unknown.
    """
    return _Parser(line).parse()


class _Parser:
    def __init__(self, line: str) -> None:
        for character in line:
            if character == "\ufffd":
                raise Unclear("it has a character that can't be seen")
            if character != " " and unicodedata.category(character)[0] in "CZM":
                raise Unclear(f"it has the character U+{ord(character):04X}")
        self._line = line
        self._at = 0
        self._commands: list[Command] = []  # bounded by the line, as the next two
        self._words: list[Word] = []  # bounded
        self._reads: list[Word] = []  # bounded

    def parse(self) -> Sequence[Command]:
        if self._line.lstrip().startswith("^"):
            raise Unclear("it runs a command from the history")
        operator = ""
        while self._rest():
            operator = self._piece()
        if self._words or self._reads or operator not in ("", ";"):
            self._end_command()
        return self._commands

    def _piece(self) -> str:
        """Read the next word, redirection or operator. Return an operator; return an empty text for the other two."""
        if redirection := _REDIRECTION.match(self._line, self._at):
            self._redirect(redirection[0])
        elif operator := _OPERATOR.match(self._line, self._at):
            self._at = operator.end()
            self._end_command()
            return operator[0]
        elif self._line[self._at] == "&":
            raise Unclear("it runs something in the background")
        elif descriptor := _DESCRIPTOR.match(self._line, self._at):
            self._at = descriptor.end()
        else:
            self._words.append(self._word())
        return ""

    def _rest(self) -> bool:
        """Skip spaces. Return False at the end of the line."""
        while self._at < len(self._line) and self._line[self._at] == " ":
            self._at += 1
        return self._at < len(self._line)

    def _end_command(self) -> None:
        if not self._words:
            raise Unclear("it is not complete")
        self._commands.append(Command(tuple(self._words), tuple(self._reads)))
        self._words, self._reads = [], []

    # -- redirections

    def _redirect(self, operator: str) -> None:
        self._at += len(operator)
        if operator in (">&", "<&"):
            self._copy_descriptor()
            return
        if operator not in (">", ">>", "&>", "&>>", "<"):
            raise Unclear("it has a here-document" if operator.startswith("<<") else "it writes to a file")
        self._rest()
        file = self._word()
        if file.text == NULL and not file.expands:
            return
        if operator != "<":
            raise Unclear(f"it writes to a file: {file.text or 'without a name'}")
        if file.expands or not file.text or file.text.startswith("/dev/"):
            raise Unclear("it reads from something that is not a plain file")
        self._reads.append(file)

    def _copy_descriptor(self) -> None:
        target = _TARGET.match(self._line, self._at)
        if target is None:
            raise Unclear("it writes to a file")
        self._at = target.end()

    # -- words

    def _word(self) -> Word:
        text, line, began = "", self._line, self._at
        expands = starts_open = quoted = False
        while self._at < len(line) and line[self._at] not in " |;&<>":
            part, opens = self._part(line[self._at], at_start=self._at == began)
            quoted = quoted or (line[self._at - 1] in "'\"" or "\\" in line[began : self._at])
            starts_open = starts_open or (opens and not text)
            expands = expands or opens
            text += part
        return Word(text, expands, starts_open, quoted)

    def _part(self, character: str, *, at_start: bool) -> tuple[str, bool]:
        """Read the next part of a word, which begins with `character`.

        Return its text without quotes, and whether the shell may expand it.
        """
        match character:
            case "'":
                return self._single_quoted(), False
            case '"':
                return self._double_quoted()
            case "\\":
                if self._at + 1 >= len(self._line):
                    raise Unclear("it is not complete")
                self._at += 2
                escaped = self._line[self._at - 1]
                return escaped, escaped.isalnum()  # fish reads \x2d as a character
            case "$":
                return self._dollar()
            case "`" | "(" | ")":
                raise Unclear("it runs a command within a command")
            case "!" if not self._is_plain_mark():
                raise Unclear("it runs a command from the history")
            case "=" if at_start:
                raise Unclear("a word begins with =")
            case "~" if at_start and self._line[self._at + 1 : self._at + 2] == "[":
                raise Unclear("it has a computed directory")
        self._at += 1
        return character, character in _GLOBS

    def _is_plain_mark(self) -> bool:
        return self._line[self._at + 1 : self._at + 2] in ("", " ")

    def _single_quoted(self) -> str:
        end = self._line.find("'", self._at + 1)
        if end < 0:
            raise Unclear("it is not complete")
        text = self._line[self._at + 1 : end]
        if text.endswith("\\"):  # in fish, the quote continues
            raise Unclear("shells read its quotes differently")
        self._at = end + 1
        return text

    def _double_quoted(self) -> tuple[str, bool]:
        line, text, expands = self._line, "", False
        self._at += 1
        while self._at < len(line) and line[self._at] != '"':
            character = line[self._at]
            if character == "\\" and self._at + 1 < len(line) and line[self._at + 1] in '"\\$':
                text, self._at = text + line[self._at + 1], self._at + 2
            elif character == "$" and line[self._at + 1 : self._at + 2] != '"':
                part, opens = self._dollar()
                text, expands = text + part, expands or opens
            elif character in "`!":
                raise Unclear("it runs a command within a command" if character == "`" else "it recalls the history")
            else:
                text, self._at = text + character, self._at + 1
        if self._at >= len(line):
            raise Unclear("it is not complete")
        self._at += 1
        return text, expands

    def _dollar(self) -> tuple[str, bool]:
        line, at = self._line, self._at
        if found := _ARITHMETIC.match(line, at) or _VARIABLE.match(line, at):
            self._at = found.end()
            return found[0], True
        if _LITERAL_DOLLAR.match(line, at):
            self._at += 1
            return "$", False
        raise Unclear("it has an expansion that may run a command")
