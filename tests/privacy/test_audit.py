"""The gate and the scan of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from planted import KINDS, carrier, real

from sessiontune.privacy import kingfisher
from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.detect import Detector
from sessiontune.privacy.files import BLOCK, scan_files
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.vocabulary import Vocabulary

OPTIONS = PrivacyOptions()


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("form", ["jsonl", "json", "markdown", "toml"])
def test_planted_values_are_caught_in_every_form(kind: str, form: str) -> None:
    text, value = carrier(kind, 5)
    data = {
        "jsonl": json.dumps({"a": 1}) + "\n" + json.dumps({"messages": [{"content": text}]}) + "\n",
        "json": json.dumps({"rows": [{"content": text}]}, indent=1),
        "markdown": f"# Title\n\nSome {text} here\n",
        "toml": f"[recipe]\nnote = '''{text}'''\n",
    }[form].encode()
    found = Auditor(OPTIONS, Vocabulary(), b"salt").scan(data, "out")
    assert found
    assert all(value not in repr(f) and f.where.startswith("out:") for f in found)
    if form == "jsonl":
        assert {f.where.split(":")[1].split(".")[0] for f in found} == {"2"}


def test_a_row_that_shows_a_span_is_judged_in_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One string of many looks like a password as bytes; what each says is told with its place."""
    auditor = Auditor(OPTIONS, Vocabulary.from_names([real("/ho§me/zelda77/x")]), b"salt")
    folder = r"PWD: \"home:\\Workfold\\segment1:user\\\","
    text, value = carrier("github", 8)
    messages = [{"role": "user", "content": f"note {i}", "token": f"n{i}"} for i in range(300)]
    messages[150]["content"] = folder
    row = json.dumps({"messages": messages}).encode()
    messages[7] |= {"content": text, "token": "k9Zx81" + "Qw7LmN4pR2vT"}
    messages[290]["content"] = "ask zelda77"
    leaky = json.dumps({"messages": messages, "api_key" + "x" * 9: value}).encode()
    passes: list[int] = []
    scan = Detector.scan
    monkeypatch.setattr(Detector, "scan", lambda self, data: passes.append(1) or scan(self, data))
    auditor.scan(row, "f")
    assert 2 <= len(passes) < 20
    places = {finding.where.removeprefix("f:1") for finding in auditor.scan(leaky, "f")}
    assert {f".messages[{i}].content" for i in (7, 290)} | {".messages[7].token"} <= places
    assert any(place.startswith(".api_key") for place in places)


def test_names_of_the_vocabulary_are_caught() -> None:
    auditor = Auditor(OPTIONS, Vocabulary.from_names([real("/ho§me/zelda77/x")]), b"salt")
    assert auditor.scan(b'{"content": "ask zelda77 about it"}', "f")
    assert auditor.scan(b'{"content": "ask somebody about it"}', "f") == []


def test_arguments_as_a_json_string_agree_with_the_redactor() -> None:
    from sessiontune.privacy.engine import Redactor

    arguments = {"config": {"api_key": "k9" + "Zx81Qw7LmN4pR2", "password": "hun" + "ter2x!"}}
    clean = Redactor(b"s", Vocabulary(), OPTIONS).value(arguments)
    row = {"tool_calls": [{"function": {"arguments": json.dumps(clean)}}]}
    auditor = Auditor(OPTIONS, Vocabulary(), b"salt")
    assert auditor.scan(json.dumps(row).encode(), "f") == []
    row = {"tool_calls": [{"function": {"arguments": json.dumps(arguments)}}]}
    assert auditor.scan(json.dumps(row).encode(), "f")


def test_files_are_walked_and_binaries_left_out(tmp_path: Path) -> None:
    _, value = carrier("github", 3)
    (tmp_path / "a.txt").write_text(f"one\ntwo {value}\n")
    (tmp_path / "b.bin").write_bytes(b"\x00\x01" + value.encode())
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(value)
    (tmp_path / "clean.py").write_text("token = request.headers.get_authorization_value\n")
    unread: list[str] = []
    found = list(scan_files([str(tmp_path)], OPTIONS, b"salt", unread))
    assert [f.where for f in found] == [f"{tmp_path}/a.txt:2"]
    assert found[0].start == 4
    assert unread == [f"{tmp_path}/b.bin"]
    with pytest.raises(OSError):
        list(scan_files([str(tmp_path / "missing")], OPTIONS, b"salt"))


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("lines", [3, 300_000])
def test_text_in_wide_letters_is_read(tmp_path: Path, codec: str, lines: int) -> None:
    _, value = carrier("github", 5)
    path = tmp_path / "wide.txt"
    path.write_bytes(("a line of text\n" * lines + f"key {value}\n").encode(codec))
    unread: list[str] = []
    found = list(scan_files([str(path)], OPTIONS, b"salt", unread))
    assert [(f.where, f.kind) for f in found] == [(f"{path}:{lines + 1}", "github-token")]
    assert unread == []


