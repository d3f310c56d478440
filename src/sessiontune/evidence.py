"""Facts that can be read off messages without guessing: calls, exit codes, test summaries.

Everything here is structural: it looks at how a program answered, never at what a person meant
(that is `wording`). The patterns are those of the programs' own fixed output lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from .model import Message, Text, ToolCall, ToolResult

_SCAN = 20_000  # characters of a result that are searched, half at each end


def text_of(message: Message) -> str:
    """The plain text of a message."""
    return "\n".join([p.text for p in message.parts if type(p) is Text])


def calls_of(message: Message) -> list[ToolCall]:
    """The tool calls of a message."""
    return [p for p in message.parts if type(p) is ToolCall]


def results_of(message: Message) -> list[ToolResult]:
    """The tool results of a message."""
    return [p for p in message.parts if type(p) is ToolResult]


class Turn(msgspec.Struct, frozen=True):
    """One call with its result (None: the log has none). `at` is the position of the answer that
    made the call, `answered` that of the message that holds the result (or -1), `command` what a
    shell was told."""

    at: int
    call: ToolCall
    result: ToolResult | None
    answered: int
    command: str = ""


def turns(messages: Sequence[Message]) -> list[Turn]:
    """Every call of a session with its result, in order. A result answers the latest earlier call
    with its id: some agents use an id twice."""
    asked: list[tuple[int, ToolCall]] = []
    answered: list[tuple[ToolResult | None, int]] = []
    waiting: dict[str, int] = {}
    for at, message in enumerate(messages):
        for part in message.parts:
            if type(part) is ToolResult:
                index = waiting.get(part.call_id)
                if index is not None and answered[index][0] is None:
                    answered[index] = part, at
            elif type(part) is ToolCall and message.role == "assistant":
                waiting[part.id] = len(asked)
                asked.append((at, part))
                answered.append((None, -1))
    return [
        Turn(at, call, result, place, command_of(call))
        for (at, call), (result, place) in zip(asked, answered, strict=True)
    ]


def blocks_of(messages: Sequence[Message]) -> list[list[int]]:
    """Positions that stay together: an answer with its results; everything else alone.

    If a result comes late, everything between it and its call becomes one block.
    """
    blocks: list[list[int]] = []
    owner: dict[str, int] = {}
    for at, message in enumerate(messages):
        answered = [owner[r.call_id] for r in results_of(message) if r.call_id in owner]
        if message.role == "tool" and blocks:
            first = min(answered, default=len(blocks) - 1)
            if first < len(blocks) - 1:
                blocks[first:] = [[p for block in blocks[first:] for p in block]]
                owner = {name: min(block, first) for name, block in owner.items()}
            blocks[first].append(at)
        else:
            blocks.append([at])
        for call in calls_of(message):
            owner[call.id] = len(blocks) - 1
    return blocks


# ------------------------------------------------------------------ commands

_PROBES = re.compile(
    r"^(?:[A-Z_]+=\S+\s+)*(?:sudo\s+)?(?:git\s+(?:grep|diff|merge-base|show-ref|ls-files)"
    r"|(?:e|f|z)?grep|rg|ag|diff|cmp|which|type|command -v|pgrep|find|cat|ls|jq)\b"
    r"|^(?:\[\[?|test)\s"
)
_CLOSERS = re.compile(r"(?:[\s;]+(?:done|fi|esac|\}|\)))+\s*\Z")
#: A statement that ends with code 1 where its condition does not hold: `[ ... ] && say so`.
_CONDITION = re.compile(r"^\s*(?:(?:do|then|else)\s+)?(?:\[\[?|test)\s[^|&]*&&")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\\\]|\\\\.)*\"")
_JOINTS = re.compile(r"\|\||&&|[|;\n]")
_TESTS = re.compile(
    r"\b(?:pytest|py\.test|unittest|tox|nox|jest|vitest|mocha|ava|karma|playwright test|cypress run"
    r"|(?:npm|pnpm|yarn|bun)(?:\s+run)?\s+(?:--\S+\s+)*test\S*|bun\s+test|deno test"
    r"|cargo\s+(?:\S+\s+)?(?:test|nextest)|go\s+test|gotestsum"
    r"|mvn\s+(?:\S+\s+)*(?:test|verify)|gradlew?\s+(?:\S+\s+)*test|dotnet\s+test|swift\s+test"
    r"|rspec|rake\s+(?:test|spec)|phpunit|pest|ctest|make\s+(?:\S+\s+)*(?:test|check)\S*"
    r"|(?:just|task|mise\s+run)\s+(?:\S+\s+)*test\S*|mix\s+test|sbt\s+test|zig\s+build\s+test"
    r"|manage\.py\s+test)(?![\w/])"
)
#: Words that `_TESTS` begins with: programs that test, and programs that test if told to. Looking
#: for these words first is several times faster.
_TEST_TOOLS = frozenset(
    b"pytest unittest tox nox jest vitest mocha ava karma playwright cypress gotestsum rspec "
    b"phpunit pest ctest".split()
)
_RUNNERS = frozenset(
    b"npm pnpm yarn bun deno cargo go mvn gradle gradlew dotnet swift rake make just task mise "
    b"mix sbt zig manage".split()
)
_TOLD = ("test", "verify", "spec", "check")
#: Translates every byte that is not part of a word to a space.
_WORDS = bytes(c if chr(c).isalnum() or chr(c) == "_" else 32 for c in range(256))
_EXIT = re.compile(
    r"\A(?:Error:\s*)?Exit code:? (-?\d{1,10})\b"  # Claude Code; Codex with shell
    r"|\A(?:Chunk ID: \S+\n)?(?:Wall time: [^\n]*\n)?Process exited with code (-?\d{1,10})\b"
    r"|(?:\A|\n)(?:Command exited with code|Exit Code:|\[exit code:?) (-?\d{1,10})\]?\s*\Z"
    r"|\"metadata\":\s*\{[^{}]*\"exit_code\":\s*(-?\d{1,10})"
)
_HEADER = re.compile(
    r"(?m)^(?:Error:\s*)?(?:Exit code:? -?\d+|Chunk ID: .*|Wall time: .*|Process exited with .*"
    r"|Original token count: .*|Output:)$"
)
#: Empty lines are made one first: from each of many, a pattern would go through all that follow.
_EMPTY_LINES = re.compile(r"\n\s*\n")
#: A line of a test runner's summary and the line end before it, which is found fast.
_FAILING = re.compile(
    r"\n(?:=+ .*\b[1-9]\d* (?:failed|errors?)\b.*=+$"  # pytest
    r"|[1-9]\d* failed(?:, \d+ \w+)* in [\d.]+s|[1-9]\d* errors? in [\d.]+s"
    r"|\s*Tests:\s+[1-9]\d* failed\b"  # jest
    r"|\s*(?:Tests|Test Files)\s+[1-9]\d* failed\b"  # vitest
    r"|test result: FAILED\."  # cargo
    r"|\s*--- FAIL: |FAIL\t|FAIL$"  # go
    r"|\s+[1-9]\d* failing$"  # mocha
    r"|FAILED \((?:failures|errors)="  # unittest
    r"|\d+ (?:examples|tests|runs), (?:\d+ assertions, )?[1-9]\d* failures"  # rspec, minitest
    r"|\s*[1-9]\d* fail$"  # bun
    r"|Failed!\s+- Failed:\s+[1-9]|Tests run: \d+, Failures: (?!0, Errors: 0)"  # dotnet, junit
    r"|FAILURES!|not ok \d+)",
    re.MULTILINE,
)
_PASSING = re.compile(
    r"\n(?:=+ .*\b[1-9]\d* passed\b.*=+$|[1-9]\d* passed(?:, \d+ \w+)* in [\d.]+s"
    r"|\s*Tests:\s+(?:\d+ (?:skipped|todo), )*[1-9]\d* passed\b|\s*Tests\s+[1-9]\d* passed\b"
    r"|test result: ok\.|ok  ?\t|\s*--- PASS: |\s+[1-9]\d* passing\b|OK(?: \(.*\))?$"
    r"|\d+ (?:examples|tests|runs), (?:\d+ assertions, )?0 failures|\s*[1-9]\d* pass$"
    r"|Passed!\s+- Failed:\s+0|Tests run: \d+, Failures: 0, Errors: 0)",
    re.MULTILINE,
)


def command_of(call: ToolCall) -> str:
    """The shell command of a call, or "" if the tool is no shell."""
    for name in ("command", "cmd", "script"):
        value = call.arguments.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            words = value[2:] if value[:1] and value[0].endswith("sh") and len(value) > 2 else value
            return " ".join(words)
    return ""


def exit_code(content: str) -> int | None:
    """The exit code that a shell tool's output states, or None. Only the places where agents write
    it are searched, so that a program's own words about exit codes do not count."""
    if "xit" not in content[:400] and "xit" not in content[-200:]:
        return None
    found = _EXIT.search(content[:400]) or _EXIT.search(content[-200:])
    if found is None:
        return None
    return int(next(g for g in found.groups() if g is not None))


