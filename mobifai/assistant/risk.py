"""What may do harm that can't be undone, as far as patterns can tell. Pure.

It helps a person who is asked (approvals `risky`); it is no fence: a shell offers endless ways to write a command. Who
wants a fence asks for every action (`always`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from mobifai.assistant.actions import Keystroke

LINE_CHARACTERS = 4_000
"""The most of an unfinished line that is remembered between turns."""

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
    "changes a data base": r"(?i:\b(?:drop|truncate|alter)\s+(?:table|database|schema)\b|\bdelete\s+from\b)",
    "publishes": r"\b(?:npm|yarn|pnpm|cargo|gem|poetry|uv|hatch)\s+publish\b|\btwine\s+upload\b|\bdocker\s+push\b",
    "destroys what runs elsewhere": r"\b(?:terraform|tofu|pulumi)\s+(?:destroy|apply)\b|\bkubectl\s+(?:delete|apply)\b",
    "removes packages or images": r"\b(?:apt(?:-get)?|dnf|yum|brew|pacman|pip3?)\s+(?:\S+\s+)?(?:remove|purge|uninstall"
    r"|autoremove|-R\w*)\b|\bdocker\s+(?:system|image|volume)?\s*(?:prune|rm|rmi)\b",
    "changes what runs by itself": r"\bcrontab\b|\.ssh/|authorized_keys|\.(?:bashrc|zshrc|profile)\b|/etc/",
    "changes the network": r"\b(?:iptables|nft|ufw|pfctl|ifconfig|ip\s+(?:link|addr|route))\b",
    "runs a command from the history": r"(?:^|[\s;&|])![\w!?-]",
    "starts processes without end": r":\s*\(\s*\)\s*\{",
}

_QUOTES = str.maketrans("", "", "\\'\"`")


class RiskPatterns:
    """Ours, and a person's own."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._patterns = [(reason, re.compile(pattern)) for reason, pattern in _PATTERNS.items()]
        self._patterns += [("matches a pattern of the settings", re.compile(pattern)) for pattern in own]

    def reasons(self, text: str) -> str:
        """Why typing this may do harm; empty if no pattern says so. Also with quotes taken away."""
        bare = text.translate(_QUOTES)
        return ", ".join(reason for reason, found in self._patterns if found.search(text) or found.search(bare))


class Typing:
    """The line that is being typed, over several actions and turns."""

    def __init__(self) -> None:
        self._line = ""

    def after(self, keystrokes: Sequence[Keystroke]) -> list[str]:
        """For each of these keystrokes, the text that it completes; nothing is changed."""
        later = Typing()
        later._line = self._line
        texts = []
        for keystroke in keystrokes:
            texts.append(later._line + _shown(keystroke))
            later.typed(keystroke)
        return texts

    def typed(self, keystroke: Keystroke) -> None:
        """Remember what was typed since the last line's end."""
        shown = _shown(keystroke)
        whole = self._line[:-1] if keystroke.key == "Backspace" else self._line + shown
        self._line = re.split(r"[\r\n]", whole)[-1][-LINE_CHARACTERS:]


def _shown(keystroke: Keystroke) -> str:
    if keystroke.text is not None:
        return keystroke.text
    return {"Enter": "\n", "Ctrl+C": "\n", "Ctrl+U": "\n"}.get(keystroke.key or "", "")
