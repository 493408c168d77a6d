"""The commands that change nothing, with the arguments that they may have. This module does no I/O.

All other commands need the user's approval. The commands here run no other program, write no file, send nothing, and do
not show files that hold secrets.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from mobifai.assistant.command_line import Command, Unclear, Word, parse
from mobifai.assistant.redaction import is_secret_name

Check = Callable[[Sequence[Word]], bool]
"""A function that returns whether a command with these arguments changes nothing."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANY = _names(
    "b2sum basename cal cat cd cksum cmp column comm cut df diff dirname du echo egrep expand false fgrep fold"
    " free grep groups head hexdump id join locale ls lsblk lscpu lsusb md5sum nl nproc od"
    " paste pgrep pwd readlink realpath seq sha1sum sha224sum sha256sum sha384sum sha512sum sleep stat strings tac"
    " tail tr true tty type uname unexpand uptime w wc whereis which who whoami"
)
"""Commands that may have any arguments."""

_VERSIONS = _names("bash cmake docker gcc git java kubectl make node npm perl php pip pip3 python python3 ruby")
"""Commands that may print their version. cargo, go and rustc are missing: a project chooses which version of them runs,
and that may be a program of the project."""

_SECRET_PLACE = re.compile(
    r"(?:^|[/:=,{])\.(?:ssh|aws|gnupg|kube|docker|azure|netrc|npmrc|pypirc|pgpass|git-credentials|password-store|vault-token"
    r"|env|envrc|my\.cnf|[a-z]*_?history)\b"
    r"|\bid_(?:rsa|dsa|ecdsa|ed25519|[a-z0-9]*[*?\[{])|fish_history|(?:^|/)(?:device|e2e|tokens)\.json\b|\.(?:pem|key|p12|pfx|jks|kdbx|ppk|keychain(?:-db)?)\b"
    r"|/etc/(?:shadow|gshadow|sudoers)|(?:^|/)environ\b|/proc/(?:.*/)?(?:mem|fd|root|cwd)\b|\.config/(?:gh|gcloud|hub|rclone)\b"
    r"|(?:^|/)(?:credentials|secrets?)(?:[/.]|\Z)",
    re.IGNORECASE,
)
_HIDDEN_PATTERN = re.compile(r"(?:^|/)\.[^/.]*[*?\[{$]|(?:^|/)proc/.*[*?\[{$]")
_PROCESSES = re.compile(r"(?:^|/)proc(?:/|\Z)")
_PLAIN_DEVICE = r"(?:null|zero|random|urandom|stdin|stdout|stderr|fd/[0-9]+)\Z"
_DEVICE = re.compile(
    rf"(?:^|[=:,{{])(?:\.{{0,2}}/+)+dev(?:\Z|/+(?!{_PLAIN_DEVICE})[^\s])|(?:^|[=:,{{])/+[^/]*[?*\[{{][^/]*/"
)
"""A path of a device, or a pattern that may match one. Opening a device can have effects, for example on a watchdog or
a tape drive."""

_NAMES_ONLY = _names("basename df dirname echo find ls lsblk printf readlink realpath stat")
"""Commands that do not open the files that they name."""

_VARIABLE = re.compile(r"\$\{?(\w+)")


def why_not(line: str, allowed: Iterable[Sequence[str]] = ()) -> str:
    """Return why a command line may change something, or an empty text if it changes nothing.

    A command that begins with the words of one of `allowed` counts as harmless.
    """
    try:
        commands = parse(line)
    except Unclear as error:
        return str(error)
    own = [tuple(words) for words in allowed]
    why = next((why for why in (_why_not(command, own) for command in commands) if why), "")
    if not why and _reads_repository(commands, own) and any(command.words[0].text == "cd" for command in commands):
        return "it is not known yet in which repository git would look"
    return why


def reads_repository(line: str, allowed: Iterable[Sequence[str]] = ()) -> bool:
    """Return whether a harmless line makes git read a repository.

    A repository may name programs to run (see `repository`).
    """
    return _reads_repository(parse(line), [tuple(words) for words in allowed])


def _reads_repository(commands: Sequence[Command], allowed: Sequence[tuple[str, ...]]) -> bool:
    return any(
        command.words[0].text == "git"
        and [word.text for word in command.words[1:]] != ["--version"]
        and not _is_allowed(command.words, allowed)
        for command in commands
    )


def _why_not(command: Command, allowed: Sequence[tuple[str, ...]]) -> str:
    name = command.words[0]
    for word in (*command.words, *command.reads):
        if _may_show_secret(word) or (name.text == "cd" and _PROCESSES.search(word.text)):
            return f"it may show a secret: {word.text[:100]}"
    return "" if _is_allowed(command.words, allowed) else _why_not_harmless(command)


