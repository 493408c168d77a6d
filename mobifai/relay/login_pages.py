"""The relay's login and error pages, as HTML text. All values from outside are escaped; no page has a script.

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
<p>To get a code, run {where}. It works once, for 10 minutes.</p>"""
_WHERE = {
    "mac": "<code>mobifai pair</code> on the machine of this relay",
    "mobile": "<code>mobifai pair --legacy</code> on the machine whose terminals you want to use",
}


def no_page() -> str:
    """Return the page that replaces the phone page if the installation has none."""
    return _page(
        "MobiFai relay",
        "<p>This MobiFai was built without the phone page. Reinstall it without "
        "<code>MOBIFAI_BUILD_PAGE=0</code>, or use the MobiFai app:</p>\n"
        "<ol>\n<li>Add this relay, with the address in the address bar.</li>\n"
        "<li>Enter the pairing code that <code>mobifai pair --legacy</code> shows.</li>\n</ol>",
    )


def login(device_id: str, kind: str, nonce: str = "", asks: str = "", problem: str = "") -> str:
    """Return the page with the form for a pairing code. `kind` is the device's type, `mac` or `mobile`.

    `nonce` identifies the connection on which the device waits. `asks` is the waiting device's name. `problem` says why
    the last code failed.
    """
    warning = "Once signed in, it can use your terminals. Continue only if it is yours."
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
    """Return the page that tells the user that an agent is signed in now."""
    return _page("The agent is signed in", "<p>You can close this page.</p>")


def not_waiting() -> str:
    """Return the page for an agent that is no longer connected, or waits for a newer sign-in."""
    return _page(
        "Sign in",
        '<p class="problem" role="alert">No agent is waiting for this sign-in.</p>\n'
        "<p>Open the address that <code>mobifai serve</code> shows now.</p>",
    )


def no_device() -> str:
    """Return the page for a login address that does not name the device to sign in."""
    return _page(
        "Sign in",
        '<p class="problem" role="alert">This address does not name the device to sign in.</p>\n'
        "<p>Open the MobiFai app, or run <code>mobifai serve</code>, and use the link that it shows.</p>",
    )


def error_page(message: str, depth: int) -> str:
    """Return a page that shows an error. `depth` is how many folders its address is below the relay's root."""
    sentence = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(message[:1].upper() + message[1:]))
    body = f'<p class="problem" role="alert">{sentence.removesuffix(".")}.</p>'
    return _page("MobiFai can't show this", body, root="../" * depth)


def _page(title: str, body: str, root: str = "") -> str:
    return _FRAME.format(title=escape(title), body=body, root=root)
