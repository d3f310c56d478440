"""Labels are right on structural fixtures: nothing missed, nothing invented."""

from __future__ import annotations

import msgspec
import pytest
from steps_synth import answer, call, results, session, user

from sessiontune import evidence
from sessiontune.evidence import exit_code, is_probe, is_test, restored
from sessiontune.model import Label, Message, Session, Text, ToolResult
from sessiontune.steps.label import CONFIDENCE, labels_of, train_flags

PYTEST_BAD = "collected 9 items\n\n=========== 2 failed, 7 passed in 0.31s ==========="
PYTEST_GOOD = "=========== 9 passed in 0.31s ==========="
JEST_BAD = "Test Suites: 1 failed, 3 passed, 4 total\nTests:       1 failed, 21 passed, 22 total"
VITEST_BAD = " Test Files  1 failed | 8 passed (9)\n      Tests  2 failed | 80 passed (82)"
CARGO_BAD = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured"
CARGO_GOOD = "test result: ok. 4 passed; 0 failed; 0 ignored"
GO_BAD = (
    "--- FAIL: TestParse (0.00s)\n    parse_test.go:12: got 1\nFAIL\nFAIL\texample.org/p\t0.01s"
)
GO_GOOD = "ok  \texample.org/p\t0.012s"


def one_call(command: str, content: str, status: str = "ok", **more) -> Session:
    return session(
        "s",
        user("u", "please"),
        answer("a", "", call("c", "Bash", command=command)),
        results("r", ToolResult("c", "Bash", content, status), **more),
        answer("z", "That is how it went."),
    )


def names(one: Session, message: str = "a") -> set[str]:
    labels, _ = labels_of(one)
    return {x.name for x in labels if x.message == message}


