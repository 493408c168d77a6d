/** Which addresses may be opened from a terminal's text, and how they are told to people. Pure. */

export interface SafeUrl {
  readonly href: string;
  /** What to look at before opening: the host, or the mail's receiver. */
  readonly target: string;
  readonly scheme: string;
  /** Something that often goes with deceit; null mostly. */
  readonly warning: string | null;
}

const ALLOWED = new Set(["http:", "https:", "mailto:"]); // bounded: a constant
const LONGEST = 4096;

export function safeUrl(text: string): SafeUrl | null {
  if (text.length > LONGEST) return null;
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
  if (/(^|\.)xn--/.test(url.hostname)) return "The site's name has letters that can look like others.";
  return null;
}
