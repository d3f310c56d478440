"""What conversations are about: a taxonomy the user may edit, and clusters for the rest.

A topic is found by its keywords, weighted by their rarity in the taxonomy, and by the TF-IDF
similarity of the conversation to the topic's description. Both need only the taxonomy's own words,
no corpus statistics, so shards are independent. Clusters (TF-IDF and NMF; scikit-learn, extra
`topics`) name what no topic covers.

Nothing is shown for fewer than three lineages: the topic of one project could identify it.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ..edits import PATH_SET, PATHS
from ..errors import UsageError
from ..evidence import command_of
from ..model import Session, Text, ToolCall
from ..summary import LEAST_LINEAGES
from ..summary import Topic as TopicCount
from ..words import Asked, words

#: Most topics of one conversation.
MOST = 5
#: Characters read of a session, of one prompt, of one answer, of one command.
READ, PROMPT, ANSWER, COMMAND = 10_000, 2_500, 1_200, 160
#: The least score of a topic.
ENOUGH = 3.4
#: The least share of the session's best score.
BESIDE = 0.3

_STOP_WORDS = (
    "a an and are as at be by for from has have how in into is it its of on or that the their them "
    "these this to was what which who with your you we i not no can do does"
)
_STOP = frozenset(_STOP_WORDS.split())


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the taxonomy. `least`: different keywords that must occur."""

    name: str
    section: str
    keywords: tuple[str, ...]
    description: str = ""
    least: int = 3


class _File(msgspec.Struct, forbid_unknown_fields=True):
    topic: tuple[Topic, ...] = ()


def load_taxonomy(path: str = "") -> tuple[Topic, ...]:
    """The taxonomy of a TOML file, or the bundled one. Raises UsageError that names the file."""
    where = path or "the bundled topics.toml"
    try:
        if path:
            text = Path(path).read_text("utf-8-sig")
        else:
            text = (resources.files("sessiontune") / "data" / "topics.toml").read_text("utf-8")
        found = msgspec.convert(tomllib.loads(text), _File).topic
    except OSError as error:
        raise UsageError(
            f"{where} cannot be read: {error.strerror}.", "Give a TOML file of topics."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where}: {error}", "A topic has name, section, keywords and description."
        ) from error
    names = Counter(t.name for t in found)
    twice = [name for name, n in names.items() if n > 1]
    if twice or not found:
        problem = f"topic {twice[0]!r} is there twice" if twice else "no [[topic]] in it"
        raise UsageError(f"{where}: {problem}.", "Give every topic a name of its own.")
    return found


def pieces_of(session: Session) -> list[tuple[float, str]]:
    """The texts read of a session, with weights: prompts tell most about the subject, beginnings
    of answers and paths of files less, routine commands least."""
    out: list[tuple[float, str]] = []
    room = READ
    for message in session.messages:
        role = message.role
        if (role != "user" and role != "assistant") or message.kind == "notice":
            continue
        weight, limit = (2.0, PROMPT) if role == "user" else (1.0, ANSWER)
        found = [(weight, p.text[:limit]) for p in message.parts if type(p) is Text]
        for part in message.parts:
            if type(part) is ToolCall:
                found += _pieces_of_call(part)
        out += found
        room -= sum([len(text) for _, text in found])
        if room <= 0:
            break
    return out


def _pieces_of_call(call: ToolCall) -> list[tuple[float, str]]:
    arguments = call.arguments
    found: list[tuple[float, str]] = []
    if not PATH_SET.isdisjoint(arguments):
        found = [(1.0, str(arguments[n])[-200:]) for n in PATHS if n in arguments]
    if command := command_of(call)[:COMMAND]:
        found.append((0.25, command))
    return found


def topic_finder(taxonomy: Sequence[Topic]) -> Callable[[Session], tuple[str, ...]]:
    """A function Session -> names of its topics, best first, at most `MOST`."""
    matcher = _Matcher(taxonomy)
    return lambda session: matcher.topics(pieces_of(session))