#: (command, output, status, labels of the answer that made the call)
FIXTURES = [
    ("ls", "a.py", "ok", set()),
    ("make", "Exit code 2\nmake: *** No rule", "error", {"command_failed"}),
    ("make", "Error: Exit code 127\nmake: not found", "error", {"command_failed"}),
    (
        "make",
        "Chunk ID: 79\nWall time: 0.01 seconds\nProcess exited with code 1\nOutput:\nno",
        "ok",
        {"command_failed"},
    ),
    (
        "ls",
        "Chunk ID: 79\nWall time: 0.0 seconds\nProcess exited with code 0\nOutput:\n",
        "ok",
        set(),
    ),
    ("make", "Exit code: 3\nWall time: 0 seconds\nOutput:\nno", "ok", {"command_failed"}),
    ("git commit -m x", "Exit code: 1\nOutput:\nhook failed", "ok", {"command_failed"}),
    ("git push", "Exit code: 1\nOutput:\n[rejected]", "ok", {"command_failed"}),
    ("pytest && make", f"Exit code: 2\nOutput:\n{PYTEST_GOOD}\nno", "ok", {"command_failed"}),
    (
        "make",
        '{"output":"no","metadata":{"exit_code":1,"duration_seconds":0}}',
        "ok",
        {"command_failed"},
    ),
    ("ls", '{"output":"a","metadata":{"exit_code":0,"duration_seconds":0}}', "ok", set()),
    ("build it", "oh no\n\nCommand exited with code 1", "error", {"command_failed"}),
    # a program's own words about exit codes are no exit code
    ("cat notes", "The wrapper says: Exit code 1 when it is tired.", "ok", set()),
    ("cat log", "line\nProcess exited with code 3 yesterday\nmore", "ok", set()),
    ("grep -rn nothing src", "Exit code 1", "error", {"no_match"}),
    ("cd src && grep x y | head", "Exit code 1\nno such file", "error", {"command_failed"}),
    ("cd x && rg -n 'a|b' src", "Exit code 1", "error", {"no_match"}),
    ("go vet ./... | grep -v noise && echo OK", "Exit code 1", "error", {"no_match"}),
    ("make 2>&1 | grep error", "Exit code 1\nmake: no rule", "error", {"no_match"}),
    ('[ -f x ] && echo "it is there"', "Exit code 1", "error", {"no_match"}),
    ("for f in *; do\n  [ -s $f ] && wc $f\ndone", "Exit code 1\n3 a", "error", {"no_match"}),
    ("if true; then [[ a == b ]] && echo; fi", "Exit code 1", "error", {"no_match"}),
    ("[ -f x ] || make x", "Exit code 1\nmake: no rule", "error", {"command_failed"}),
    ("[ -f x ] && make | tail", "Exit code 2\nmake: no rule", "error", {"command_failed"}),
    ("go test ./x && test.sh", "Exit code 1\nno", "error", {"command_failed"}),
    ("diff a b", "Exit code 1\n1c1\n< a\n> b", "error", {"no_match"}),
    ("grep x missing", "Exit code 2\ngrep: missing: No such file", "error", {"command_failed"}),
    ("pytest -q", PYTEST_BAD, "ok", {"test_failed"}),
    ("python -m pytest tests | tail", "Exit code 1\n" + PYTEST_BAD, "error", {"test_failed"}),
    ("pytest", PYTEST_GOOD, "ok", {"test_passed"}),
    ("pytest", "2 failed, 3 passed in 1.02s", "ok", {"test_failed"}),
    ("npm test", JEST_BAD, "ok", {"test_failed"}),
    ("npx jest", "Tests:       22 passed, 22 total", "ok", {"test_passed"}),
    ("npx vitest run", VITEST_BAD, "ok", {"test_failed"}),
    ("bun run test", " 12 pass\n 1 fail\n", "ok", {"test_failed"}),
    ("bun test", " 12 pass\n 0 fail\n", "ok", {"test_passed"}),
    ("cargo test --all", CARGO_BAD, "ok", {"test_failed"}),
    ("cargo test", CARGO_GOOD, "ok", {"test_passed"}),
    ("go test ./...", GO_BAD, "ok", {"test_failed"}),
    ("go test ./...", GO_GOOD, "ok", {"test_passed"}),
    ("go test ./...", "Exit code 1\nx.go:1:1: syntax error", "error", {"command_failed"}),
    ("mvn -q verify", "Tests run: 5, Failures: 1, Errors: 0, Skipped: 0", "ok", {"test_failed"}),
    ("mvn verify", "Tests run: 5, Failures: 0, Errors: 0, Skipped: 0", "ok", {"test_passed"}),
    ("python -m unittest", "Ran 3 tests\n\nFAILED (failures=1)", "ok", {"test_failed"}),
    ("python -m unittest", "Ran 3 tests in 0.1s\n\nOK", "ok", {"test_passed"}),
    # reading a log of failed tests is no failed test
    ("cat report.txt", PYTEST_BAD, "ok", set()),
    ("grep FAILED ci.log", "FAILED tests/x.py::y - assert 0", "ok", set()),
    ("vim tests/test_x.py", GO_BAD, "ok", set()),
    ("git commit -m 'x'", "[main 1a2b] x", "ok", {"committed"}),
    ("git -c user.name=a commit -am x", "[main 1a2b] x", "ok", {"committed"}),
    ("git commit -m x", "Exit code 1\nnothing to commit", "error", {"command_failed"}),
    ("git push origin main", "To github.com", "ok", {"pushed"}),
    ("gh pr create --fill", "https://github.com/a/b/pull/1", "ok", {"pushed"}),
    ("rm -rf build", "The user doesn't want to proceed", "rejected", {"rejected"}),
    ("rm x", "model is unavailable, auto mode cannot judge Bash", "rejected", {"denied"}),
    ("rm x", "exec command rejected by user", "rejected", {"rejected"}),
    ("sleep 99", "stopped", "interrupted", {"interrupted"}),
    ("ls", "a sibling failed", "cancelled", {"cancelled"}),
]


@pytest.mark.parametrize(("command", "output", "status", "expected"), FIXTURES)
def test_structural_labels_of_commands(
    command: str, output: str, status: str, expected: set[str]
) -> None:
    assert names(one_call(command, output, status)) == expected


def test_precision_and_recall_on_all_fixtures_are_one() -> None:
    found, wanted = [], []
    for i, (command, output, status, expected) in enumerate(FIXTURES):
        found += [(i, n) for n in names(one_call(command, output, status))]
        wanted += [(i, n) for n in expected]
    assert sorted(found) == sorted(wanted)


def test_error_of_a_tool_that_is_no_shell() -> None:
    one = session(
        "s",
        user("u", "edit"),
        answer("a", "", call("c", "Edit", file_path="f", old_string="x", new_string="y")),
        results("r", ToolResult("c", "Edit", "String to replace not found in file.", "error")),
    )
    assert names(one) == {"tool_error"}


