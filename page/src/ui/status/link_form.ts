/** The field for a link from a machine. */

import { el, setText } from "../base/dom";

/** `link` takes what was pasted; what it rejects with is shown. */
export function linkForm(link: (text: string) => Promise<void>): HTMLElement {
  const field = el("input", {
    type: "url", name: "link", inputmode: "url", autocapitalize: "off", autocomplete: "off", autocorrect: "off", spellcheck: "false", enterkeyhint: "go",
    placeholder: "Paste the link", "aria-label": "Link from the machine",
  });
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el("form", { class: "link-form", novalidate: true }, field, el("button", { class: "primary" }, "Link"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setText(problem, "");
    link(field.value.trim()).then(() => (field.value = ""), (reason: unknown) => setText(problem, sentence(reason)));
  });
  return el("div", {}, form, problem);
}

export function sentence(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
