/** The machines that this page is paired with: choose, rename, forget or add one. */

import type { UnknownMachineLink, KnownMachine } from "../../session/types";
import { el, replace } from "../base/dom";
import { icon } from "../base/icons";
import type { Store } from "../base/store";
import type { AppState } from "../state";
import { linkForm } from "../status/link_form";
import { machineTitle } from "../status/phrases";
import { ask, openSheet } from "./sheet";

export interface MachineActions {
  choose(id: string): void;
  rename(machine: KnownMachine): void;
  forget(machine: KnownMachine): void;
  pair(text: string): Promise<void>;
}

export function openMachines(store: Store<AppState>, actions: MachineActions): void {
  const list = el("ul", { class: "machines" });
  const add = el("button", { type: "button" }, icon("plus"), "Add a machine…");
  const sheet = openSheet("Machines", list, el("div", { class: "stack" }, add));
  const leadTo = (act: () => void): (() => void) => () => {
    sheet.close();
    act();
  };
  sheet.scope.listen(add, "click", leadTo(() => openAdd(actions.pair)));
  sheet.scope.add(store.subscribe(({ machines }, before) => {
    if (machines === before.machines && list.childElementCount > 0) return;
    replace(list, ...machines.map((machine) => row(machine, {
      choose: leadTo(() => actions.choose(machine.id)), rename: leadTo(() => actions.rename(machine)), forget: leadTo(() => actions.forget(machine)),
    })));
  }));
}

function row(machine: KnownMachine, acts: Readonly<Record<"choose" | "rename" | "forget", () => void>>): HTMLElement {
  const name = machineTitle(machine);
  const words = el("span", { class: "menu-words" }, el("span", {}, name), el("small", {}, machine.isUsed ? "In use · " : "Key ", el("code", {}, machine.fingerprint)));
  const choose = el("button", { type: "button", class: "menu-item", "aria-current": machine.isUsed ? "true" : undefined }, icon(machine.isUsed ? "check" : "link"), words);
  choose.addEventListener("click", acts.choose);
  const tool = (picture: "edit" | "bin", label: string, act: () => void): HTMLElement => {
    const button = el("button", { type: "button", class: "plain", "aria-label": `${label} ${name}` }, icon(picture));
    button.addEventListener("click", act);
    return button;
  };
  return el("li", {}, choose, tool("edit", "Rename", acts.rename), tool("bin", "Forget", acts.forget));
}

function openAdd(pair: (text: string) => Promise<void>): void {
  const form = linkForm(async (text) => {
    await pair(text);
    sheet.close();
  });
  const words = el("p", {}, "Run ", el("code", {}, "mobifai pair"), " on the other machine. Scan its QR code, or paste the link below it:");
  const sheet = openSheet("Add a machine", words, form);
}

/** Ask before a link to an unknown machine is used. Returns whether the user agrees. */
export function askAboutLink({ known, replaces, machine, fingerprint }: UnknownMachineLink): Promise<boolean> {
  const name = machineTitle(known);
  const text = replaces
    ? `The link names ${name}, but with a different key. A machine gets a new key only if its state directory was lost.`
    : `This page is paired with ${name}. The link is for a machine that it does not know.`;
  return ask({
    title: replaces ? `Replace ${name}?` : "Add another machine?",
    text,
    quoted: `${name}\nkey ${known.fingerprint}\nThe link’s machine\nkey ${fingerprint}\nid ${machine}`,
    warning: "Continue only if you have just created this link yourself: the person who created it can see what you type there.",
    yes: replaces ? "Replace" : "Add",
    danger: true,
  });
}
