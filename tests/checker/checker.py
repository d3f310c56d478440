"""Proves an export against its logs: nothing invented, nothing lost, nothing twice, all in order.

The checker reads the logs itself (`claude`, `codex`) and gets the output as plain `Turn`s, either
from rows of the raw format or from records with the attributes of a session. It imports nothing of
the project.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from . import claude, codex
from .atoms import Atom, Log, canon, canon_result, canon_user, lines
from .turns import Turn, turns_of_rows, turns_of_session

__all__ = [
    "Check",
    "Turn",
    "check",
    "read_logs",
    "record_counts",
    "turns_of_rows",
    "turns_of_session",
]

READERS = {"claude": claude.read, "codex": codex.read}

#: role of a turn -> kinds of text atoms that it may hold
_KINDS = {"user": ("prompt", "context"), "assistant": ("answer",), "system": ("context",)}


def read_logs(source: str, files: Iterable[str]) -> list[Log]:
    """Read logs and join copies of a record into one atom with several places."""
    logs = [READERS[source](f) for f in sorted(files)]
    known: dict[tuple[Any, ...], Atom] = {}
    for log in logs:
        kept = []
        for atom in log.atoms:
            nth = next(iter(atom.at.values()))[2]
            said = repr(atom.arguments)
            key = (atom.record, nth, atom.kind, atom.forms, atom.call_id, atom.name, said)
            before = known.setdefault(key, atom)
            if before is atom:
                kept.append(atom)
                continue
            for file, place in atom.at.items():
                before.at.setdefault(file, place)
            before.sessions |= atom.sessions
            before.required = before.required or atom.required
        log.atoms = kept
    _ids_that_mean_two_things(logs)
    return logs


def _ids_that_mean_two_things(logs: list[Log]) -> None:
    """If copies of an id differ in a part, either may be left out. Other words are no copy."""
    words: dict[str, set[str]] = defaultdict(set)
    for log in logs:
        for record, said in log.words:
            words[record].add(said)
    calls: dict[str, list[Atom]] = defaultdict(list)
    copied = {atom.record for log in logs for atom in log.atoms if len(atom.at) > 1}
    for log in logs:
        for atom in log.atoms:
            if atom.record in copied and len(words.get(atom.record, ())) > 1:
                atom.required = False
            if atom.kind == "call":
                calls[atom.call_id].append(atom)
    for same in calls.values():
        for atom in same[1:]:
            if (atom.name, atom.arguments) == (same[0].name, same[0].arguments):
                atom.required = False  # some clients repeat a call in the next message
            else:
                same[0].required = atom.required = False


class Check:
    """Holds the atoms of some logs; `run` returns what is wrong."""

    def __init__(self, logs: list[Log], summaries: bool = True) -> None:
        self.summaries = summaries  # Codex may keep its summaries encrypted
        self.problems: list[str] = []
        # Nothing of a junk agent may be in the output.
        self.atoms = [a for log in logs if not log.junk for a in log.atoms]
        self.parents: dict[str, str] = {}
        self.clears = [(log.file, line) for log in logs for line in log.clears]
        for log in logs:
            self.parents.update(log.parents)
        self.texts: dict[str, list[tuple[str, Atom]]] = defaultdict(list)
        self.loose: list[Atom] = []
        self.calls: dict[str, list[Atom]] = defaultdict(list)
        self.results: dict[str, list[Atom]] = defaultdict(list)
        for atom in self.atoms:
            if atom.kind == "call":
                self.calls[atom.call_id].append(atom)
            elif atom.kind == "result":
                self.results[atom.call_id].append(atom)
            elif atom.kind != "image":
                for form in set(atom.forms):
                    self.texts[form[:12]].append((form, atom))
                if atom.loose:
                    self.loose.append(atom)

    def run(self, turns: list[Turn]) -> list[str]:
        """Match every turn, then check the order and what is left."""
        threads: dict[tuple[str, int], list[Turn]] = defaultdict(list)
        for turn in turns:
            before = threads[(turn.thread, turn.epoch)]
            self._match(turn, before)
            before.append(turn)
        for mine in threads.values():
            self._order(mine)
        self._epochs(threads)
        self._parents_first(threads)
        self._complete()
        return self.problems

    # -------------------------------------------------------------- nothing invented, nothing twice

    def _match(self, turn: Turn, before: list[Turn]) -> None:
        for call_id, name, arguments in turn.calls:
            self._match_call(turn, call_id, name, arguments)
        for call_id, content, status in turn.results:
            self._match_result(turn, call_id, content, status)
        last = _last_start(before)
        for text in turn.texts:
            form = canon_user(text) if turn.role == "user" else canon(text)
            self._match_text(turn, form, canon(text), _KINDS.get(turn.role, ()), last)
        for text in turn.thinking:
            self._match_text(turn, canon(text), canon(text), ("thinking",), last)

    def _match_call(self, turn: Turn, call_id: str, name: str, arguments: Any) -> None:
        known = self.calls.get(call_id) or self.calls.get("", [])  # some calls carry no id
        found = [a for a in self._near(turn, known) if not a.taken]
        same = [
            a for a in found if a.name in ("*", name) and _same_arguments(a.arguments, arguments)
        ]
        if not same:
            why = "stands twice" if not found and call_id in self.calls else "is not in the log"
            self.problems.append(f"{turn.name()}: call {name} {call_id} {why}")
            return
        same[0].taken = True
        turn.atoms.append(same[0])

    def _match_result(self, turn: Turn, call_id: str, content: str, status: str) -> None:
        found = self._near(turn, self.results.get(call_id, []))
        if not found:
            if status != "missing" and content:
                self.problems.append(f"{turn.name()}: result of {call_id} is not in the log")
            return
        if status == "missing" and not content:
            return  # another thread of a fork may hold it; if none does, it is lost
        same = [a for a in found if not a.taken and _same_result(a, content)]
        if not same:
            why = "differs from the log" if not all(a.taken for a in found) else "stands twice"
            self.problems.append(f"{turn.name()}: result of {call_id} {why}, {found[0].where()}")
            return
        # A second result for one call is left out; the first answers for both.
        at = min(same, key=lambda a: min(a.at.values()))
        turn.atoms.append(at)
        for atom in found:
            atom.taken = atom.taken or atom.agent == at.agent  # a fork holds one of its own

    def _near(self, turn: Turn, atoms: list[Atom]) -> list[Atom]:
        """The atoms at the turn's own origins, if known; else those of its session."""
        if turn.origins:
            at = turn.origins
            return [a for a in atoms if any((f, p[0], p[1]) in at for f, p in a.at.items())]
        mine = [a for a in atoms if turn.session_id in a.sessions and not a.taken]
        return mine or atoms

    def _match_text(
        self, turn: Turn, form: str, exact: str, kinds: tuple[str, ...], last: dict[str, Any]
    ) -> None:
        if not form:
            return
        chosen = self._cover(turn, form, kinds, last) or self._cover(turn, exact, kinds, last)
        if chosen is None:
            chosen = self._part_of_loose(turn, exact, kinds, last)
        if chosen is None:
            self.problems.append(
                f"{turn.name()}: text is not in the log, or stands twice: {form[:60]!r}"
            )
            return
        for atom in chosen:
            atom.taken = True
            turn.atoms.append(atom)

    def _cover(
        self, turn: Turn, form: str, kinds: tuple[str, ...], last: dict[str, Any], depth: int = 0
    ) -> list[Atom] | None:
        """Free atoms, in order, whose texts one after the other are the text."""
        if not form:
            return []
        if depth > 200:
            return None
        found: list[tuple[str, Atom]] = []
        for n in range(1, 13):
            found += [(f, a) for f, a in self.texts.get(form[:n], ()) if len(f) == n or n == 12]
        fits = [(f, a) for f, a in found if not a.taken and a.kind in kinds and form.startswith(f)]
        if turn.origins:
            near = {id(a) for a in self._near(turn, [a for _, a in fits])}
            fits = [(f, a) for f, a in fits if id(a) in near]
        fits.sort(key=lambda fa: self._rank(turn, fa[1], len(fa[0]), last))
        for text, atom in fits:
            atom.taken = True
            rest = self._cover(turn, form[len(text) :], kinds, atom.at, depth + 1)
            atom.taken = False
            if rest is not None:
                return [atom, *rest]
        return None

    def _rank(self, turn: Turn, atom: Atom, length: int, last: dict[str, Any]) -> tuple[Any, ...]:
        shared = [f for f in atom.at if f in last]
        after = bool(shared) and all(atom.at[f] > last[f] for f in shared)
        mine = turn.session_id in atom.sessions and (atom.agent is None) == (turn.agent_id is None)
        return (not mine, not after, not atom.required, -length, min(atom.at.values()))

    def _part_of_loose(
        self, turn: Turn, form: str, kinds: tuple[str, ...], last: dict[str, Any]
    ) -> list[Atom] | None:
        """Match texts of which a part may be left out: context files, notifications."""
        near = self._near(turn, self.loose) if turn.origins else self.loose
        free = [a for a in near if a.kind in kinds and (not a.taken or a in turn.atoms)]
        for atom in sorted(free, key=lambda a: self._rank(turn, a, 0, last)):
            if any(f and (_in_pieces(form, f) or f in form) for f in atom.forms):
                return [atom]
        return None

    # -------------------------------------------------------------- order

    def _order(self, mine: list[Turn]) -> None:
        before: Turn | None = None
        open_calls: set[str] = set()
        for turn in mine:
            if turn.role == "tool":
                if turn.branch and before is None:
                    continue  # a fork between a call and its result
                if not {c for c, _, _ in turn.results if self._sure(c)} <= open_calls:
                    self.problems.append(f"{turn.name()}: a result does not follow its call")
                elif before and not _own(before, turn) and not _after(before.start(), turn.start()):
                    self.problems.append(f"{turn.name()}: a result stands after a later answer")
                continue
            # Neighbouring assistant turns may be pieces of one answer.
            kept = open_calls if before is not None and before.role == turn.role else set()
            open_calls = kept | {c for c, _, _ in turn.calls}
            ahead = [atom.until for atom in turn.atoms if atom.until]
            if ahead and before is not None:
                if all(at[0] >= min(ahead) for at in before.start().values()):
                    self.problems.append(f"{turn.name()}: stands after the queue let it go")
                continue
            if before is not None and not _after(before.start(), turn.start()):
                places = sorted(turn.start().items())[:1]
                self.problems.append(f"{turn.name()}: out of file order at {places}")
            if turn.atoms:
                before = turn

    def _sure(self, call_id: str) -> bool:
        return all(a.required or a.name == "*" for a in self.calls.get(call_id, ()))

    def _epochs(self, threads: dict[tuple[str, int], list[Turn]]) -> None:
        for (thread, epoch), mine in threads.items():
            if not epoch:
                continue
            cleared = any(
                f == file
                and line <= at[0]
                and all(t.start().get(f, (0,))[0] < line for t in before)
                for f, at in mine[0].start().items()
                for file, line in self.clears
                for before in [threads.get((thread, epoch - 1), [])]
            )
            if mine[0].role != "system" and self.summaries and not mine[0].branch and not cleared:
                self.problems.append(f"{mine[0].name()}: does not begin with its summary")
            earlier = [
                t for (th, e), ts in threads.items() if th == thread and e < epoch for t in ts
            ]
            first = next((t.start() for t in mine if t.atoms), {})
            late = [t for t in earlier if t.role != "tool" and not _after(t.start(), first)]
            if late:
                self.problems.append(f"{mine[0].name()}: an earlier epoch goes on after it")

    def _parents_first(self, threads: dict[tuple[str, int], list[Turn]]) -> None:
        place: dict[str, tuple[str, int, int]] = {}
        for (thread, epoch), mine in threads.items():
            for i, turn in enumerate(mine):
                for atom in turn.atoms:
                    place.setdefault(atom.record, (thread, epoch, i))
        for (thread, epoch), mine in threads.items():
            for i, turn in enumerate(mine):
                if turn.role == "tool" or not turn.atoms:
                    continue
                first = min(turn.atoms, key=lambda a: min(a.at.values()))
                at = self._ancestor(first.record, place)
                if at and at[0] == thread and at[1:] > (epoch, i):
                    self.problems.append(
                        f"{turn.name()}: stands before its parent, {first.where()}"
                    )

    def _ancestor(self, record: str, place: dict[str, Any]) -> tuple[str, int, int] | None:
        seen = {record}
        up = self.parents.get(record)
        while up is not None and up not in seen:
            if up in place:
                found: tuple[str, int, int] = place[up]
                return found
            seen.add(up)
            up = self.parents.get(up)
        return None

    # -------------------------------------------------------------- nothing lost

    def _complete(self) -> None:
        for atom in self.atoms:
            if not atom.required or atom.taken:
                continue
            if atom.kind == "result":
                calls = self.calls.get(atom.call_id, ())
                if not any(a.taken for a in calls) or self._answered(atom):
                    continue  # a result without its call, or a second one
            if atom.kind == "prompt" and atom.call_id and atom.call_id not in self.calls:
                continue  # words in a rejection of a call that the log does not hold
            what = atom.name or (atom.forms[0][:60] if atom.forms else "")
            self.problems.append(f"lost: {atom.kind} {atom.call_id} {what!r} at {atom.where()}")

    def _answered(self, atom: Atom) -> bool:
        same = self.results.get(atom.call_id, ())
        return any(a.taken and a.agent == atom.agent for a in same)


