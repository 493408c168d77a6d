/** Which addresses in a terminal's text may be opened, and what people see of them first. Pure. */

export interface SafeUrl {
  readonly href: string;
  /** The part to check before opening: the host, or the recipient of an email. */
  readonly target: string;
  readonly scheme: string;
  /** A sign of deception; null when there is none. */
  readonly warning: string | null;
}

const ALLOWED = new Set(["http:", "https:", "mailto:"]); // bounded: a constant
const MAX_LENGTH = 4096;

export function safeUrl(text: string): SafeUrl | null {
  if (text.length > MAX_LENGTH) return null;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (!ALLOWED.has(url.protocol)) return null;
  const target = url.protocol === "mailto:" ? url.pathname : url.host;
  return { href: url.href, target, scheme: url.protocol.slice(0, -1), warning: warningFor(url) };
}

function warningFor(url: URL): string | null {
  if (url.username !== "" || url.password !== "") return "The part before the @ is a user name, not the site.";
  if (/(^|\.)xn--/.test(url.hostname)) return "The site's name contains characters that can look like others.";
  return null;
}
