/** Moves what an earlier version kept, which knew one machine, to the list of machines. */

import { type Kept, recordOf, stringOf } from "../platform/json_storage";

const ARRANGED = ["order", "shown", "keys"] as const;
const OF_THE_MACHINE = ["machine", "device", "relay-key", "key", "token"] as const;

export function moveOneMachine(kept: Kept): void {
  const machine = recordOf(kept.read("machine"));
  const id = stringOf(machine["id"]);
  if (id !== null && kept.read("machines") === null) {
    const identity = { device: kept.read("device"), relayKey: kept.read("relay-key"), ownKey: kept.read("key"), token: kept.read("token") };
    kept.write("machines", [{ ...machine, ...identity }]);
    kept.write("chosen", id);
    for (const name of ARRANGED) {
      const found = kept.read(name);
      if (typeof found === "object" && found !== null) kept.write(`${name}.${id}`, found as Record<string, unknown>);
    }
  }
  for (const name of [...OF_THE_MACHINE, ...ARRANGED]) kept.write(name, null);
}