def _after(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether b begins after a, in a file that holds both; True if no file does."""
    shared = [f for f in a if f in b]
    return not shared or any(a[f] < b[f] for f in shared)


def _in_pieces(form: str, whole: str) -> bool:
    """Whether the text consists of at most six long pieces of the whole, in their order."""
    at = 0
    for _ in range(6):
        low, high = 0, len(form)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if form[:middle] in whole[at:] else (low, middle - 1)
        if low < min(12, len(form)):
            return False
        at = whole.index(form[:low], at) + low
        form = form[low:]
        if not form:
            return True
    return False


def _own(answer: Turn, tool: Turn) -> bool:
    return any(c == r for c, _, _ in answer.calls for r, _, _ in tool.results)


def _same_arguments(log: Any, out: Any) -> bool:
    if log == out or log is None:
        return True
    if isinstance(log, str) and isinstance(out, dict):  # raw text, wrapped under some name
        raw = any(isinstance(v, str) and canon(v) == canon(log) for v in out.values())
        return raw or canon(log) == canon(json.dumps(out, ensure_ascii=False))
    if not isinstance(log, dict) and isinstance(out, dict):
        return log in out.values() or not log
    return canon(str(log)) == canon(str(out))


def _last_start(turns: list[Turn]) -> dict[str, tuple[int, int, int]]:
    """The beginning of the last turn that is no result."""
    for turn in reversed(turns):
        if turn.role != "tool" and turn.atoms:
            return turn.start()
    return {}


def _same_result(atom: Atom, content: str) -> bool:
    forms = {canon_result(content), canon(content)}
    if forms & set(atom.forms):
        return True
    if atom.loose:
        whole = [*atom.forms, atom.side]
        return any(f in w for f in forms for w in whole)
    return False


def check(source: str, files: Iterable[str], turns: list[Turn]) -> list[str]:
    """What is wrong with `turns` as the export of these logs; empty if nothing is."""
    return Check(read_logs(source, files), source == "claude").run(turns)


def record_counts(files: Iterable[str]) -> dict[str, int]:
    """Records of each log, counted independently of the reader."""
    return {file: sum(1 for _ in lines(file)) for file in files}
