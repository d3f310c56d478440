// The page as a whole: what is asked for, what the keys do, and what is said.

import { ask, change } from "./asking.js";
import { button, make, several } from "./making.js";
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
const list = new List(at("list"), chosen);
const thread = new Thread(at("thread"), { judge, note, say, find, masks: () => about.masks });

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

async function search(place = 0) {
  remember(location.hash.slice(1));
  try {
    await list.show(wanted(), place);
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

// Decide on the thread in sight; then the next one comes.
async function judge(decision, noted = "") {
  if (!thread.row) return;
  await changed("/api/verdicts", { decision, threads: [thread.row.thread], note: noted }, stays() ? 0 : 1);
}

async function undo() {
  const done = await changed("/api/undo", {}, 0);
  if (done && !done.changed) say("There is nothing to take back.");
}

// Whether the list itself changes with a decision, so that the next row comes by itself.
function stays() {
  return Boolean(filters.elements.verdict.value);
}

async function changed(path, body, step) {
  try {
    const done = await change(path, body);
    standing(done);
    say(path.endsWith("undo") ? `Taken back: ${several(done.changed, "thread")}.`
      : `${body.decision === "drop" ? "Dropped" : "Kept"}: ${several(done.changed, "thread")}.`);
    const place = done.threads?.[0] && !stays() ? await where(done.threads[0]) : list.at + step;
    await search(Math.min(place, Math.max(list.total - 1, 0)));
    return done;
  } catch (error) {
    say(error.message);
    return null;
  }
}

// Where a thread stands in the list, if it is in sight of what was asked for already.
async function where(wantedThread) {
  for (let place = 0; place < list.total; place++) {
    if (list.row(place)?.thread === wantedThread) return place;
  }
  return list.at;
}

// Look for these words alone.
function find(words) {
  filters.reset();
  filters.elements.q.value = words;
  search(thread.row.thread);
}

function note() {
  if (!thread.row) return;
  const acts = ["keep", "drop"].map((decision) => [decision === "drop" ? "Drop" : "Keep", (text) => judge(decision, text)]);
  asking("Keep or drop, and why", thread.row.title, acts, thread.row.note ?? "");
}

function all(decision) {
  const label = `${decision === "drop" ? "Drop" : "Keep"} ${several(list.total, "thread")}`;
  const body = { decision, wanted: wanted(), count: list.total };
  const doing = (text) => changed("/api/verdicts", { ...body, note: text }, 0);
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

function standing({ judged, steps }) {
  at("undo").disabled = !steps;
  const dropped = judged.drop ?? 0;
  at("next").replaceChildren(`${several(judged.keep ?? 0, "thread")} kept, ${dropped.toLocaleString("en")} dropped.`,
    dropped ? " They leave the data with the next export." : "");
}

const DOES = {
  j: () => list.choose(list.at + 1), k: () => list.choose(list.at - 1), a: () => judge("keep"), r: () => judge("drop"),
  e: note, u: undo, o: () => thread.where(), m: () => thread.mask(), n: () => thread.next(), "?": () => at("keys").showModal(),
  "/": () => filters.elements.q.focus(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (event.key === "Escape" && typing && !event.target.closest("dialog")) {
    event.preventDefault(); // or the words would go too
    event.target.blur();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = { ArrowDown: "j", ArrowUp: "k" }[event.target === at("list") ? event.key : ""] ?? event.key;
  if (!Object.hasOwn(DOES, key)) return;
  event.preventDefault();
  DOES[key]();
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

async function begin() {
  about = await ask("/api/export");
  document.title = `Review: ${about.name}`;
  at("name").textContent = about.name;
  for (const [facet, label] of Object.entries(FACETS)) {
    const values = Object.entries(about.facets[facet]);
    if (values.length > 1) choice(facet, label, values.map(([v, n]) => [v, `${v} (${n})`]));
  }
  choice("verdict", "Verdict", [["none", "none yet"], ["keep", "kept"], ["drop", "dropped"]]);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (filters.elements[name]) filters.elements[name].value = value;
  }
  standing(about);
  if (!about.known) say("This state does not know the export: look, but no verdict can be kept. Give its --state.");
  await search(location.hash.slice(1) || 0);
}

begin().catch((error) => thread.clear(error.message));
