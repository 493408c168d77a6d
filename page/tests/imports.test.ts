/** The direction of imports: each folder of src/ uses only those below it, without cycles. dev/ and tests/ stay outside. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { parseSync } from "vite";
import { describe, expect, test } from "vitest";

/** From the bottom to the top. `main.ts` is above all of them; `dev/` and `tests/` are not part of the page. */
const LAYERS = ["platform", "protocol", "e2e", "transport", "session", "ui"];

const SRC = join(import.meta.dirname, "..", "src");

interface Module {
  readonly name: string;
  readonly imports: readonly string[];
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).map((name) => name.split(sep).join("/"));

/** Return a file's relative imports (of types, too, and dynamic ones) as paths below src/. A path outside starts with "..". */
function importsOf(name: string, source: string): string[] {
  const { module } = parseSync(name, source);
  const specifiers = [...module.staticImports.map((one) => one.moduleRequest.value), ...module.staticExports.flatMap((one) => one.entries.map((entry) => entry.moduleRequest?.value ?? "")), ...module.dynamicImports.map((one) => source.slice(one.moduleRequest.start, one.moduleRequest.end).replace(/^["'`]|["'`]$/g, ""))];
  return [...new Set(specifiers)].filter((one) => one.startsWith(".") && !one.endsWith(".css")).map((one) => normalize(join(dirname(name), one)).split(sep).join("/"));
}

const known = new Set(filesOf(SRC));
const fileOf = (path: string): string => [`${path}.ts`, `${path}/index.ts`].find((one) => known.has(one)) ?? path;
const modules: readonly Module[] = [...known].map((name) => ({ name, imports: importsOf(name, readFileSync(join(SRC, name), "utf8")).map(fileOf) }));
const layerOf = (name: string): number => LAYERS.indexOf(name.split("/")[0]!);

/** Imports that lead to a higher layer or out of src/, as "from -> to". */
const upward = (all: readonly Module[]): string[] =>
  all.flatMap(({ name, imports }) => imports.filter((to) => to.startsWith("..") || (name.includes("/") && layerOf(to) > layerOf(name))).map((to) => `${name} -> ${to}`));

/** Return a cycle of imports; [] when there is none. */
function cycle(all: readonly Module[]): string[] {
  const imports = new Map(all.map((one) => [one.name, one.imports]));
  const done = new Set<string>();
  const search = (name: string, path: readonly string[]): string[] => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return [];
    for (const next of imports.get(name) ?? []) {
      const found = search(next, [...path, name]);
      if (found.length > 0) return found;
    }
    done.add(name);
    return [];
  };
  return all.map(({ name }) => search(name, [])).find((found) => found.length > 0) ?? [];
}

describe("imports", () => {
  test("every folder of src/ is a layer", () => {
    expect(modules.filter(({ name }) => name.includes("/") && layerOf(name) < 0).map(({ name }) => name)).toEqual([]);
    expect(modules.length).toBeGreaterThan(50);
  });

  test("lead down, and not out of src/", () => expect(upward(modules)).toEqual([]));

  test("of dev/ are in no file of src/", () => expect(modules.flatMap(({ imports }) => imports).filter((to) => /(^|\/)dev\//.test(to))).toEqual([]));

  test("have no cycle", () => expect(cycle(modules)).toEqual([]));

  test("that lead up, out, or in a circle are found", () => {
    const source = `import type { Session } from "../session/types";\nexport { fake } from "../../dev/fake_session";\nawait import("../ui/app");`;
    const bad = { name: "e2e/noise.ts", imports: importsOf("e2e/noise.ts", source) };
    expect(upward([bad])).toEqual(["e2e/noise.ts -> session/types", "e2e/noise.ts -> ../dev/fake_session", "e2e/noise.ts -> ui/app"]);
    expect(cycle([{ name: "a", imports: ["b"] }, { name: "b", imports: ["a"] }])).toEqual(["a", "b", "a"]);
  });
});


describe("names", () => {
  /** The types that a file declares and exports. */
  const typesOf = (source: string): string[] => [...source.matchAll(/^export (?:abstract )?(?:class|interface|type) (\w+)/gm)].map((match) => match[1]!);

  test("each exported type has a name of its own", () => {
    const all = [...known].flatMap((name) => typesOf(readFileSync(join(SRC, name), "utf8")));
    expect(all.length).toBeGreaterThan(50);
    expect(all.filter((name, at) => all.indexOf(name) !== at)).toEqual([]);
  });
});