@pytest.mark.parametrize(
    ("flag", "label"),
    [
        ("edited", "edited_by_user"),
        ("denied", "denied"),
        ("retried", "retried"),
        ("rejected", "rejected"),
        ("interrupted", "interrupted"),
    ],
)
def test_flags_of_the_log_become_labels_of_the_answer(flag: str, label: str) -> None:
    one = one_call("x", "fine", flags=(flag,))
    assert label in names(one)
    on_answer = session("s", user("u", "x"), answer("a", "text", flags=(flag,)))
    assert label in names(on_answer)


def test_interruption_notice_marks_the_answer_before_it() -> None:
    notice = Message(
        id="n", role="user", kind="notice", parts=(Text("[interrupted]"),), flags=("interrupted",)
    )
    one = session("s", user("u", "go"), answer("a", "I will now"), notice)
    labels, end = labels_of(one)
    assert ("a", "interrupted") in {(x.message, x.name) for x in labels}
    assert end == "interrupted"


def test_a_flag_on_several_results_is_about_the_one_whose_status_says_so() -> None:
    one = session(
        "s",
        user("u", "go"),
        answer("a", "", call("1", "Bash", command="rm x")),
        answer("b", "", call("2", "Bash", command="ls")),
        results(
            "r",
            ToolResult("1", "Bash", "User rejected tool use", "rejected"),
            ToolResult("2", "Bash", "f"),
            flags=("rejected",),
        ),
    )
    assert "rejected" in names(one)
    assert names(one, "b") == set()


def test_what_was_interrupted_behind_a_prompt_is_not_the_answer_before_it() -> None:
    notice = Message(
        id="n", role="user", kind="notice", parts=(Text("[interrupted]"),), flags=("interrupted",)
    )
    one = session("s", user("u", "go"), answer("a", "done"), user("v", "and on"), notice)
    assert names(one) == set()


def edit(id: str, old: str, new: str, path: str = "/w/f.py"):
    return (
        answer(
            f"a{id}", "", call(f"c{id}", "Edit", file_path=path, old_string=old, new_string=new)
        ),
        results(f"r{id}", ToolResult(f"c{id}", "Edit", "updated")),
    )


def shell(id: str, command: str, content: str = ""):
    return (
        answer(f"a{id}", "", call(f"c{id}", "Bash", command=command)),
        results(f"r{id}", ToolResult(f"c{id}", "Bash", content)),
    )


def test_edit_put_back_by_the_reverse_edit_is_undone() -> None:
    one = session("s", user("u", "x"), *edit("1", "one", "two"), *edit("2", "two", "one"))
    assert "edit_undone" in names(one, "a1")
    assert "edit_undone" not in names(one, "a2")


def test_edit_put_back_from_git_is_undone_and_only_in_the_named_file() -> None:
    one = session(
        "s",
        user("u", "x"),
        *edit("1", "one", "two", "/w/src/f.py"),
        *edit("2", "three", "four", "/w/src/g.py"),
        *shell("3", "git checkout -- src/f.py"),
    )
    assert "edit_undone" in names(one, "a1")
    assert "edit_undone" not in names(one, "a2")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/w/.env", ".env"),
        ("/w/.github/ci.yml", "./.github/ci.yml"),
        ("/w/src/pkg/f.py", "src/"),
        ("/w/src/pkg/f.py", "../src"),
        ("C:\\w\\src\\f.py", "src/f.py"),
    ],
)
def test_what_git_puts_back_may_be_a_hidden_file_or_a_folder(path: str, named: str) -> None:
    one = session(
        "s",
        user("u", "x"),
        *edit("1", "one", "two", path),
        *edit("2", "three", "four", "/w/env/mysrc/g.py"),
        *shell("3", f"git checkout -- {named}"),
    )
    assert "edit_undone" in names(one, "a1")
    assert "edit_undone" not in names(one, "a2")


def test_git_puts_back_what_was_only_looked_at_and_all_files_that_are_named() -> None:
    one = session(
        "s",
        user("u", "x"),
        *edit("1", "one", "two", "/w/f.py"),
        *edit("2", "three", "four", "/w/g.py"),
        *shell("3", "git diff", "-one\n+two"),
        *shell("4", "git checkout -- f.py g.py"),
    )
    assert "edit_undone" in names(one, "a1") & names(one, "a2")


def test_committed_edits_are_not_undone_by_a_later_reset() -> None:
    one = session(
        "s",
        user("u", "x"),
        *edit("1", "one", "two"),
        *shell("2", "git commit -am done", "[main 1] done"),
        *edit("3", "five", "six"),
        *shell("4", "git reset --hard"),
    )
    assert "edit_undone" not in names(one, "a1")
    assert "edit_undone" in names(one, "a3")


