/**
 * A document for xterm under a Content-Security-Policy without inline styles.
 *
 * xterm's DOM renderer fills `<style>` elements and sets `style` attributes, which `style-src 'self'` forbids. Here the
 * elements fill constructed style sheets, and the attributes are set through CSSOM; both are allowed. Browsers without
 * constructed style sheets (Safari before 16.4) use the plain elements.
 */

let styled: Document | null = null;

export function styledDocument(): Document {
  if (styled !== null) return styled;
  styled = canConstruct() ? proxied(document) : document;
  patchSpans();
  return styled;
}

/** Run `action` while the page's own document replaces elements, too: xterm's scroll bar always uses that one. */
export function whileStyled(action: () => void): void {
  if (styledDocument() === document) return action();
  const create = (tag: string): HTMLElement => prepared(document, tag);
  Object.defineProperty(document, "createElement", { value: create, configurable: true });
  try {
    action();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}

function canConstruct(): boolean {
  try {
    new CSSStyleSheet().replaceSync("");
    return "adoptedStyleSheets" in document;
  } catch {
    return false;
  }
}

function proxied(real: Document): Document {
  const bound = new Map<PropertyKey, unknown>(); // bounded by the methods of Document
  const create = (tag: string): HTMLElement => prepared(real, tag);
  bound.set("createElement", create);
  return new Proxy(real, {
    get(target, name): unknown {
      if (bound.has(name)) return bound.get(name);
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method: unknown = (value as (...given: unknown[]) => unknown).bind(target);
      bound.set(name, method);
      return method;
    },
    set: (target, name, value): boolean => Reflect.set(target, name, value, target),
  });
}

function prepared(real: Document, tag: string): HTMLElement {
  const make = (name: string): HTMLElement => Document.prototype.createElement.call(real, name);
  if (tag === "style") return sheetInstead(make("template")); // an empty <style> would be forbidden too
  return make(tag);
}

/** xterm creates the spans of its rows with the page's own document, so the prototype of all spans is patched. */
function patchSpans(): void {
  HTMLSpanElement.prototype.setAttribute = function (name: string, value: string): void {
    if (name === "style") this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
}

/** The element stays empty: its text goes to a style sheet of the document until the element is removed. */
function sheetInstead(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  Object.defineProperty(element, "textContent", {
    set: (text: string) => {
      sheet.replaceSync(text);
      if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    },
    get: () => "",
  });
  element.remove = (): void => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}