def _why_not_harmless(command: Command) -> str:
    name = command.words[0]
    device = next((word.text for word in command.words[1:] if _DEVICE.search(word.text)), "")
    if device and name.text not in _NAMES_ONLY:
        return f"opening a device may do something: {device[:100]}"
    if name.expands or name.quoted:
        return "the name of its command is not written plainly"
    if name.text not in _ANY | _VERSIONS | _CHECKS.keys():
        return f"{name.text[:100]} is not among the commands that only show something"
    if not _only_shows(name.text, command.words[1:]):
        return f"{name.text} may do more than show something with these arguments"
    return ""


def _may_show_secret(word: Word) -> bool:
    if _SECRET_PLACE.search(word.text):
        return True
    variables = _VARIABLE.findall(word.text) if word.expands else []
    return any(map(is_secret_name, variables)) or (word.expands and bool(_HIDDEN_PATTERN.search(word.text)))


def _is_allowed(given: Sequence[Word], allowed: Sequence[tuple[str, ...]]) -> bool:
    """Return whether a command begins with words that the settings allow, and the shell expands none of its words."""
    texts = tuple(word.text for word in given)
    return not any(word.expands for word in given) and any(texts[: len(words)] == words for words in allowed if words)


def _only_shows(name: str, arguments: Sequence[Word]) -> bool:
    if name in _ANY or (name in _VERSIONS and [word.text for word in arguments] == ["--version"]):
        return True
    if any(word.starts_open or (word.expands and word.text.startswith("-")) for word in arguments):
        return False
    return name in _CHECKS and _CHECKS[name](arguments)


# -- arguments


def _options(arguments: Sequence[Word]) -> list[str]:
    return [word.text for word in arguments if word.text.startswith("-") and word.text != "-"]


def _without(letters: str, *names: str) -> Check:
    """Return a check that rejects options with these letters, long options with these names, and their abbreviations.

    It allows all other arguments without variables.
    """

    def check(arguments: Sequence[Word]) -> bool:
        if any("$" in word.text and word.expands for word in arguments):
            return False
        return not any(_is_one_of(option, letters, names) for option in _options(arguments))

    return check


def _is_one_of(option: str, letters: str, names: Sequence[str]) -> bool:
    if option.startswith("--"):
        given = option[2:].partition("=")[0]
        return bool(given) and any(name.startswith(given) for name in names)
    return any(letter in option for letter in letters)


def _only(*patterns: str) -> Check:
    """Return a check that allows only arguments that match one of these patterns and that the shell does not expand."""
    found = re.compile("|".join(patterns))
    return lambda arguments: all(found.fullmatch(word.text) and not word.expands for word in arguments)


_FIND = _only(
    r"-(?:name|iname|path|ipath|type|maxdepth|mindepth|size|mtime|mmin|atime|amin|ctime|cmin|newer|perm|user|group|empty"
    r"|print|print0|ls|prune|not|o|a|or|and|regex|iregex|links|inum|xdev|mount|readable|writable|executable|true|false"
    r"|depth|L|H|P)",
    r"[-+][0-9]+[A-Za-z]?",
    r"[^-].*",
)


def _find(arguments: Sequence[Word]) -> bool:
    """Return whether `find` only tests files and prints their names.

    Its patterns may be unquoted, but it may not have variables.
    """
    plain = [Word(word.text) for word in arguments]
    return _FIND(plain) and not any("$" in word.text and word.expands for word in arguments)


def _ps(arguments: Sequence[Word]) -> bool:
    """Return whether `ps` shows no environments of processes, which may hold secrets."""
    shows = re.compile(r"-[A-Za-z]*E[A-Za-z]*|[A-Za-z]*e[A-Za-z]*|.*[eE][nN][vV][iI][rR][oO][nN].*")
    return not any(shows.fullmatch(word.text) for word in arguments)


def _uniq(arguments: Sequence[Word]) -> bool:
    """Return whether `uniq` has at most one file: it would overwrite a second one.

    `-`, the standard input, counts as a file, and so does every word after `--`.
    """
    texts = [word.text for word in arguments]
    options_end = texts.index("--") if "--" in texts else len(texts)
    files = [text for text in texts[:options_end] if text == "-" or not text.startswith("-")]
    files += texts[options_end + 1 :]
    return len(files) <= 1 and not any(word.expands for word in arguments)


