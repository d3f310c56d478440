// One thread: what was said and done, what of it is trained, and where it came from.

import { ask } from "./asking.js";
import { button, day, make, pieces, several } from "./making.js";
import { said } from "./list.js";

const PART = 50; // messages that are asked for at once
const SHORT = { characters: 700, lines: 12 }; // longer results are folded
const NAMES = { user: "Person", assistant: "Model", tool: "Tool result", system: "System" };

export class Thread {
  constructor(box, acts) {
    this.box = box;
    this.acts = acts; // what the buttons do: {judge, note, say, find}, and masks(): whether a base was named
    this.asked = null;
    this.row = null;
  }

  clear(text) {
    this.asked?.abort();
    this.row = null;
    this.box.replaceChildren(make("p", { class: "quiet" }, text));
  }

  async open(row, q) {
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    this.row = row;
    this.origins = null;
    try {
      const first = await this.part(row.thread, 0, q, asked.signal);
      this.hits = first.hits;
      this.hit = 0;
      this.from = this.hits.length ? Math.max(0, this.hits[0] - 2) : 0;
      const shown = this.from ? await this.part(row.thread, this.from, "", asked.signal) : first;
      this.draw(first, shown.messages);
    } catch (error) {
      if (error.name !== "AbortError") this.clear(error.message);
    }
  }

  part(thread, start, q, signal, count = PART) {
    return ask(`/api/threads/${encodeURIComponent(thread)}`, { start, count, q }, signal);
  }

  draw({ thread, known }, messages) {
    this.row = thread;
    this.until = this.from + messages.length;
    this.messages = make("div", { class: "messages" }, ...messages.map((m) => this.message(m)));
    this.earlier = button("Earlier messages", () => this.more(-1), { class: "more" });
    this.later = button("Later messages", () => this.more(1), { class: "more" });
    this.box.replaceChildren(this.head(thread, known), this.earlier, this.messages, this.later);
    this.ends();
    this.box.scrollTop = 0;
    if (this.hits.length) this.goto(0);
  }

