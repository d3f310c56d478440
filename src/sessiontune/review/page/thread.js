// One thread: what was said and done, what of it is trained, and where it came from.

import { ask } from "./asking.js";
import { button, day, make, pieces, several } from "./making.js";
import { said } from "./list.js";
import { Words } from "./words.js";

const PART = 50; // messages that are asked for at once
const SHORT = { characters: 700, lines: 12 }; // longer results are folded
const NAMES = { user: "Person", assistant: "Model", tool: "Tool result", system: "System" };

export class Thread {
  constructor(box, acts) {
    this.box = box;
    this.acts = acts; // what the buttons do: {judge, note, say, find}, seen(reply), and masks(): whether a base was named
    this.row = null; // of the thread that is shown: none while one is on its way
    this.asked = new AbortController(); // for what is asked about one thread
    this.words = new Words();
  }

  clear(text) {
    this.leave();
    this.box.replaceChildren(make("p", { class: "quiet" }, text));
  }

  // Forget the thread that is shown, and what was asked about it.
  leave() {
    this.asked.abort();
    this.asked = new AbortController();
    this.row = this.origins = null;
    this.asking = false;
    this.hits = [];
    this.words.clear();
  }

  open(row, q) {
    this.leave();
    return this.trying(async () => {
      const found = await this.ask(row.thread, "", { start: 0, count: PART, q });
      this.acts.seen(found);
      this.draw(found, q);
      if (this.hits.length) await this.goto(0);
    });
  }

  // What is on its way for a thread that was left is no fault.
  async trying(act) {
    try {
      await act();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (this.row) this.acts.say(error.message);
      else this.clear(error.message);
    }
  }

  ask(thread, what, values = {}) {
    return ask(`/api/threads/${encodeURIComponent(thread)}${what}`, values, this.asked.signal);
  }

  draw({ thread, known, hits, phrases, messages }, q) {
    Object.assign(this, { row: thread, q, hits, phrases });
    const held = this.box.contains(document.activeElement); // by a button that goes now
    this.messages = make("div", { class: "messages" });
    this.earlier = button("Earlier messages", () => this.more(-1), { class: "more" });
    this.later = button("Later messages", () => this.more(1), { class: "more" });
    this.box.replaceChildren(this.head(thread, known), this.earlier, this.messages, this.later);
    this.fill(0, messages);
    this.box.scrollTop = 0;
    if (held) this.box.focus();
  }

  // Show these messages, the first of which is number `from`, and no others.
  fill(from, messages) {
    this.from = from;
    this.until = from + messages.length;
    this.words.clear();
    this.messages.replaceChildren(...messages.map((m) => this.message(m)));
    for (const message of this.messages.children) this.mark(message);
    this.ends();
  }

