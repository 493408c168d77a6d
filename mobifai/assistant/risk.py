"""Judges whether input may do harm that can't be undone. This module does no I/O.

Only a command line that is known to change nothing counts as harmless (see `harmless`).
"""

import re
from collections.abc import Iterable, Mapping

from mobifai.assistant.harmless import reads_repository, why_not

_WORD = r"[^\n;|&]{0,200}"

_PATTERNS: Mapping[str, str] = {
    "deletes files": rf"\b(?:rm|rmdir|unlink|shred|srm)\s|\bfind\b{_WORD}\s-(?:delete|exec)|\btruncate\s",
    "overwrites a disk": rf"\bdd\b{_WORD}\bof=|\b(?:mkfs|wipefs|fdisk|parted|sgdisk|diskutil)\b|>\s*/dev/(?!null|tty)",
    "acts as another user": r"\b(?:sudo|doas|su|pkexec)\b",
    "stops the machine or services": r"\b(?:shutdown|reboot|poweroff|halt|init\s+[06]|systemctl|launchctl|service)\b",
    "ends other programs": r"\b(?:kill|pkill|killall|xkill)\b",
    "changes permissions": r"\b(?:chmod|chown|chgrp|setfacl|usermod|passwd)\b",
    "runs what it downloads": r"\b(?:curl|wget|fetch)\b[^\n]{0,400}\|\s*(?:\w+\s+)?(?:ba|z|da|k|fi)?sh\b|\beval\b",
    "rewrites version history": rf"\bgit\b{_WORD}\b(?:push|reset|clean|rebase|filter-branch|checkout|restore)\b",
    "changes a database": r"(?i:\b(?:drop|truncate|alter)\s+(?:table|database|schema)\b|\bdelete\s+from\b)",
    "publishes": r"\b(?:npm|yarn|pnpm|cargo|gem|poetry|uv|hatch)\s+publish\b|\btwine\s+upload\b|\bdocker\s+push\b",
    "destroys what runs elsewhere": r"\b(?:terraform|tofu|pulumi)\s+(?:destroy|apply)\b|\bkubectl\s+(?:delete|apply)\b",
    "removes packages or images": r"\b(?:apt(?:-get)?|dnf|yum|brew|pacman|pip3?)\s+(?:\S+\s+)?(?:remove|purge|uninstall"
    r"|autoremove|-R\w*)\b|\bdocker\s+(?:system|image|volume)?\s*(?:prune|rm|rmi)\b",
    "changes what runs automatically": r"\bcrontab\b|\.ssh/|authorized_keys|\.(?:bashrc|zshrc|profile)\b|/etc/",
    "changes the network": r"\b(?:iptables|nft|ufw|pfctl|ifconfig|ip\s+(?:link|addr|route))\b",
    "runs a command from the history": r"(?:^|[\s;&|])![\w!?-]",
    "starts processes without end": r":\s*\(\s*\)\s*\{",
}

_QUOTES = str.maketrans("", "", "\\'\"`")

_RISK_CHARACTERS = 200


class RiskPatterns:
    """The patterns of risky input: the built-in ones and the user's own."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._patterns = [(reason, re.compile(pattern)) for reason, pattern in _PATTERNS.items()]
        self._own = [re.compile(pattern) for pattern in own]

    def reasons(self, text: str) -> str:
        """Return why a typed text may do harm, or an empty text if no pattern matches it with or without its quotes."""
        bare = text.translate(_QUOTES)
        found = [reason for reason, pattern in self._patterns if pattern.search(text) or pattern.search(bare)]
        return ", ".join([*found, *self.of_settings(text)])

    def of_settings(self, text: str) -> list[str]:
        """Return a list with a reason if one of the user's own patterns matches, otherwise an empty list."""
        bare = text.translate(_QUOTES)
        matches = any(pattern.search(text) or pattern.search(bare) for pattern in self._own)
        return ["matches a pattern in the settings"] if matches else []


class Judge:
    """Decides whether the user must approve a command line, and why.

    A line is harmless if `harmless` knows that it changes nothing, or if the settings allow its commands, unless one of
    the user's own patterns matches. The other patterns only explain why a line is not harmless.
    """

    def __init__(self, patterns: Iterable[str] = (), allowed: Iterable[str] = ()) -> None:
        self._patterns = RiskPatterns(patterns)
        self._allowed = [tuple(command.split()) for command in allowed]

    def risk(self, line: str) -> str:
        """Return why this command line may do harm when it runs, or an empty text if it is harmless."""
        why = why_not(line, self._allowed)
        found = self._patterns.reasons(line) if why else ", ".join(self._patterns.of_settings(line))
        return (found or why)[:_RISK_CHARACTERS]

    def reads_repository(self, line: str) -> bool:
        """Return whether this harmless line makes git read a repository, which may name programs to run."""
        return reads_repository(line, self._allowed)

    def risk_of_any(self, lines: Iterable[str]) -> str:
        """Return why a command line may do harm when it runs, or an empty text if it is harmless.

        `lines` are the possible readings of the line. It is harmless only if all of them are.
        """
        return next((why for line in lines if (why := self.risk(line))), "")
