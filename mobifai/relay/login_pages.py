"""The relay's few pages, as text. Everything that comes from outside is escaped; no page has a script.

Links are relative, since a proxy may serve the relay under a path.
"""

import re
from html import escape
from importlib import resources

STYLE_PATH = "/static/style.css"
STYLE = resources.files("mobifai.relay").joinpath("static", "style.css").read_bytes()

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{root}static/style.css">
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

_LOGIN = """{asks}<form method="post" action="login">
<input type="hidden" name="deviceId" value="{device_id}">
<input type="hidden" name="type" value="{kind}">
<input type="hidden" name="nonce" value="{nonce}">
<label for="code">Pairing code</label>
<input id="code" name="code" placeholder="XXXX-XXXX" maxlength="400" required autofocus
 autocomplete="one-time-code" autocapitalize="characters" spellcheck="false">
{problem}
<button>Sign in</button>
</form>
<p>{where} shows a code. It works once, for 10 minutes.</p>"""
_WHERE = {
    "mac": "<code>mobifai pair</code>, on the machine of this relay,",
    "mobile": "On the machine whose terminals you want, <code>mobifai pair --legacy</code>",
}


def no_page() -> str:
    """What stands in for the phone page where it was left out of the installation."""
    return _page(
        "MobiFai relay",
        "<p>The phone page was left out when this MobiFai was built. Install it anew without "
        "<code>MOBIFAI_BUILD_PAGE=0</code>, or use the MobiFai app:</p>\n"
        "<ol>\n<li>Add this relay: the address that you see in the address bar now.</li>\n"
        "<li>Enter the pairing code that <code>mobifai pair --legacy</code> shows.</li>\n</ol>",
    )


def login(device_id: str, kind: str, nonce: str = "", asks: str = "", problem: str = "") -> str:
    """The form for a pairing code. `asks` is who waits to be signed in, `problem` what was wrong with the last code."""
    warning = "It can use your terminals once you sign it in. Go on only if it is yours."
    fields = {
        "device_id": escape(device_id),
        "kind": escape(kind),
        "nonce": escape(nonce),
        "asks": f"<p><strong>{escape(asks)}</strong> asks to be signed in. {warning}</p>\n" if asks else "",
        "problem": f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
        "where": _WHERE[kind],
    }
    return _page("Sign in", _LOGIN.format(**fields))


def signed_in() -> str:
    """What a person sees who has signed an agent in."""
    return _page("The agent is signed in", "<p>You can close this page.</p>")


def not_waiting() -> str:
    """What a person sees whose agent is not connected any more, or shows another address by now."""
    return _page(
        "Sign in",
        '<p class="problem" role="alert">No agent waits for this sign-in any more.</p>\n'
        "<p>Look at what <code>mobifai serve</code> shows now, and open that address.</p>",
    )


def no_device() -> str:
    """What a person sees who came without a device."""
    return _page(
        "Sign in",
        '<p class="problem" role="alert">This address is missing the device that wants to sign in.</p>\n'
        "<p>Open the MobiFai app, or run <code>mobifai serve</code>, and follow the link that it shows.</p>",
    )


def error_page(message: str, depth: int) -> str:
    """Return a page that shows an error. `depth` says how many folders below the relay's root it is shown."""
    sentence = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(message[:1].upper() + message[1:]))
    body = f'<p class="problem" role="alert">{sentence.removesuffix(".")}.</p>'
    return _page("MobiFai can't show this", body, root="../" * depth)


def _page(title: str, body: str, root: str = "") -> str:
    return _FRAME.format(title=escape(title), body=body, root=root)