_TEXT_FORMAT = re.compile(r"(?:[^%]|%%|%-?[0-9]*(?:\.[0-9]+)?[sbqc])*")
_PLAIN_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]*")


def _printf(arguments: Sequence[Word]) -> bool:
    """Return whether `printf` prints only texts and plain numbers. In other numeric arguments, zsh runs commands."""
    if not arguments or arguments[0].text.startswith("-") or arguments[0].expands:
        return False
    if _TEXT_FORMAT.fullmatch(arguments[0].text):
        return True
    numbers = all(_PLAIN_NUMBER.fullmatch(word.text) for word in arguments[1:])
    return numbers and "%n" not in arguments[0].text


def _jq(arguments: Sequence[Word]) -> bool:
    """Return whether `jq` reads neither the environment nor a program from a file."""
    shows = any("env" in word.text.lower() for word in arguments)
    return not shows and _without("fL", "from-file", "library-path")(arguments)


def _date(arguments: Sequence[Word]) -> bool:
    return _only(r"\+.*", "-[uR]", "-I[a-z]*", "--utc", "--universal", "--iso-8601(?:=[a-z]+)?", "--date=.*")(arguments)


_SED_PRINT = re.compile(r"(?:[0-9]+(?:,(?:[0-9]+|\$))?p;?){1,20}|\$p")


def _sed(arguments: Sequence[Word]) -> bool:
    """Return whether the arguments are `-n` and a `sed` script that only prints lines of files."""
    if len(arguments) < 2 or arguments[0].text != "-n" or arguments[1].expands:
        return False
    files = arguments[2:]
    plain = not any(word.text.startswith("-") or "$" in word.text for word in files)
    return bool(_SED_PRINT.fullmatch(arguments[1].text)) and plain


# -- programs with commands of their own

_GIT_UNSAFE = _without(
    "O",
    "output",
    "ext-diff",
    "textconv",
    "filters",
    "open-files-in-pager",
    "upload-pack",
    "exec",
    "no-index",
    "recurse-submodules",
    "show-signature",
    "submodule",
)
_NO_WORDS_LISTS = _only("-[arvl]+", "--(?:all|list|remotes|show-current|verbose|merged|no-merged|column|contains)")

_GIT: Mapping[str, Check] = {
    **dict.fromkeys(
        _names(
            "status log diff show rev-parse describe blame shortlog ls-files ls-tree rev-list merge-base count-objects"
            " name-rev for-each-ref cat-file grep diff-tree whatchanged"
        ),
        _GIT_UNSAFE,
    ),
    "branch": _NO_WORDS_LISTS,
    "tag": _NO_WORDS_LISTS,
    "remote": _only("-v", "--verbose"),
    "stash": lambda arguments: bool(arguments) and arguments[0].text == "list" and _GIT_UNSAFE(arguments),
    "worktree": lambda arguments: [word.text for word in arguments] == ["list"],
}


def _git(arguments: Sequence[Word]) -> bool:
    if arguments and arguments[0].text == "--no-pager":
        arguments = arguments[1:]
    check = _GIT.get(arguments[0].text) if arguments and not arguments[0].expands else None
    return check is not None and check(arguments[1:])


def _first(*commands: str) -> Check:
    """Return a check that allows any arguments after one of these subcommands, which only show something.

    An option before the subcommand is not allowed.
    """
    return lambda arguments: (
        bool(arguments) and arguments[0].text in commands and not any(word.expands for word in arguments)
    )


_PIP = _only("list|freeze")

_CHECKS: Mapping[str, Check] = {
    "arch": lambda arguments: not arguments,  # with some, it runs a program on macOS
    "base64": _without("oD", "output"),
    "date": _date,
    "docker": _first("ps", "images", "version"),
    "file": _without("Cm", "compile", "magic-file"),
    "find": _find,
    "getconf": _only("-a", "[A-Za-z0-9_]+", "/.*"),
    "git": _git,
    "history": _only("[0-9]{1,5}"),
    "hostname": _only("-[fsiId]", "--(?:fqdn|short|ip-address|all-ip-addresses|domain)"),
    "jobs": _only("-[lprs]+"),
    "jq": _jq,
    "lsof": _without("D"),
    "lspci": _without("AHMOQq"),
    "pip": _PIP,
    "pip3": _PIP,
    "printf": _printf,
    "ps": _ps,
    "rg": _without("", "pre", "pre-glob", "hostname-bin", "search-zip"),
    "sed": _sed,
    "sort": _without("o", "output", "compress-program"),
    "tree": _without("oR", "output"),
    "uniq": _uniq,
}