  head(thread, known) {
    const facts = [
      ["When", thread.last && thread.last !== thread.at ? `${day(thread.at)} to ${day(thread.last)}` : day(thread.at)],
      ["Project", thread.project], ["Agent", [thread.source, thread.agent].filter(Boolean).join(", ")],
      ["Model", thread.model], ["Side", thread.split], ["Ended", thread.ended],
      ["Holds", [several(thread.messages, "message"), several(thread.calls, "call"),
        thread.epochs > 1 ? several(thread.epochs, "epoch") : ""].filter(Boolean).join(", ")],
      ["Labels", thread.labels.join(", ")], ["Topics", thread.topics.join(", ")], ["Thread", thread.thread],
      ["Lineage", button(thread.lineage, () => this.acts.find(thread.lineage), { title: "its branches, copies and sub-agents" })],
      ["Verdict", thread.decision ? [said(thread.decision), thread.note].filter(Boolean).join(": ") : "none yet"],
    ];
    const off = known ? {} : { disabled: "", title: "The state does not know this export: give its --state." };
    return make("div", { class: "head" },
      make("h2", {}, thread.title || "(no prompt)"),
      make("dl", {}, ...facts.filter(([, v]) => v).flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, v)])),
      make("div", { class: "buttons" },
        button("Keep ( a )", () => this.acts.judge("keep"), off),
        button("Drop ( r )", () => this.acts.judge("drop"), off),
        button("With a note ( e )", () => this.acts.note(), off),
        button("Where from ( o )", () => this.where()),
        this.acts.masks() ? button("Loss by token ( m )", () => this.mask()) : null,
        this.hits.length ? button(`Next of ${several(this.hits.length, "hit")} ( n )`, () => this.next()) : null));
  }

  message(m) {
    const name = m.role === "user" && m.kind !== "prompt" ? "Context" : NAMES[m.role] ?? m.role;
    const target = this.row.split === "eval" ? "held out" : "trained";
    const loss = m.role !== "assistant" ? "" : m.train ? target : "no loss";
    const shown = make("article", { class: `message ${m.role} ${m.train ? "target" : ""}`, id: `m-${m.number}` },
      make("h3", {}, `${name}${m.name ? ` of ${m.name}` : ""}`,
        ...[m.status !== "ok" && m.status, m.epoch ? `epoch ${m.epoch}` : "", ...m.labels]
          .filter(Boolean).map((tag) => make("span", { class: "tag" }, tag)),
        loss ? make("span", { class: `tag ${m.train ? "good" : ""}` }, loss) : null,
        make("time", {}, day(m.at))),
      m.thinking[0][0] ? fold("Thinking", make("pre", {}, ...pieces(m.thinking))) : null,
      this.text(m),
      ...m.calls.map((call) => fold(`${call.name} ${start(call.arguments)}`, make("pre", {}, ...pieces(call.arguments)))),
      make("p", { class: "from" }));
    shown.dataset.id = m.id;
    shown.dataset.row = m.row;
    this.origin(shown);
    return shown;
  }

  text(m) {
    const plain = m.text.map(([text]) => text).join("");
    if (!plain) return null;
    const text = make("pre", {}, ...pieces(m.text));
    if (m.hidden) {
      text.append(button(`Show ${several(m.hidden, "more character")}`, async (event) => {
        event.target.disabled = true;
        const whole = await ask(`/api/threads/${encodeURIComponent(this.row.thread)}/${m.number}`);
        text.replaceChildren(...pieces(whole.text));
      }, { class: "more" }));
    }
    const long = plain.length > SHORT.characters || plain.split("\n").length > SHORT.lines;
    const folded = long && (m.role === "tool" || m.role === "system");
    return folded ? fold(`${start(m.text)} (${several(plain.length + m.hidden, "character")})`, text) : text;
  }

  async more(way) {
    const start = way > 0 ? this.until : Math.max(0, this.from - PART);
    const count = way > 0 ? PART : this.from - start;
    const { messages } = await this.part(this.row.thread, start, "", this.asked.signal, count);
    const made = messages.map((m) => this.message(m));
    if (way > 0) {
      this.messages.append(...made);
      this.until += made.length;
    } else {
      const below = this.box.scrollHeight - this.box.scrollTop; // what is read stays where it is
      this.messages.prepend(...made);
      this.from = start;
      this.box.scrollTop = this.box.scrollHeight - below;
    }
    this.ends();
  }

  ends() {
    this.earlier.hidden = this.from === 0;
    this.later.hidden = this.until >= this.row.messages;
  }

  next() {
    if (this.hits?.length) this.goto((this.hit + 1) % this.hits.length);
  }

  async goto(hit) {
    this.hit = hit;
    const number = this.hits[hit];
    while (number >= this.until) await this.more(1);
    while (number < this.from) await this.more(-1);
    for (const old of this.messages.querySelectorAll(".hit")) old.classList.remove("hit");
    const found = document.getElementById(`m-${number}`);
    for (const folded of found.querySelectorAll("details")) folded.open = true;
    found.classList.add("hit");
    found.scrollIntoView({ block: "center" });
  }

  // Show what the base's template makes of the rows, with what bears loss marked.
  async mask() {
    if (!this.row || !this.acts.masks()) return;
    try {
      const { rows } = await ask(`/api/threads/${encodeURIComponent(this.row.thread)}/mask`, {}, this.asked.signal);
      const drawn = rows.map((row, number) => make("section", { class: "message" },
        make("h3", {}, `Row ${number + 1}: ${row.trouble
          || `${row.trained.toLocaleString("en")} of ${several(row.tokens, "token")} bear loss`}`),
        ...row.examples.map((spans) => make("pre", {}, ...spans.map(([text, trained]) =>
          trained ? make("mark", { class: "loss", title: "bears loss" }, text) : text)))));
      this.messages.replaceChildren(...(drawn.length ? drawn
        : [make("p", { class: "quiet" }, "This thread has no row: nothing of it is trained.")]),
        button("Back to the messages", () => this.open(this.row, ""), { class: "more" }));
      this.earlier.hidden = this.later.hidden = true;
      this.hits = [];
    } catch (error) {
      if (error.name !== "AbortError") this.acts.say(error.message);
    }
  }

  // Show the log file and line of each message.
  async where() {
    if (!this.row) return;
    try {
      ({ origins: this.origins } = await ask(`/api/threads/${encodeURIComponent(this.row.thread)}/origins`));
    } catch (error) {
      this.acts.say(error.message);
      return;
    }
    for (const message of this.messages.querySelectorAll("article")) this.origin(message);
    if (!Object.keys(this.origins).length) this.acts.say("Not in this state: give the export's --state.");
  }

  origin(message) {
    if (!this.origins) return;
    const lines = this.origins[message.dataset.id] ?? [];
    message.querySelector(".from").textContent = lines.map(([file, line]) => `${file}:${line}`).join("\n");
  }
}

function fold(summary, inside) {
  return make("details", {}, make("summary", {}, summary), inside);
}

function start(given) {
  const text = given.map(([piece]) => piece).join("").trim().split("\n")[0];
  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}