class _Matcher:
    """The taxonomy, prepared: keywords by word and by phrase, descriptions as unit vectors."""

    def __init__(self, taxonomy: Sequence[Topic]) -> None:
        self.taxonomy = taxonomy
        self.single: dict[str, list[int]] = {}
        self.phrases: dict[str, list[int]] = {}
        uses: Counter[str] = Counter()
        for number, topic in enumerate(taxonomy):
            for keyword in dict.fromkeys(_normal(k) for k in topic.keywords):
                table = self.phrases if " " in keyword else self.single
                table.setdefault(keyword, []).append(number)
                uses[keyword] += 1
        #: First word -> (second word, the others, place in `phrases`, phrase).
        self.openings: dict[str, list[tuple[str, list[str], int, str]]] = {}
        for place, phrase in enumerate(self.phrases):
            first, second, *others = phrase.split()
            self.openings.setdefault(first, []).append((second, others, place, phrase))
        #: A keyword that several topics share says less about each.
        self.weight = {k: 1.0 / math.sqrt(n) for k, n in uses.items()}
        described = [
            [w for w in words(t.description + " " + t.name) if w not in _STOP] for t in taxonomy
        ]
        seen = Counter(w for d in described for w in set(d))
        self.idf = {w: math.log((1 + len(taxonomy)) / (1 + n)) + 1 for w, n in seen.items()}
        self.vectors = [
            _unit({w: n * self.idf[w] for w, n in Counter(d).items()}) for d in described
        ]

        self.asked = Asked(frozenset((*self.single, *self.idf, *" ".join(self.phrases).split())))

    def _candidates(self, found: Mapping[str, int]) -> list[str]:
        """Phrases all of whose words occur, in the order of the taxonomy."""
        places = []
        for word in filter(self.openings.__contains__, found):
            for second, others, place, phrase in self.openings[word]:
                if second in found and all(map(found.__contains__, others)):
                    places.append((place, phrase))
        return [phrase for _, phrase in sorted(places)]

    def _hits(self, found: Sequence[str], times: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        """The phrases in the runs of a text, and how often."""
        candidates = self._candidates(times)
        line = f" {' '.join(found)} " if candidates else ""
        for phrase in candidates:
            if seen := line.count(f" {phrase} "):
                yield phrase, seen

    def topics(self, pieces: Sequence[tuple[float, str]]) -> tuple[str, ...]:
        """Names of the topics of weighted texts."""
        counts: dict[str, float] = {}
        hits: dict[int, dict[str, float]] = {}
        by_weight: dict[float, list[str]] = {}
        for weight, text in pieces:
            by_weight.setdefault(weight, []).append(text)
        for weight, texts in by_weight.items():
            found = self.asked.of("\n".join(texts))
            times = self.asked.times(found)
            for word, n in times.items():
                counts[word] = counts.get(word, 0.0) + weight * n
            for phrase, n in self._hits(found, times):
                for topic in self.phrases[phrase]:
                    own = hits.setdefault(topic, {})
                    own[phrase] = own.get(phrase, 0.0) + weight * n
        for word, weighed in counts.items():
            for topic in self.single.get(word, ()):
                hits.setdefault(topic, {})[word] = weighed
        return self._best(counts, hits)

    def _best(
        self, counts: Mapping[str, float], hits: Mapping[int, Mapping[str, float]]
    ) -> tuple[str, ...]:
        """Names of the best topics of those whose keywords were hit."""
        likely = [(t, own) for t, own in hits.items() if len(own) >= self.taxonomy[t].least]
        if not likely:
            return ()
        mine = _unit({w: math.log1p(n) * self.idf[w] for w, n in counts.items() if w in self.idf})
        scored = []
        for topic, found_words in likely:
            strength = sum(self.weight[w] * math.log1p(n) for w, n in found_words.items())
            likeness = sum(v * mine.get(w, 0.0) for w, v in self.vectors[topic].items())
            score = strength * (0.5 + likeness)
            if score >= ENOUGH:
                scored.append((score, -topic))
        scored.sort(reverse=True)
        best = scored[0][0] if scored else 0.0
        return tuple(self.taxonomy[-t].name for s, t in scored[:MOST] if s >= BESIDE * best)


def _normal(keyword: str) -> str:
    keyword = " ".join(keyword.split())
    if keyword.startswith(".") or keyword.endswith("/"):
        return keyword.lower()
    return " ".join(w for w in words(keyword) if not w.startswith(".")) or keyword.lower()


def _unit(vector: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(v * v for v in vector.values()))
    return {w: v / length for w, v in vector.items()} if length else {}


# ------------------------------------------------------------------ clusters

#: Most words kept of a conversation that no topic covers, and most counts of one.
BAG, OFTEN = 200, 3
_PROSE = re.compile(r"(?<![\w/.@\\-])[a-z]{3,20}(?![\w/@\\-]|\.\w)")
_NO_WORD = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}")


