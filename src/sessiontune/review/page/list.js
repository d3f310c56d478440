// The list of threads. Only the rows in sight are elements, so 100,000 threads scroll like ten.

import { ask } from "./asking.js";
import { apart, day, make, several } from "./making.js";

const HEIGHT = 76; // px of a row, as in review.css
const PART = 100; // rows that are asked for at once
const BESIDE = 6; // rows drawn above and below those in sight

export class List {
  // `chosen` is called with the row that is chosen, `say` with what goes wrong.
  constructor(box, chosen, say) {
    Object.assign(this, { box, chosen, say });
    this.room = make("div", { class: "room", role: "presentation" });
    box.append(this.room);
    this.wanted = {};
    this.total = 0;
    this.mark = ""; // of what is listed: a change of all that match names it
    this.at = -1;
    this.parts = new Map(); // number -> rows, or true while they are asked for
    box.addEventListener("scroll", () => this.draw());
    box.addEventListener("click", (event) => this.clicked(event));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  // Ask anew, and choose the row that is `step` below the thread `near`; where that is none of those
  // wanted, the one at `place`. False where another question came meanwhile.
  async show(wanted, { near = "", step = 0, place = 0 } = {}) {
    const asked = (this.asked = {});
    const start = Math.floor(place / PART) * PART;
    const found = await ask("/api/threads", { ...wanted, near, start, count: PART });
    if (this.asked !== asked) return false;
    this.parts = new Map([[found.start / PART, found.rows]]);
    Object.assign(this, { wanted, mark: found.mark, total: found.total });
    this.room.style.height = `${this.total * HEIGHT}px`;
    this.at = -1;
    if (this.total) {
      this.choose(found.place === null ? place : found.place + step);
    } else {
      this.draw();
      this.chosen(null);
    }
    return true;
  }

  // Get the rows of one part. What could not be got is asked for again when it is next in sight.
  async part(number) {
    if (this.parts.has(number)) return;
    const parts = this.parts.set(number, true);
    try {
      const { rows } = await ask("/api/threads", { ...this.wanted, start: number * PART, count: PART });
      parts.set(number, rows);
      if (this.parts === parts) this.arrived(number);
    } catch (error) {
      parts.delete(number);
      this.say(error.message);
    }
  }

  arrived(number) {
    this.draw();
    if (Math.floor(this.at / PART) === number && this.row(this.at)) this.chosen(this.row(this.at));
  }

  // Take in what the chosen row is by now.
  fresh(row) {
    const place = this.at % PART;
    const part = this.parts.get(Math.floor(this.at / PART));
    if (!Array.isArray(part) || part[place]?.thread !== row.thread) return;
    part[place] = row;
    this.draw();
  }

  row(at) {
    const part = this.parts.get(Math.floor(at / PART));
    return Array.isArray(part) ? part[at % PART] : undefined;
  }

  choose(at) {
    if (!this.total) return;
    this.at = Math.min(Math.max(at, 0), this.total - 1);
    const top = this.at * HEIGHT;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + HEIGHT > scrollTop + clientHeight) this.box.scrollTop = top + HEIGHT - clientHeight;
    this.draw();
    const row = this.row(this.at);
    if (row) this.chosen(row);
    else this.part(Math.floor(this.at / PART)); // and then it is
  }

  // A row may be drawn anew while a button is down: then the click is the whole box's.
  clicked({ target, clientY }) {
    const row = target.closest(".row");
    this.choose(row ? Number(row.id.slice(4)) : Math.floor((clientY - this.room.getBoundingClientRect().top) / HEIGHT));
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / HEIGHT) - BESIDE);
    const count = Math.ceil(this.box.clientHeight / HEIGHT) + 2 * BESIDE;
    const last = Math.min(this.total, first + count);
    const drawn = [];
    for (let at = first; at < last; at++) {
      if (!this.row(at)) this.part(Math.floor(at / PART));
      drawn.push(this.line(at));
    }
    this.put(drawn);
    if (this.at >= first && this.at < last) this.box.setAttribute("aria-activedescendant", `row-${this.at}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  // A row that is the same stays the same element: one that goes while a button is down takes the
  // click with it.
  put(drawn) {
    for (const old of [...this.room.children]) if (!drawn.includes(old)) old.remove();
    drawn.forEach((line, n) => {
      if (this.room.children[n] !== line) this.room.insertBefore(line, this.room.children[n] ?? null);
    });
  }

  // The element of a row: the one that stands there, if it shows the same.
  line(at) {
    const row = this.row(at);
    const shown = { row, total: this.total, chosen: at === this.at };
    const old = document.getElementById(`row-${at}`);
    if (old && Object.entries(shown).every(([name, value]) => old.shown[name] === value)) return old;
    const values = {
      id: `row-${at}`, role: "option", class: `row ${row?.decision ?? ""}`,
      "aria-selected": String(at === this.at), "aria-posinset": at + 1, "aria-setsize": this.total,
    };
    const line = make("div", values, ...(row ? inside(row) : ["…"]));
    line.style.transform = `translateY(${at * HEIGHT}px)`;
    line.shown = shown;
    return line;
  }
}

function inside(row) {
  const tags = [row.decision && said(row.decision), row.split, row.agent, ...row.labels].filter(Boolean);
  return [
    make("span", { class: "title" }, row.title || "(no prompt)"),
    make("span", { class: "facts" },
      [day(row.at), row.project && apart(row.project), several(row.messages, "message")].filter(Boolean).join(" · ")),
    make("span", { class: "tags" }, ...tags.map((tag) => make("span", { class: "tag" }, tag))),
  ];
}

export function said(decision) {
  return decision === "drop" ? "dropped" : "kept";
}
