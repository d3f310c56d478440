// Where the words that are looked for stand, counted as the index of the server counts them: runs of
// letters and digits, in any case and without accents; of scripts without spaces each letter.

const UNSPACED = "\\u0e00-\\u0e7f\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}"; // as in wanted.py
const LETTER = "\\p{L}\\p{N}\\p{Co}";
const WORD = new RegExp(`(?=[${LETTER}])(?:[${UNSPACED}]|(?:(?![${UNSPACED}])[${LETTER}\\u0300-\\u036f])+)`, "gu");

function words(text) {
  return [...text.matchAll(WORD)].map(({ 0: word, index }) => ({
    word: word.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase(), from: index, to: index + word.length,
  }));
}

// Where a phrase [text, goesOn] stands among the words of a text: [[from, to], ...].
function places(there, [phrase, goesOn]) {
  const asked = words(phrase).map(({ word }) => word);
  const same = (word, n, found = "") =>
    goesOn && n === asked.length - 1 ? found.startsWith(word) : found === word;
  return there.flatMap(({ from }, at) => asked.length && asked.every((word, n) => same(word, n, there[at + n]?.word))
    ? [[from, there[at + asked.length - 1].to]] : []);
}

// The text of an element, without its buttons, and what makes a range of two places in it.
function textOf(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT,
    (node) => node.parentElement.closest("button") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const nodes = [];
  let text = "";
  while (walker.nextNode()) {
    nodes.push([walker.currentNode, text.length]);
    text += walker.currentNode.data;
  }
  const range = ([from, to]) => {
    const made = new Range();
    const [first, before] = nodes.findLast(([, at]) => at <= from);
    const [last, until] = nodes.findLast(([, at]) => at < to);
    made.setStart(first, from - before);
    made.setEnd(last, to - until);
    return made;
  };
  return { text, range };
}

// What is marked on the page. The marks are no elements: texts stay whole (CSS.highlights).
export class Words {
  constructor() {
    this.marks = globalThis.Highlight && new Highlight();
    if (this.marks) CSS.highlights.set("words", this.marks);
  }

  clear() {
    this.marks?.clear();
  }

  // Mark phrases in a message; a range of the one that stands there least, if all do.
  mark(message, phrases) {
    for (const range of [...this.marks ?? []]) { // those that it had, and those whose text was replaced
      if (range.collapsed || message.contains(range.startContainer)) this.marks.delete(range);
    }
    const found = phrases.map(() => []);
    for (const element of message.querySelectorAll("pre, summary b")) {
      const { text, range } = textOf(element);
      const there = words(text);
      phrases.forEach((phrase, n) => found[n].push(...places(there, phrase).map(range)));
    }
    for (const range of found.flat()) this.marks?.add(range);
    return found.sort((one, other) => one.length - other.length)[0]?.[0];
  }
}
