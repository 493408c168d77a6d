"""Finds secrets of well-known formats in a text, in linear time. This module does no I/O."""

import re
from collections.abc import Iterator

SecretSpan = tuple[int, int]

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}"
    r"|gl(?:pat|dt|rt|ptt|oas|agent|soat|ft|imt|cbt|ffct)-[A-Za-z0-9_.-]{20,255}"  # GitLab
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-[A-Za-z0-9-]{10,255}"  # Slack
    r"|hooks\.slack\.com/services/[A-Za-z0-9/]{20,100}"
    r"|sk-[A-Za-z0-9_-]{16,255}|gsk_[A-Za-z0-9]{20,255}|xai-[A-Za-z0-9]{20,255}|pplx-[A-Za-z0-9]{20,255}"  # models
    r"|hf_[A-Za-z0-9]{20,255}|r8_[A-Za-z0-9]{20,255}"
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,2000}|GOCSPX-[A-Za-z0-9_-]{20,100}"  # Google
    r"|1//0[A-Za-z0-9_-]{20,255}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{16,255}"  # Stripe
    r"|eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{0,8000}"  # JSON Web Token
    r"|npm_[A-Za-z0-9]{30,255}|pypi-[A-Za-z0-9_-]{16,1000}|rubygems_[a-f0-9]{32,255}|dckr_pat_[A-Za-z0-9_-]{20,255}"
    r"|SG\.[A-Za-z0-9_-]{16,100}\.[A-Za-z0-9_-]{16,100}|key-[0-9a-f]{32}|(?:SK|AC)[0-9a-f]{32}"  # mail, Twilio
    r"|do[opr]_v1_[a-f0-9]{40,100}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|sq0[a-z]{3}-[A-Za-z0-9_-]{22,100}"
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{32,40}"  # Telegram
    r"|dapi[a-f0-9]{32}|hv[sbr]\.[A-Za-z0-9_-]{20,255}|dp\.(?:pt|st|ct)\.[A-Za-z0-9]{20,255}"
    r"|lin_api_[A-Za-z0-9]{20,255}|ntn_[A-Za-z0-9]{20,255}|glsa_[A-Za-z0-9_]{20,255}|sbp_[a-f0-9]{30,100}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,100}|PMAK-[a-f0-9-]{30,100}|tskey-[A-Za-z0-9-]{16,255}|cfut_[A-Za-z0-9_-]{20,255}"
    r"|\$(?:1|2[abxy]|5|6|7|y|gy)\$[A-Za-z0-9./$=,-]{20,255}"  # hashes of passwords
    r")"
)

_VALUE = r"(?:\"(?P<{0}1>[^\"\n]{{1,500}})\"|'(?P<{0}2>[^'\n]{{1,500}})'|(?P<{0}3>[^\s\"',;&|)]{{3,500}}))"
_LONG = r"[\"']?(?P<secret>(?=[^\s\"']{0,499}[0-9])[^\s\"',;&|)]{8,500}|[^\s\"',;&|()]{20,500})"
_IS = r"[\"']?[ \t]{0,8}(?::=|=>|=|:)[ \t]{0,8}"

