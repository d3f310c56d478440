// Elements. Every string becomes a text node: nothing of a log is ever read as HTML.

export function make(tag, values = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// [[text, kind], ...] -> nodes; what replaced something private is marked with its kind.
export function pieces(given) {
  return given.map(([text, kind]) =>
    kind ? make("mark", { class: "private", title: `replaced: ${kind}` }, text) : text);
}

// A text that may be written from right to left, so that it turns nothing beside it.
export function apart(text) {
  return `\u2068${text}\u2069`;
}

export function button(label, pressed, values = {}) {
  return make("button", { type: "button", onclick: pressed, ...values }, label);
}

export function several(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

export function day(at) {
  return at ? at.slice(0, 16).replace("T", " ") : "no date";
}
