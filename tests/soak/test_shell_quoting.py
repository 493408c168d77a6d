"""Printed commands can be copied: a shell reads exactly the intended words from one line."""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from mobifai.protocol.plain_text import plain
from soak.report.job_summary import markdown
from soak.report.summary import summary
from soak.shell_quoting import joined, quoted
from tests.soak import sample_reports

WORDS = (
    *("simple", "", "two words", "it's", 'say "so"', "$HOME", "`id`", "a\\b", "a|b;c&d", "#no", "~", "*", "!!", "-x"),
    *("line\nline", "it's\nso\\", "tab\tcr\rbell\a1", "\x1b[31mred", "überall", "right\u202eleft", "\u2028", "0\x011"),
    os.fsdecode(b"bytes\xff\xfe0"),
)
SHELLS = [shell for shell in ("bash", "zsh", "ksh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_exactly_these_words(shell: str) -> None:
    command = f"printf '%s\\0' {joined(WORDS)}"
    done = subprocess.run([shell, "-c", command], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(word) for word in WORDS]


@pytest.mark.parametrize("word", WORDS)
def test_a_quoted_word_is_one_line_that_is_shown_as_it_is(word: str) -> None:
    shown = quoted(word)
    assert plain(shown) == shown and "\n" not in shown and "\t" not in shown
    assert shown.encode()


@pytest.mark.parametrize("word", WORDS[1:])
def test_every_output_has_the_exact_command_of_a_report_in_such_a_directory(word: str) -> None:
    place = Path("/reports") / (word or "x")
    report = msgspec.structs.replace(sample_reports.leaking(20), findings=sample_reports.FINDINGS[:1])
    command = f"mobifai profile run --from {quoted(str(place))}"
    lines = summary(report, place).plain.splitlines()
    assert f"      {command}" in lines
    assert f"  report: {quoted(str(place / 'report.html'))}" in lines
    assert command in markdown(report, place)