_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:passw(?:or)?d|passwd|passphrase|kennwort)[\w.-]{0,40}" + _IS + _VALUE.format("secret"),
        r"\bpwd" + _IS + r"(?!/)" + _VALUE.format("secret"),
        r"(?:token|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|shared[_-]?key|auth[_-]?key|credentials?"
        r"|connection[_-]?string|\bsig)[\w.-]{0,40}" + _IS + _LONG,
        r"\b(?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:(?:bearer|basic|token|digest|apikey)\s{1,4})?"
        r"(?P<secret>[^\s\"',]{4,4000})",
        r"\b(?:x-api-key|x-auth-token|private-token|x-vault-token|api-key)"
        + _IS
        + r"[\"']?(?P<secret>[^\s\"',]{4,4000})",
        r"\b(?:set-)?cookie[\"']?[ \t]{0,4}:[ \t]{0,4}(?P<secret>[^\n\"']{4,4000})",
        r"\bbearer[ \t]{1,4}(?P<secret>[A-Za-z0-9._~+/-]{16,4000}=*)",
        r"://[^/\s:@]{0,200}:(?P<secret>[^/\s@]{1,500})@",
        r"(?<!\S)(?:-u|--user|--proxy-user)[ =]{1,4}[\"']?[^\s:\"']{1,100}:(?P<secret>[^\s\"']{1,500})",
        r"(?<!\S)--(?:password|passwd|pass|passphrase|token|secret|api-key)[ =]{1,4}[\"']?(?P<secret>[^\s\"']{3,500})",
        r"\bsshpass[ \t]{1,4}-p[ \t]{0,4}[\"']?(?P<secret>[^\s\"']{1,500})",
        r"\b(?:mysql|mariadb)\w{0,10}\b[^\n|;]{0,60}\s-p(?P<secret>[^\s-]\S{0,500})",
        r"\bidentified\s{1,4}by\s{1,4}'(?P<secret>[^'\n]{1,500})",
        r"\b(?:login|user|account)\s{1,8}\S{1,200}\s{1,8}password\s{1,8}(?P<secret>\S{1,500})",
        r"^[^\s:]{1,200}:[0-9*]{1,5}:[^:\s]{1,100}:[^:\s]{1,100}:(?P<secret>\S{1,500})$",
    )
)

_BEFORE_LINE = r"(?:[^\s:]{1,300}(?::[0-9]{1,7}:|-[0-9]{1,7}-|[:-])|[ \t]{0,8}(?:[0-9]{1,7}[\t :|-]{1,4}|[-+|<>#] ?))?"
"""A pattern of what may precede a line: the prefix in the output of `grep` or `cat -n`, in a diff, a quotation or a
comment."""

_PREFIX = re.compile(_BEFORE_LINE)

_KEY_BEGINS = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----"
    rf"(?P<secret>(?:(?:\s|\\n){{0,8}}{_BEFORE_LINE}(?:(?:Proc-Type|DEK-Info|Version|Comment):[^\n]{{0,200}}|[A-Za-z0-9+/=]{{4,4000}})){{1,2000}})"
)
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY")
_KEY_LINE = re.compile(rf"\s*{_BEFORE_LINE}[A-Za-z0-9+/=]{{4,4000}}\s*")
_PUTTY = re.compile(r"Private-Lines: [0-9]{1,4}\s{1,4}(?P<secret>(?:[A-Za-z0-9+/=]{4,100}\s{1,4}){1,200})")

_CARD = re.compile(
    r"(?<![0-9.])(?:[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{4}|3[47][0-9]{2}([ -]?)[0-9]{6}\2[0-9]{5})(?![0-9.])"
)


def find(text: str) -> Iterator[SecretSpan]:
    """Yield the position (start, end) of each secret in a text. Positions may overlap."""
    yield from (found.span() for found in _TOKEN.finditer(text))
    for pattern in _NAMED:
        for found in pattern.finditer(text):
            yield found.span(found.lastgroup or 0)
    for pattern in (_KEY_BEGINS, _PUTTY):
        yield from (found.span("secret") for found in pattern.finditer(text))
    for end in _KEY_ENDS.finditer(text):
        yield _lines_before(text, end.start()), end.start()
    yield from (found.span() for found in _CARD.finditer(text) if _is_card(found[0]))


def _lines_before(text: str, end: int) -> int:
    """Return the position at which the private key before the end marker at `end` begins.

    This is for a text without the key's header: the key begins with the lines of Base64 that precede the marker.
    """
    line = text.rfind("\n", 0, end) + 1
    start = line if _PREFIX.fullmatch(text, line, end) else end
    while start > 0:
        previous = text.rfind("\n", 0, start - 1) + 1
        if not _KEY_LINE.fullmatch(text, previous, start):
            break
        start = previous
    return start


def _is_card(text: str) -> bool:
    digits = [int(character) for character in text if character.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return digits[0] in (2, 3, 4, 5, 6) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