@pytest.mark.parametrize("newline", ["", "\n"])
def test_a_value_across_the_seam_is_found_once(tmp_path: Path, newline: str) -> None:
    _, value = carrier("github", 4)
    before = (("filler words " * 5 + newline) * (BLOCK // 60))[: BLOCK + 8192 - 20]
    path = tmp_path / "big.txt"
    path.write_text(before + " " + value + " " + "tail words " * 1000)
    found = list(scan_files([str(path)], OPTIONS, b"salt"))
    assert len(found) == 1
    assert found[0].kind == "github-token"
    assert found[0].where == f"{path}:{before.count(chr(10)) + 1}"


def test_this_repository_is_clean_and_the_control_is_not(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    folders = [str(root / name) for name in ("src/sessiontune/privacy", "tests/privacy")]
    secrets = PrivacyOptions(personal=False, places=False)
    assert list(scan_files(folders, secrets, b"salt")) == []
    (tmp_path / "leak.py").write_text("KEY = '" + carrier("aws", 1)[1] + "'\n")
    assert list(scan_files([str(tmp_path)], secrets, b"salt"))


def test_kingfisher_is_planned_offline_and_read() -> None:
    job = kingfisher.plan(["out"])
    assert {"--no-validate", "--no-update-check"} <= set(job.argv)
    record = {"rule": {"id": "kf.x"}, "finding": {"path": "a", "line": 3, "snippet": "hidden",
              "column_start": 2, "column_end": 9}}  # fmt: skip
    for output in (json.dumps({"findings": [record]}), json.dumps(record) + "\nnoise\n"):
        (found,) = kingfisher.parse(output.encode())
        assert (found.where, found.kind, found.length) == ("a:3", "kf.x", 7)
        assert "hidden" not in repr(found)


_WORD = "Qw7" + "rTz4Lp9Xk2"
_LONG = _WORD + "Hb5nVc8Jd3"


@pytest.mark.parametrize(
    "text",
    [
        "$ op item get mail --fields pass" + f"word\n{_LONG}\n",
        "$ argocd admin initial-pass" + f"word\n{_LONG}\n\n This one\n",
        "erp:dbPass" + f"word      {_LONG}\nerp:replicas        3\n",
        "Sec" + f"ret used: {_LONG}\nSignature: verified\n",
        f"a\nnet use Z: /user:studio {_WORD}\n",
        f"a\n\tdns cloudflare {_LONG}\n",
        "curl " + f'-u "{_LONG}:{_LONG}" https://api.test',
        "[smtp]\npass" + f'word = """{_WORD}"""\n',
        "Angebot\nUSt-IdNr.: DE" + "219873654\n",
        "env:\n  - name: SMTP_PASS" + f"WORD\n    value: {_WORD}\n",
        "&lt;a>\n<pass" + f"word>\n  {_WORD}\n</pass" + "word>\n",
        "<pass" + f"word>\\n  {_WORD}\\n</pass" + "word>",
    ],
)
@pytest.mark.parametrize("deep", [0, 1])
def test_what_begins_or_ends_a_line_is_seen_in_a_row(text: str, deep: int) -> None:
    """Its line ends are letters there: a word before which a letter stands begins all the same."""
    for _ in range(deep):
        text = json.dumps({"command": text})
    row = json.dumps({"messages": [{"content": text}]}, ensure_ascii=False).encode()
    assert Auditor(OPTIONS, Vocabulary(), b"salt").scan(row, "out")


def test_a_row_with_half_of_a_pair_is_judged_in_its_places() -> None:
    """Which orjson does not read: what stays in a text would be taken for more among escapes."""
    text = '\ud83d ALTER USER \\"erp\\" WITH ENCRYPTED PASSWORD \''
    auditor = Auditor(OPTIONS, Vocabulary(), b"salt")
    assert auditor.scan(json.dumps({"content": text + "x"}).encode(), "f") == []
    text, _ = carrier("github", 5)
    (found,) = auditor.scan(json.dumps({"content": "\udc00 " + text}).encode(), "f")
    assert found.where == "f:1.content"
