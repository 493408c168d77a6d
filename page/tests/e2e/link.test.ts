import { describe, expect, test } from "vitest";

import { unhex } from "../../src/platform/bytes";
import { base64url } from "../support/base64url";
import { LinkError, parseLink } from "../../src/e2e/link";

const SECRET = new Uint8Array(16).fill(250);
const KEY = new Uint8Array(32).fill(251);
const ID = "00112233-4455-6677-8899-aabbccddeeff";
const PARTS = ["1", "ABCD1234", base64url(SECRET), base64url(KEY), base64url(unhex(ID.replaceAll("-", "")))] as const;
const FRAGMENT = PARTS.join(".");
const but = (at: number, part: string): string => PARTS.map((one, index) => (index === at ? part : one)).join(".");

describe("a link", () => {
  test.each([FRAGMENT, `#${FRAGMENT}`, `http://192.168.1.5:8765/#${FRAGMENT}`, `  https://relay.example/#${FRAGMENT}\n`])("%s", (found) => {
    expect(parseLink(found)).toEqual({ code: "ABCD1234", secret: SECRET, key: KEY, machine: ID });
  });

  test.each([
    "", "#", "http://192.168.1.5:8765/", "hello", FRAGMENT.slice(0, -3), FRAGMENT.slice(0, 40), `${FRAGMENT}.more`, but(1, ""), but(1, "AB-CD"), but(2, "!!"),
    but(2, base64url(KEY)), but(3, base64url(SECRET)), but(3, `${PARTS[3]}=`), but(4, base64url(KEY)), "1.1.1.1.1", "x".repeat(100_000),
  ])("%j is none, and it is said what to do", (found) => {
    expect(() => parseLink(found)).toThrow(LinkError);
    expect(() => parseLink(found)).toThrow(/mobifai pair/);
  });

  test("of a later version asks for a newer page", () => {
    expect(() => parseLink(but(0, "2"))).toThrow(/[Rr]eload/);
  });

  test.each(["ABCD-EFGH", "abcdefgh", "http://192.168.1.7:8765/#ABCD-EFGH"])("a pairing code alone (%s) is told apart", (code) => {
    expect(() => parseLink(code)).toThrow("for a legacy app");
  });
});