@lru_cache(maxsize=512)
def is_test(command: str) -> bool:
    """Whether a command runs tests."""
    head = command[:4_000]
    words = head.encode("ascii", "replace").translate(_WORDS).split()
    told = not _RUNNERS.isdisjoint(words) and any(map(head.__contains__, _TOLD))
    likely = told or not _TEST_TOOLS.isdisjoint(words) or "py.test" in head
    return likely and bool(_TESTS.search(head))


def is_probe(command: str) -> bool:
    """Whether the last command asks a question that exit code 1 answers ("no match")."""
    plain = _CLOSERS.sub("", _unquoted(command))
    last = next((s for s in reversed(re.split(r"[;\n]", plain)) if s.strip()), "")
    if _CONDITION.match(last):
        return True
    steps = _parts(plain)
    return bool(steps) and bool(_PROBES.match(steps[-1]))


def asks(command: str) -> bool:
    """Whether any step of a command is such a question."""
    return any(_PROBES.match(step) for step in _parts(_unquoted(command)))


def _unquoted(command: str) -> str:
    """The end of a shell line without its quoted text, whose signs must not split it."""
    return _QUOTED.sub("''", command.strip()[-2_000:])


def _parts(plain: str) -> list[str]:
    """The commands of a shell line without quoted text."""
    return [step for part in _JOINTS.split(plain) if (step := part.strip())]