def test_edit_made_again_is_redone() -> None:
    one = session(
        "s",
        user("u", "x"),
        *edit("1", "one", "two"),
        *edit("2", "two", "one"),
        *edit("3", "one", "two"),
    )
    assert "edit_redone" in names(one, "a3")


def test_refining_an_edit_is_neither_undone_nor_redone() -> None:
    one = session("s", user("u", "x"), *edit("1", "one", "two"), *edit("2", "two", "three"))
    assert not names(one, "a1") & {"edit_undone", "edit_redone"}


def test_changing_the_branch_is_no_undoing() -> None:
    assert restored("git checkout main") is None
    assert restored("git checkout -b topic") is None
    assert restored("git stash pop") is None
    assert restored("git restore --staged a.py") is None
    assert restored("git stash && make lint; git stash pop") is None
    assert restored("git restore a.py") == ["a.py"]
    assert restored("git checkout .") == []
    assert restored("git checkout .github/x") is None
    assert restored("git checkout HEAD -- a.py b.py") == ["a.py", "b.py"]
    assert restored("git reset --hard HEAD~1") == []


def test_same_call_after_a_failure_is_a_retry() -> None:
    one = session(
        "s",
        user("u", "x"),
        answer("a", "", call("1", "Bash", command="make")),
        results("r", ToolResult("1", "Bash", "Exit code 2\nno", "error")),
        answer("b", "", call("2", "Bash", command="make")),
        results("t", ToolResult("2", "Bash", "built")),
    )
    assert names(one) == {"command_failed", "retried"}
    assert names(one, "b") == set()


def test_another_tool_on_the_same_file_is_no_retry() -> None:
    one = session(
        "s",
        user("u", "x"),
        answer("a", "", call("1", "NotebookRead", file_path="a.ipynb")),
        results("r", ToolResult("1", "NotebookRead", "no such tool", "error")),
        answer("b", "", call("2", "Read", file_path="a.ipynb")),
        results("t", ToolResult("2", "Read", "{}")),
    )
    assert names(one) == {"tool_error"}


def test_the_same_call_at_once_or_after_a_search_without_a_hit_is_no_retry() -> None:
    def twice(command: str, apart: bool) -> Session:
        calls = [call(n, "Bash", command=command) for n in "12"]
        failed = [ToolResult(n, "Bash", "Exit code 1\n", "error") for n in "12"]
        if apart:
            between = (answer("a", "", calls[0]), results("r", failed[0]))
            return session("s", user("u", "x"), *between, answer("b", "", calls[1]))
        return session("s", user("u", "x"), answer("a", "", *calls), results("r", *failed))

    assert names(twice("make", True)) == {"command_failed", "retried"}
    assert names(twice("make", False)) == {"command_failed"}
    assert names(twice("grep needle f.py", True)) == {"no_match"}


def test_parallel_calls_are_told_apart() -> None:
    one = session(
        "s",
        user("u", "x"),
        answer("a", "", call("1", "Bash", command="ls"), call("2", "Bash", command="make")),
        results(
            "r",
            ToolResult("1", "Bash", "f"),
            ToolResult("2", "Bash", "Exit code 2\nno", "error"),
        ),
    )
    (label,) = [x for x in labels_of(one)[0] if x.name == "command_failed"]
    assert label == Label("a", "command_failed", "structural", "status:r")


@pytest.mark.parametrize(
    ("command", "content", "status", "rule"),
    [
        ("pytest", PYTEST_BAD, "error", "summary"),
        ("make", "Exit code 2", "error", "status"),
        ("make", "Exit code: 2\nOutput:\nno", "ok", "exit"),
    ],
)
def test_a_failure_names_its_rule(command: str, content: str, status: str, rule: str) -> None:
    (label,) = labels_of(one_call(command, content, status))[0]
    assert label.evidence == f"{rule}:r"


@pytest.mark.parametrize("status", ["rejected", "interrupted", "cancelled"])
def test_a_call_of_any_tool_that_was_stopped_is_labelled(status: str) -> None:
    """Without a flag of the log, the status alone tells it."""
    told = ToolResult("c", "Edit", "The user doesn't want to proceed.", status)
    change = call("c", "Edit", file_path="a.py", old_string="x", new_string="y")
    one = session(
        "s", user("u", "x"), answer("a", "", change), results("r", told), answer("z", ".")
    )
    labels, _ = labels_of(one)
    assert [(x.message, x.name) for x in labels] == [("a", status)]
    assert train_flags(one, labels)[1] == (status == "cancelled")


