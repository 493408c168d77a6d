"""HTTP to a relay elsewhere: creates client sessions, and explains errors.

Requests go to the address that the user gave and nowhere else: redirects are not followed, cookies are not kept, and
bodies are not decompressed.
"""

import ssl
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp

from mobifai.errors import RelayUnreachable
from mobifai.protocol.plain_text import one_line

HEADERS = {"Accept-Encoding": "identity"}


def relay_client_session(timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """Create a session for one connection to a relay, or for one request.

    A request through the session raises RelayUnreachable if the relay answers with a redirect.
    """
    traces = aiohttp.TraceConfig()
    traces.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        timeout=timeout,
        headers=HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trace_configs=[traces],
    )


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> None:
    params.response.close()
    place = one_line(params.response.headers.get("Location", ""), 100)
    raise RelayUnreachable(
        f"it redirects to {place or 'no address'}, and redirects are not followed; give --relay the relay's own address"
    )


def explain(error: BaseException, url: str) -> str:
    """Return why the relay at `url` can't be used, in words that can follow a colon."""
    match error:
        case RelayUnreachable():
            return one_line(error, 300)
        case TimeoutError():
            return "it does not answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return _explain_certificate(error.certificate_error, url)
        case aiohttp.ClientConnectorSSLError():
            return f"no TLS connection can be made: {one_line(error.os_error)}; check whether the address has https://"
        case aiohttp.WSServerHandshakeError():
            return f"expected a MobiFai relay; found a server that answers with HTTP {error.status}; check the address"
        case _:
            return one_line(error) or type(error).__name__


def _explain_certificate(error: Exception, url: str) -> str:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    host = urlsplit(url).hostname
    return (
        f"its certificate is not valid for {host}: {one_line(reason)}; a relay needs a certificate that this machine "
        "trusts (SSL_CERT_FILE names further ones)"
    )