def tests_failed(content: str) -> bool | None:
    """Whether a test runner's summary says that tests failed; None if there is no summary."""
    seen = (
        content if len(content) <= _SCAN else f"{content[: _SCAN // 2]}\n{content[-_SCAN // 2 :]}"
    )
    seen = _EMPTY_LINES.sub("\n\n", f"\n{seen}")
    if _FAILING.search(seen):
        return True
    return False if _PASSING.search(seen) else None


_CHECKOUT = re.compile(
    r"\bgit\s+(?:-C\s+\S+\s+)?(?:checkout(?:\s+(?:HEAD|\S+))?\s+--|restore(?:\s+--?\S+)*)\s+"
    r"(?P<paths>[^|;&\n]+)|\bgit\s+(?:-C\s+\S+\s+)?(?P<all>reset\s+--hard|checkout\s+\.(?!\S))"
)
#: `(?<!\wgit)` is the boundary before `git`: written so, the search is for a fixed text.
_COMMIT = re.compile(r"git(?<!\wgit)\s+(?:-[cC]\s+\S+\s+)*commit\b")
_PUSH = re.compile(r"\bgit\s+(?:-[cC]\s+\S+\s+)*push\b|\bgh\s+pr\s+(?:create|merge)\b")


def restored(command: str) -> list[str] | None:
    """Files that a command restores to what was committed; [] for all; None if it restores none."""
    likely = "git" in command and any(map(command.__contains__, ("checkout", "restore", "reset")))
    found = _CHECKOUT.search(command) if likely else None
    if found is None:
        return None
    if " --staged" in found[0] and "--worktree" not in found[0]:
        return None
    if found["all"] or found["paths"].split() in ([], ["."]):
        return []
    return [p.strip("'\"") for p in found["paths"].split() if not p.startswith("-")]


def commits(command: str) -> bool:
    """Whether a command makes a git commit."""
    return "commit" in command and bool(_COMMIT.search(command)) and "--dry-run" not in command


def pushes(command: str) -> bool:
    """Whether a command pushes, or opens or merges a pull request."""
    likely = "push" in command or ("gh" in command and "pr" in command)
    return likely and bool(_PUSH.search(command)) and "--dry-run" not in command


def outcome(turn: Turn) -> tuple[str, bool]:
    """Why a call failed, or "": `tool_error`, `command_failed`, `test_failed`, `no_match`; and
    whether a test runner's summary says that its tests passed.

    `no_match` is exit code 1 of a question (grep without a hit): an answer, not a failure.
    """
    result, command = turn.result, turn.command
    if result is None or result.status not in ("ok", "error"):
        return "", False
    error = result.status == "error"
    if not command:
        return "tool_error" if error else "", False
    summary = tests_failed(result.content) if is_test(command) else None
    if summary:
        return "test_failed", False
    passed, code = summary is False, exit_code(result.content)
    if code == 0:
        return "", passed
    if code == 1 and (is_probe(command) or (asks(command) and _silent(result.content))):
        return "no_match", passed
    return "command_failed" if code is not None or error else "", passed


def _silent(content: str) -> bool:
    """Whether a shell tool's output holds nothing but the agent's own header."""
    return not _HEADER.sub("", content[:400]).strip()


_PERSON = re.compile(
    r"user (?:doesn't|does not|did not|didn't) want"
    r"|(?:rejected|denied|declined|cancelled) by (?:the )?user"
    r"|user (?:has )?(?:rejected|denied|declined|cancelled|refused)|user said:"
    r"|The tool use was rejected \(eg\.",
    re.IGNORECASE,
)


def refused_by_person(result: ToolResult) -> bool:
    """Whether a person refused the call, rather than a rule, a sandbox or a classifier. The agents
    say so in a fixed sentence at the beginning or the end of the result."""
    return bool(_PERSON.search(result.content[:600]) or _PERSON.search(result.content[-300:]))
