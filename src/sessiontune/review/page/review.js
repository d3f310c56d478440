// The page as a whole: what is asked for, what the keys do, and what is said.

import { ask, change } from "./asking.js";
import { apart, button, make, several } from "./making.js";
import { List } from "./list.js";
import { Thread } from "./thread.js";

const FACETS = { project: "Project", source: "Agent", model: "Model", split: "Side", label: "Label", topic: "Topic" };
const KEYS = [
  ["j, k", "next thread, the one before"], ["a", "keep, and go on"], ["r", "drop, and go on"],
  ["e", "keep or drop with a note"], ["u", "undo the last change"], ["o", "files and lines it came from"],
  ["m", "which tokens bear loss (with --base)"],
  ["n", "next message with the words"], ["/", "search"], ["?", "these keys"], ["Esc", "leave a field or a window"],
];
const at = (id) => document.getElementById(id);
const filters = at("filters");
const list = new List(at("list"), chosen, say);
const thread = new Thread(at("thread"), { judge, note, say, find, seen, masks: () => about.masks });

function wanted() {
  return Object.fromEntries([...new FormData(filters)].filter(([, value]) => value));
}

function chosen(row) {
  if (!row) {
    thread.clear("No thread matches: take a filter or a word away.");
    return;
  }
  remember(row.thread);
  thread.open(row, filters.elements.q.value);
}

// What is asked for stands in the address: it can be kept, and opened again.
function remember(chosenThread) {
  const asked = new URLSearchParams(wanted()).toString();
  history.replaceState(null, "", `/${asked && `?${asked}`}${chosenThread && `#${chosenThread}`}`);
}

// List what is wanted; `aim`: the row to choose, as list.show has it.
async function search(aim = {}) {
  remember(location.hash.slice(1));
  try {
    if (!(await list.show(wanted(), aim))) return;
  } catch (error) {
    say(error.message);
    return;
  }
  at("found").textContent = several(list.total, "thread");
  at("all").hidden = !(Object.keys(wanted()).length && list.total && about.known);
  for (const one of at("all").children) {
    one.textContent = `${one.dataset.all === "drop" ? "Drop" : "Keep"} all ${list.total.toLocaleString("en")}`;
  }
}

// The thread that is shown; none while one is on its way, which is said.
function shown() {
  if (!thread.row) say("Wait until a thread is shown.");
  return thread.row;
}

// Decide on the thread that is shown, or on `mine`, which was when a window was opened; then the next
// one comes, unless the person went on already.
function judge(decision, mine = shown()?.thread, noted = "", waits = false) {
  if (!mine) return;
  const place = list.at;
  const next = () => (list.at === place ? { near: mine, step: 1 } : {});
  changed("/api/verdicts", { decision, threads: [mine], note: noted }, next, waits);
}

function undo() {
  changed("/api/undo", {}, (done) => ({ near: done.threads[0] }));
}

// One change after the other. What a key asks for meanwhile was meant for what is shown no more, and
// is refused; what a window asks for (`waits`) was meant for what stands in it.
let changing = null;
async function changed(path, body, aim = () => ({}), waits = false) {
  if (changing && !waits) {
    say("Wait: the last change is under way.");
    return;
  }
  while (changing) await changing;
  changing = attempt(path, body, aim);
  await changing;
  changing = null;
}

async function attempt(path, body, aim) {
  try {
    const done = await change(path, body);
    standing(done);
    say(outcome(done, body.decision));
    if (done.changed) await search({ near: list.row(list.at)?.thread, place: Math.max(list.at, 0), ...aim(done) });
  } catch (error) {
    say(error.message);
  }
}

function outcome({ changed: count, unknown }, decision) {
  if (!decision && !count) return "There is nothing to take back.";
  const did = { keep: "Kept", drop: "Dropped" }[decision] ?? "Taken back";
  const left = unknown ? ` The state does not know ${unknown.toLocaleString("en")} of them.` : "";
  return `${did}: ${several(count, "thread")}.${left}`;
}

// What a thread's answer tells: another window may have judged since the list was asked for.
function seen(reply) {
  list.fresh(reply.thread);
  standing(reply);
}

// Look for these words alone; the browser's way back leads to what was asked for before.
function find(words, near) {
  history.pushState(null, "", location.href);
  filters.reset();
  filters.elements.q.value = words;
  search({ near });
}

function note() {
  if (!shown()) return;
  const { thread: mine, title, note: noted } = thread.row;
  const acts = ["keep", "drop"].map((decision) =>
    [decision === "drop" ? "Drop" : "Keep", (text) => judge(decision, mine, text, true)]);
  asking("Keep or drop, and why", title, acts, noted ?? "");
}

function all(decision) {
  const label = `${decision === "drop" ? "Drop" : "Keep"} ${several(list.total, "thread")}`;
  const body = { decision, wanted: list.wanted, mark: list.mark };
  const doing = (text) => changed("/api/verdicts", { ...body, note: text }, undefined, true);
  asking(`${label}?`, "All that match what is asked for now. It can be taken back.", [[label, doing]], "");
}

function asking(title, text, acts, noted) {
  const box = at("asking");
  box.querySelector("h2").textContent = title;
  box.querySelector("p").textContent = text;
  at("note").value = noted;
  const doing = (act) => () => { box.close(); act(at("note").value.trim()); };
  box.querySelector(".buttons").replaceChildren(
    ...acts.map(([label, act]) => button(label, doing(act))), button("Cancel", () => box.close()));
  box.showModal();
}

function say(text) {
  at("said").textContent = text;
}

function standing({ judged, steps, renewed }) {
  at("undo").disabled = !steps;
  const dropped = judged.drop ?? 0;
  at("next").replaceChildren(`${several(judged.keep ?? 0, "thread")} kept, ${dropped.toLocaleString("en")} dropped.`,
    dropped ? " They leave the data with the next export." : "",
    renewed ? " The export was made anew since: start `sessiontune review` again to see it." : "");
}

const DOES = {
  j: () => list.choose(list.at + 1), k: () => list.choose(list.at - 1), a: () => judge("keep"), r: () => judge("drop"),
  e: note, u: undo, o: () => thread.where(), m: () => thread.mask(), n: () => thread.next(), "?": () => at("keys").showModal(),
  "/": () => filters.elements.q.focus(), first: () => list.choose(0), last: () => list.choose(list.total - 1),
};

const IN_LIST = { ArrowDown: "j", ArrowUp: "k", Home: "first", End: "last" };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select") || document.querySelector("dialog[open]");
  if (event.key === "Escape" && typing && !document.querySelector("dialog[open]")) {
    event.preventDefault(); // or the words would go too
    event.target.blur();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = (event.target === at("list") && IN_LIST[event.key]) || event.key;
  if (!Object.hasOwn(DOES, key)) return;
  event.preventDefault();
  if (!event.repeat || "jkn".includes(key)) DOES[key](); // a key that is held down decides nothing
});