def test_failed_and_rejected_turns_stay_but_bear_no_loss() -> None:
    one = one_call("make", "Exit code 2\nno", "error")
    labels, _ = labels_of(one)
    assert train_flags(one, labels) == (False, False, False, True)
    fine = one_call("make", "built")
    assert train_flags(fine, labels_of(fine)[0]) == (False, True, False, True)


def test_injected_answers_bear_no_loss() -> None:
    one = session("s", user("u", "x"), answer("a", "API error", injected=True))
    assert train_flags(one, ()) == (False, False)


CORRECTIONS = [
    "No, that's wrong. The file is src/a.py",
    "that is not what I asked for",
    "still not quite right",
    "This is still not working perfectly, can you check?",
    "it doesn't work, the page is empty",
    "you forgot the tests",
    "again, this is not correct: the arrow points the wrong way",
    "revert that, please",
    "why did you delete the comment?",
    "I told you not to touch the config",
    "linting is failing now",
    "you are not correct: the field is called name",
    "why didn't you run the tests?",
    "the footer still has another colour",
]
DIRECTIONS = [
    "can we use postgres instead?",
    "actually, let's do the login page first",
    "on second thought, keep it as a function",
    "never mind, I will do it by hand",
    "let's leave the docs for later and go on with the parser",
    "No, let's use a dataclass instead",
]
ACCEPTANCES = [
    "commit",
    "ok, commit and push",
    "Perfect!",
    "thanks, that's great",
    "looks good, push it",
    "comit",
    "LGTM",
    "great, create a draft PR",
]
NEITHER = [
    "How does the parser find the end of a block?",
    "add a goodbye function",
    "no problem, take your time",
    "what does commit abc123 change?",
    "Explain the push model of this queue",
    "Implement the following plan: 1. add a field",
    "What is the advantage of the second option?",
]


def meaning(prompt: str) -> set[str]:
    one = session("s", user("0", "do it"), answer("a", "Done."), user("u", prompt))
    return names(one, "u") - {"abandoned"}


@pytest.mark.parametrize("prompt", CORRECTIONS)
def test_corrections(prompt: str) -> None:
    assert meaning(prompt) == {"correction"}


@pytest.mark.parametrize("prompt", DIRECTIONS)
def test_direction_changes_are_no_failures(prompt: str) -> None:
    assert meaning(prompt) == {"direction_change"}
    one = session("s", user("0", "do it"), answer("a", "Done."), user("u", prompt))
    labels, _ = labels_of(one)
    assert train_flags(one, labels)[1], "the turn before a direction change is trained"


@pytest.mark.parametrize("prompt", ACCEPTANCES)
def test_acceptances(prompt: str) -> None:
    assert meaning(prompt) == {"acceptance"}


@pytest.mark.parametrize("prompt", NEITHER)
def test_plain_prompts_say_nothing(prompt: str) -> None:
    assert meaning(prompt) == set()


def test_the_corrected_answer_bears_no_loss_and_names_its_evidence() -> None:
    one = session("s", user("0", "do it"), answer("a", "Done."), user("u", "still not right"))
    labels, _ = labels_of(one)
    (label,) = [x for x in labels if x.name == "corrected"]
    assert label.message == "a"
    assert label.tier == "lexical"
    assert label.evidence.endswith(":u")
    assert 0 < label.confidence < 1
    assert not train_flags(one, labels)[1]
    unsure = msgspec.structs.replace(label, confidence=CONFIDENCE - 0.01)
    assert train_flags(one, [unsure])[1]


def test_evidence_never_quotes_the_text() -> None:
    one = session("s", user("0", "do it"), answer("a", "Done."), user("u", "no, xyzzy is wrong"))
    assert "xyzzy" not in msgspec.json.encode(labels_of(one)[0]).decode()


def test_a_first_prompt_and_a_sub_agents_task_say_nothing() -> None:
    first = session("s", user("u", "still not working: the login page"))
    assert {x.name for x in labels_of(first)[0]} == {"abandoned"}
    task = session("s", user("0", "x"), answer("a", "y"), user("u", "no, wrong"), agent_id="g")
    assert not [x for x in labels_of(task)[0] if x.tier == "lexical"]