def bag_of(session: Session) -> str:
    """The most frequent words said in a conversation, for `clusters`; few, so that all fit in
    memory. Paths, code words and pseudonyms (only consonants) are no words."""
    said = (
        part.text[:PROMPT]
        for message in session.messages
        if message.role in ("user", "assistant") and message.kind != "notice"
        for part in message.parts
        if isinstance(part, Text)
    )
    found = _PROSE.findall(" ".join(said)[: 4 * READ].lower())
    common = Counter(w for w in found if w not in _STOP and not _NO_WORD.search(w)).most_common(BAG)
    return " ".join(word for word, n in common for _ in range(min(n, OFTEN)))


def shared_words(bags: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """(lineage, words) of (project, lineage, words): only words found in `LEAST_LINEAGES` projects
    (in all, if there are fewer), so that no project is named by its own words."""
    projects: dict[str, set[str]] = {}
    for project, _, bag in bags:
        for word in set(bag.split()):
            projects.setdefault(word, set()).add(project)
    least = min(LEAST_LINEAGES, len({project for project, _, _ in bags}))
    kept = {word for word, found in projects.items() if len(found) >= least}
    return [(lineage, " ".join(w for w in bag.split() if w in kept)) for _, lineage, bag in bags]


#: Top terms and example terms -> a name; from a local model, if the user gives one.
Namer = Callable[[Sequence[str]], str]


def needs_clusters() -> None:
    """Raise UsageError if scikit-learn is missing; called before anything is read."""
    if find_spec("sklearn") is None:
        raise UsageError(
            "Clusters of topics need scikit-learn.", "pip install 'sessiontune[topics]'"
        )


def clusters(
    texts: Sequence[tuple[str, str]], most: int = 8, namer: Namer | None = None
) -> list[TopicCount]:
    """Clusters of (lineage, text) that no topic covers: TF-IDF and NMF, named by top terms.

    Needs the extra `topics`; raises UsageError if scikit-learn is missing. Terms that occur in
    fewer than LEAST_LINEAGES lineages are not used, so a name cannot show one lineage's own words.
    If `namer` gives "", the terms are the name.
    """
    by_lineage: dict[str, list[str]] = {}
    for lineage, text in texts:
        by_lineage.setdefault(lineage, []).append(" ".join(words(text)))
    if len(by_lineage) < 2 * LEAST_LINEAGES:
        return []
    lineages = sorted(by_lineage)
    out: list[TopicCount] = []
    for terms, places in _factors([" ".join(by_lineage[x]) for x in lineages], most):
        if len(places) < LEAST_LINEAGES:
            continue
        name = (namer(terms) if namer else "") or ", ".join(terms[:4])
        sessions = sum(len(by_lineage[lineages[i]]) for i in places)
        out.append(TopicCount(name, "Other subjects", sessions, len(places)))
    return sorted(out, key=lambda t: (-t.lineages, t.name))


def _factors(documents: Sequence[str], most: int) -> Iterator[tuple[list[str], list[int]]]:
    """The top terms of each NMF component, and the positions of the documents in which it is the
    strongest; at most `most` components."""
    needs_clusters()
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        min_df=LEAST_LINEAGES,
        max_df=0.5,
        stop_words="english",
        max_features=4_000,
        sublinear_tf=True,
    )
    try:
        matrix = vectorizer.fit_transform(documents)
    except ValueError:  # no term occurs in enough documents: nothing may be shown
        return
    k = max(1, min(most, len(documents) // LEAST_LINEAGES, matrix.shape[1]))
    model = NMF(n_components=k, random_state=0, init="nndsvda", max_iter=400)
    weights = model.fit_transform(matrix)
    terms = vectorizer.get_feature_names_out()
    for number, component in enumerate(model.components_):
        top = [str(terms[i]) for i in component.argsort()[::-1][:6]]
        strongest = (row.argmax() == number and row.max() > 0 for row in weights)
        yield top, [place for place, mine in enumerate(strongest) if mine]