let about = {}; // what the server says of the export
let waiting = 0;
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => search(), 150);
});
at("help").addEventListener("click", () => at("keys").showModal());
at("undo").addEventListener("click", undo);
for (const one of at("all").children) one.addEventListener("click", () => all(one.dataset.all));
at("keys").querySelector("dl").append(...KEYS.flatMap(([key, does]) => [make("dt", {}, key), make("dd", {}, does)]));

function choice(name, label, options) {
  const made = make("select", { name, "aria-label": label }, make("option", { value: "" }, label),
    ...options.map(([value, text]) => make("option", { value }, text)));
  filters.append(made);
}

// Ask for what the address says.
function restore() {
  filters.reset();
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = filters.elements.namedItem(name);
    if (field) field.value = value;
  }
  return search({ near: location.hash.slice(1) });
}

async function begin() {
  about = await ask("/api/export");
  document.title = `Review: ${about.name}`;
  at("name").textContent = about.name;
  for (const [facet, label] of Object.entries(FACETS)) {
    const values = Object.entries(about.facets[facet]);
    if (values.length > 1) choice(facet, label, values.map(([v, n]) => [v, `${apart(v)} (${n})`]));
  }
  choice("verdict", "Verdict", [["none", "none yet"], ["keep", "kept"], ["drop", "dropped"]]);
  standing(about);
  if (!about.known) say("This state does not know the export: look, but no verdict can be kept. Give its --state.");
  addEventListener("popstate", restore);
  await restore();
}

begin().catch((error) => thread.clear(error.message));
