/**
 * The account's settings at the relay: colours and a font size.
 *
 * The relay, and everyone with one of the account's tokens, can write anything into them. Values other than those below
 * are neither read nor sent: in particular no text, and nothing that types.
 */

import type { Environment } from "../platform/environment";
import { askRelay } from "../transport/relay_http";
import type { Settings } from "./types";

const PALETTE = /^[a-z0-9][a-z0-9-]{0,39}$/;
const SCHEMES = ["system", "dark", "light"];
const LARGEST_FONT = 100;

/** Return the part that consists of valid settings of this page. */
export function readSettings(found: unknown): Settings {
  const from = record(found);
  const page = record(from["page"]);
  const theme = palette(from["theme"]);
  const fontSize = from["fontSize"];
  const look = defined({ palette: palette(page["palette"]), scheme: SCHEMES.find((scheme) => scheme === page["scheme"]) });
  return {
    ...defined({ theme, fontSize: Number.isInteger(fontSize) && Number(fontSize) > 0 && Number(fontSize) <= LARGEST_FONT ? Number(fontSize) : undefined }),
    ...(Object.keys(look).length > 0 ? { page: look } : {}),
  };
}

export const getSettings = (environment: Environment, token: string): Promise<Settings> => request(environment, token, "GET");

/** Merge changes into the settings. Returns all of them. */
export const putSettings = (environment: Environment, token: string, changes: Settings): Promise<Settings> =>
  request(environment, token, "PUT", readSettings(changes));

async function request(environment: Environment, token: string, method: "GET" | "PUT", changes?: Settings): Promise<Settings> {
  const { ok, status, content } = await askRelay(environment, "/api/settings", {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    ...(changes === undefined ? {} : { body: JSON.stringify(changes) }),
  });
  if (!ok) throw new Error(`The relay refused the settings (status ${status}).`);
  return readSettings(content);
}

const record = (found: unknown): Readonly<Record<string, unknown>> => (typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {});

const palette = (found: unknown): string | undefined => (typeof found === "string" && PALETTE.test(found) ? found : undefined);

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Return the fields that are defined. */
const defined = <T extends object>(fields: T): Defined<T> => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
