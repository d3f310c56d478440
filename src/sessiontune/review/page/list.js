// The list of threads. Only the rows in sight are elements, so 100,000 threads scroll like ten.

import { ask } from "./asking.js";
import { day, make, several } from "./making.js";

const HEIGHT = 76; // px of a row, as in review.css
const PART = 100; // rows that are asked for at once
const BESIDE = 6; // rows drawn above and below those in sight

export class List {
  constructor(box, chosen) {
    this.box = box;
    this.chosen = chosen; // called with the row that is chosen
    this.room = make("div", { class: "room", role: "presentation" });
    box.append(this.room);
    this.wanted = {};
    this.total = 0;
    this.at = -1;
    this.parts = new Map();
    box.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(box);
  }

  // Ask anew. `at` is the row to choose, or the thread.
  async show(wanted, at) {
    this.wanted = wanted;
    const asked = new Map();
    this.parts = asked;
    const first = typeof at === "number" ? Math.max(at, 0) : 0;
    await this.part(Math.floor(first / PART));
    if (this.parts !== asked) return; // another question came meanwhile
    this.room.style.height = `${this.total * HEIGHT}px`;
    this.at = -1;
    if (this.total) {
      const known = (asked.get(0) ?? []).findIndex((row) => row.thread === at);
      this.choose(typeof at === "number" ? at : Math.max(known, 0));
    } else {
      this.draw();
      this.chosen(null);
    }
  }

  // The rows of one part; they are asked for once.
  part(number) {
    if (!this.parts.has(number)) {
      const parts = this.parts;
      const asked = { ...this.wanted, start: number * PART, count: PART };
      parts.set(number, ask("/api/threads", asked).then(({ total, rows }) => {
        if (this.parts !== parts) return rows;
        this.total = total;
        parts.set(number, rows);
        this.draw();
        return rows;
      }));
    }
    return this.parts.get(number);
  }

  row(at) {
    const part = this.parts.get(Math.floor(at / PART));
    return Array.isArray(part) ? part[at % PART] : undefined;
  }

  async choose(at) {
    if (!this.total) return;
    this.at = Math.min(Math.max(at, 0), this.total - 1);
    const top = this.at * HEIGHT;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + HEIGHT > scrollTop + clientHeight) this.box.scrollTop = top + HEIGHT - clientHeight;
    const now = this.at;
    await this.part(Math.floor(now / PART));
    this.draw();
    if (now === this.at && this.row(now)) this.chosen(this.row(now));
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
    this.room.replaceChildren(...drawn);
    if (this.at >= first && this.at < last) this.box.setAttribute("aria-activedescendant", `row-${this.at}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  line(at) {
    const row = this.row(at);
    const values = {
      id: `row-${at}`, role: "option", class: `row ${row?.decision ?? ""}`,
      "aria-selected": String(at === this.at), "aria-posinset": at + 1, "aria-setsize": this.total,
      onclick: () => this.choose(at),
    };
    const line = make("div", values, ...(row ? inside(row) : ["…"]));
    line.style.transform = `translateY(${at * HEIGHT}px)`;
    return line;
  }
}

function inside(row) {
  const tags = [row.decision && said(row.decision), row.split, row.agent, ...row.labels].filter(Boolean);
  return [
    make("span", { class: "title" }, row.title || "(no prompt)"),
    make("span", { class: "facts" },
      [day(row.at), row.project, several(row.messages, "message")].filter(Boolean).join(" · ")),
    make("span", { class: "tags" }, ...tags.map((tag) => make("span", { class: "tag" }, tag))),
  ];
}

export function said(decision) {
  return decision === "drop" ? "dropped" : "kept";
}
