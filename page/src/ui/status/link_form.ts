/** The field for an invitation link from a machine. */

import { el, setText } from "../base/dom";

/** Create the form. `pair` gets the pasted link; if it rejects, the form shows the reason. */
export function linkForm(pair: (text: string) => Promise<void>): HTMLElement {
  const field = el("input", {
    type: "url", name: "link", inputmode: "url", autocapitalize: "off", autocomplete: "off", autocorrect: "off", spellcheck: "false", enterkeyhint: "go",
    placeholder: "Paste the link", "aria-label": "Link from the machine",
  });
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el("form", { class: "link-form", novalidate: true }, field, el("button", { class: "primary" }, "Pair"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setText(problem, "");
    pair(field.value.trim()).then(() => (field.value = ""), (reason: unknown) => setText(problem, sentence(reason)));
  });
  return el("div", {}, form, problem);
}

export function sentence(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