  head(thread, known) {
    const facts = [
      ["When", thread.last && thread.last !== thread.at ? `${day(thread.at)} to ${day(thread.last)}` : day(thread.at)],
      ["Project", thread.project], ["Agent", [thread.source, thread.agent].filter(Boolean).join(", ")],
      ["Model", thread.model], ["Side", thread.split], ["Ended", thread.ended],
      ["Holds", [several(thread.messages, "message"), several(thread.calls, "call"),
        thread.epochs > 1 ? several(thread.epochs, "epoch") : ""].filter(Boolean).join(", ")],
      ["Labels", thread.labels.join(", ")], ["Topics", thread.topics.join(", ")], ["Thread", thread.thread],
      ["Lineage", button(thread.lineage, () => this.acts.find(thread.lineage, thread.thread), { title: "its branches, copies and sub-agents" })],
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
    const name = { task: "Task", context: "Context" }[m.kind] ?? NAMES[m.role] ?? m.role;
    const target = this.row.split === "eval" ? "held out" : "trained";
    const loss = m.role !== "assistant" ? "" : m.train ? target : "no loss";
    const shown = make("article", { class: `message ${m.role} ${m.train ? "target" : ""}`, id: `m-${m.number}` },
      make("h3", {}, `${name}${m.name ? ` of ${m.name}` : ""}`,
        ...[m.status !== "ok" && m.status, m.epoch ? `epoch ${m.epoch}` : "", ...m.labels]
          .filter(Boolean).map((tag) => make("span", { class: "tag" }, tag)),
        loss ? make("span", { class: `tag ${m.train ? "good" : ""}` }, loss) : null,
        make("time", {}, day(m.at))),
      make("p", { class: "from" }),
      plain(m.thinking) ? fold(["Thinking"], this.whole(m.thinking, m, (all) => all.thinking)) : null,
      this.text(m),
      ...m.calls.map((call, at) =>
        fold([make("b", {}, call.name), ` ${joined(call.arguments)}`], this.whole(call.arguments, m, (all) => all.calls[at].arguments))));
    shown.dataset.id = m.id;
    shown.dataset.row = m.row;
    this.origin(shown);
    return shown;
  }

  text(m) {
    const text = plain(m.text);
    if (!text) return null;
    const shown = this.whole(m.text, m, (all) => all.text);
    const long = text.length > SHORT.characters || text.split("\n").length > SHORT.lines;
    const folded = long && (m.role === "tool" || m.role === "system");
    return folded ? fold([`${start(m.text)} (${several(text.length + m.text.hidden, "character")})`], shown) : shown;
  }

  // A text of message m, with a button for the rest of a long one: `of` takes it from all of m.
  whole(given, m, of) {
    const { thread } = this.row;
    const shown = make("pre", {}, ...pieces(given.pieces));
    if (!given.hidden) return shown;
    shown.append(button(`Show ${several(given.hidden, "more character")}`, () => this.trying(async () => {
      const all = await this.ask(thread, `/${m.number}`);
      shown.replaceChildren(...pieces(of(all).pieces));
      this.mark(shown.closest("article"));
    }), { class: "more" }));
    return shown;
  }

  more(way) {
    if (this.asking || !this.row) return; // these very messages are on their way, or another thread
    this.asking = true;
    this.trying(() => this.added(way).finally(() => { this.asking = false; }));
  }

  async added(way) {
    const start = way > 0 ? this.until : Math.max(0, this.from - PART);
    const count = way > 0 ? PART : this.from - start;
    const { messages } = await this.ask(this.row.thread, "", { start, count });
    const made = messages.map((m) => this.message(m));
    for (const message of made) this.mark(message);
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

  // Mark the words in a message that holds them all; a range to lead to, if they are shown.
  mark(message) {
    return this.hits.includes(Number(message.id.slice(2))) ? this.words.mark(message, this.phrases) : undefined;
  }

  next() {
    if (this.hits.length) this.trying(() => this.goto((this.hit + 1) % this.hits.length));
  }

  async goto(hit) {
    this.hit = hit;
    const number = this.hits[hit];
    if (number < this.from || number >= this.until) {
      const from = Math.max(0, number - 2);
      this.fill(from, (await this.ask(this.row.thread, "", { start: from, count: PART })).messages);
    }
    for (const old of this.messages.querySelectorAll(".hit")) old.classList.remove("hit");
    let found = document.getElementById(`m-${number}`);
    let first = this.mark(found);
    if (!first && found.querySelector("pre .more")) { // the rest of a long text holds it
      const whole = this.message(await this.ask(this.row.thread, `/${number}`));
      found.replaceWith(whole);
      found = whole;
      first = this.mark(found);
    }
    for (const folded of found.querySelectorAll("details")) folded.open = true;
    found.classList.add("hit");
    this.scroll(found, first);
  }

  // Bring a message into sight; of one that is higher than the window, the words.
  scroll(message, words) {
    message.scrollIntoView({ block: "center" });
    if (message.offsetHeight <= this.box.clientHeight) return;
    const { top } = (words ?? message).getBoundingClientRect();
    this.box.scrollTop += top - this.box.getBoundingClientRect().top - (words ? this.box.clientHeight / 3 : 0);
  }

  // Show what the base's template makes of the rows, with what bears loss marked.
  mask() {
    if (!this.row || !this.acts.masks()) return;
    this.trying(async () => {
      const { rows } = await this.ask(this.row.thread, "/mask");
      const drawn = rows.map((row, number) => make("section", { class: "message" },
        make("h3", {}, `Row ${number + 1}: ${row.trouble
          || `${row.trained.toLocaleString("en")} of ${several(row.tokens, "token")} bear loss`}`),
        ...row.examples.map((spans) => make("pre", {}, ...spans.map(([text, trained]) =>
          trained ? make("mark", { class: "loss", title: "bears loss" }, text) : text)))));
      this.messages.replaceChildren(...(drawn.length ? drawn
        : [make("p", { class: "quiet" }, "This thread has no row: nothing of it is trained.")]),
        button("Back to the messages", () => this.open(this.row, this.q), { class: "more" }));
      this.earlier.hidden = this.later.hidden = true;
      this.hits = [];
    });
  }

  // Show the log file and line of each message.
  where() {
    if (!this.row) return;
    this.trying(async () => {
      ({ origins: this.origins } = await this.ask(this.row.thread, "/origins"));
      for (const message of this.messages.querySelectorAll("article")) this.origin(message);
      if (!Object.keys(this.origins).length) this.acts.say("Not in this state: give the export's --state.");
    });
  }

  origin(message) {
    if (!this.origins) return;
    const lines = this.origins[message.dataset.id] ?? [];
    message.querySelector(".from").textContent = lines.map(([file, line]) => `${file}:${line}`).join("\n");
  }
}

function fold(summary, inside) {
  return make("details", {}, make("summary", {}, ...summary), inside);
}

function plain({ pieces: given }) {
  return given.map(([text]) => text).join("");
}

// The first line of a text that is folded.
function start(given) {
  return cut(plain(given).trim().split("\n")[0]);
}

// All arguments of a call on one line: the first one may be but `replace_all: false`.
function joined(given) {
  return cut(plain(given).trim().replace(/:\n/g, ": ").replace(/\s*\n\s*/g, " · "));
}

function cut(text) {
  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}