def test_what_a_command_of_the_program_says_is_no_judgement() -> None:
    said = user("v", "still not working: the login page", flags=("command:/review",))
    one = session("s", user("u", "x"), answer("a", "y"), said, answer("b", "z"))
    assert not [x for x in labels_of(one)[0] if x.tier == "lexical"]


@pytest.mark.parametrize("kind", ["context", "summary", "notice"])
def test_what_the_program_tells_the_model_is_no_judgement(kind: str) -> None:
    told = msgspec.structs.replace(user("v", "No, that's wrong."), kind=kind)
    one = session("s", user("u", "x"), answer("a", "y"), told, answer("b", "z"))
    assert labels_of(one)[0] == ()


@pytest.mark.parametrize(
    ("one", "end"),
    [
        (session("s"), "empty"),
        (session("s", user("u", "hi"), answer("a", "hello")), "completed"),
        (session("s", user("u", "hi")), "abandoned"),
        (session("s", user("u", "x"), answer("a", "y"), user("v", "thanks")), "accepted"),
        (
            session("s", user("u", "x"), answer("a", "y"), user("v", "push"), answer("b", "ok")),
            "accepted",
        ),
        (session("s", user("u", "x"), answer("a", "y"), user("v", "still wrong")), "abandoned"),
        (
            session("s", user("u", "x"), answer("a", "y", flags=("interrupted",)), user("v", "z")),
            "abandoned",
        ),
        (session("s", user("u", "x"), answer("a", "", call("c", command="ls"))), "cut"),
        (session("s", user("u", "x"), *shell("1", "make", "fine")), "cut"),
        (session("s", user("u", "x"), *shell("1", "make", "Exit code 2\nno")), "failed"),
        # what failed, or was right, earlier
        (one_call("make", "Exit code 2\nno"), "completed"),
        (
            session("s", *(m for n in "ab" for m in (user(n, "thanks"), answer(f"{n}1", "ok")))),
            "accepted",
        ),
        (
            session(
                "s",
                user("u", "x"),
                answer("a", "y"),
                user("v", "thanks"),
                answer("b", "ok"),
                user("w", "now list them"),
                answer("c", "z"),
            ),
            "completed",
        ),
        (
            session("s", user("u", "x"), *shell("1", "git commit -m a", "ok"), answer("z", "done")),
            "accepted",
        ),
    ],
)
def test_end_reasons(one: Session, end: str) -> None:
    labels, found = labels_of(one)
    assert found == end
    left = end in ("abandoned", "interrupted", "rejected", "failed")
    assert [x.evidence for x in labels if x.name == "abandoned"] == [f"end:{end}"] * left


def test_end_of_a_rejected_call_and_of_a_compacted_epoch() -> None:
    one = one_call("rm x", "User rejected tool use", "rejected")
    cut = msgspec.structs.replace(one, messages=one.messages[:-1])
    labels, end = labels_of(cut)
    assert end == "rejected"
    assert ("r", "abandoned") in {(x.message, x.name) for x in labels}
    assert labels_of(one, continued=True)[1] == "compacted"


def test_every_program_that_tests_is_known() -> None:
    commands = """
        pytest, py.test, unittest, tox, nox, jest, vitest, mocha, ava, karma, gotestsum, rspec,
        phpunit, pest, ctest, playwright test, cypress run, npm run test:unit, pnpm --silent test,
        yarn test, bun test, deno test, cargo nextest, cargo +nightly test, go test, mvn -q verify,
        gradle test, ./gradlew app:x test, dotnet test, swift test, rake spec, make -j4 check,
        just test, task test, mise run test, mix test, sbt test, zig build test, manage.py test
    """
    for command in map(str.strip, commands.split(",")):
        assert is_test(f"cd app && {command} -x 2>&1"), command
        assert is_test(f"echo …\n{command}"), command
        assert not is_test(f"ls x{command}/"), command
    assert not is_test("go vet ./... && cat tests/check.py")


def test_patterns_do_not_run_away_on_long_input() -> None:
    long = "ok " * 200_000 + "=" * 200_000
    assert exit_code(long) is None
    assert evidence.tests_failed(long) is None
    assert evidence.tests_failed("\n" * 10_000 + "\r\n" * 5_000 + "2 failing") is True
    assert not is_test("x" * 100_000)
    assert not is_probe("a;" * 100_000)
    assert meaning(long) == set()
