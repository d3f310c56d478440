"""What only a reading of the text shows: quotes written in another way, listings, commands as lists
of words, escaped letters; and what looks alike and stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest
from making import made
from taking import AUDITOR, REDACTOR, TYPED, check_taken, gone

ENV = "- name: DB_PASSWORD\n  value: {}\n- name: X\n  value: a"
KUBE = "kind: Secret\nmetadata:\n  name: web\nstringData:\n  first: {}\n  second: a"
VARIABLE = 'variable "db_password" {{\n  type    = string\n  default = "{}"\n}}'
BLOCK = "db:\n  password: |\n    {}\n  host: a"
NESTED = "db:\n  password:\n    {}\n  host: a"
CONTEXT = (
    " kind: Secret\n metadata:\n   name: web\n data:\n-  first: b"
    + "Us3dlEyeExwOVJ0NFp3\n+  first: {}\n"
)

#: How a listing shows each line, by number.
LISTED = {
    "numbers": lambda i, line: f"{i:6}\t{line}",
    "arrows": lambda i, line: f"{i:6}\u2192{line}",
    "grep": lambda i, line: f"k8s/web.yaml:{i}:{line}",
    "lines around a match": lambda i, line: f"k8s/web.yaml-{i}-{line}",
    "diff": lambda i, line: f"+{line}",
    "quoted": lambda i, line: f"> {line}",
    "container": lambda i, line: f"web-1  | {line}",
    "time": lambda i, line: f"2026-03-01T10:00:00.1234567Z {line}",
}


@pytest.mark.parametrize("text", [ENV, KUBE, VARIABLE, BLOCK, NESTED])
@pytest.mark.parametrize("listing", LISTED)
def test_a_value_below_its_name_in_a_listing(text: str, listing: str) -> None:
    lines = text.split("\n")
    check_taken("\n".join(LISTED[listing](i, line) for i, line in enumerate(lines, 1)), TYPED)


TAKEN = [
    # quotes in a string of a shell, of HTML, of SQL, of CSV
    "bash -c 'curl --user '\\''ada:{}'\\'' https://a.example'",
    "bash -c 'echo '\"'\"'{}'\"'\"' | sudo -S id'",
    "<pre>ConvertTo-SecureString &quot;{}&quot; -AsPlainText</pre>",
    "<pre>mysql -u root --password=&#x27;{}&#x27; db</pre>",
    "&lt;b&gt;ConvertTo-SecureString &amp;quot;{}&amp;quot; -AsPlainText",
    "INSERT INTO log VALUES (1, 'echo ''{}'' | sudo -S id');",
    '1,"ConvertTo-SecureString -String ""{}"" -AsPlainText",ok',
    # commands as lists of words
    '["curl", "-s", "-u", "ada:{}", "https://a.example"]',
    "['mysql', '-u', 'root', '-p{}', 'shop']",
    'exec.Command("sshpass", "-p", "{}", "ssh", "web1")',
    'spawn("mysql", ["-uroot", "-p{}", "shop"])',
    '"command": [\n  "redis-cli",\n  "-a",\n  "{}",\n  "ping"\n]',
    # behind a list of sentences
    '["git", "commit", "-m", "-x goes"]\n["curl", "-u", "ada:{}", "https://a.example"]',
    # letters that need no escape
    '"v": "mysql\\u0020-u root \\u002Dp{}"',
    'p\\u0061ssw\\u006frd: "{}"',
    # here documents
    "export DB_PASSWORD=$(cat <<EOF\n{}\nEOF\n)",
    "DB_PASSWORD=\"$(cat <<'EOF'\n{}\nEOF\n)\"",
    "db_password = <<-EOT\n  {}\nEOT\n",
    "$password = <<<EOT\n{}\nEOT;",
    # line ends of Windows, a block below the name of a variable
    "password: |\r\n  {}\r\n",
]  # fmt: skip

LEFT = [
    "script_key = <<EOF\n#!/bin/bash\nset -e\nEOF",
    "cat > token.py <<EOF\nimport secrets\nEOF",
    "token << EOF\nparser2\n",
    '["docker", "run", "-p", "8080:80", "-u", "1000:1000", "nginx:1.27-alpine3"]',
    '["git", "log", "-S", "password", "--format=%H"]',
    "x = '' if key == '' else ''.join(token)",
    '"""Token of the parser."""\nname = ""',
    "<a title=&quot;Token parser v2&quot; href=&#39;/docs/token-v2&#39;>",
    "     1\tkey:\n     2\t  name: Parser2Token\n",
    "src/a.py:1:    key = (\nsrc/a.py:2:        first_name_1\n",
    "- token\n- tokenizer-v2\n",
    "[\\u0041-\\u005A\\u0061-\\u007A]",
]


def test_a_value_among_lines_that_a_diff_left_as_they_are() -> None:
    check_taken(CONTEXT, "[A-Za-z]{14}[0-9][A-Za-z]")


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text: str) -> None:
    check_taken(text, TYPED)


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_key_keeps_no_piece_where_json_escapes_its_signs() -> None:
    key = made("[A-Za-z0-9]{20}", Random(1)) + "\\u002B" + made("[A-Za-z0-9]{22}", Random(2)) + "="
    clean = REDACTOR.text(json.dumps({"AccountKey": "V"}).replace("V", key))
    assert not any(key[i : i + 8] in clean for i in range(len(key) - 8))


@pytest.mark.parametrize(
    "words",
    [["curl", "-u", "ada:V", "x"], ["mysql", "-uroot", "-pV"], ["bash", "-c", "curl -u a:V"]],
)
def test_a_command_among_the_arguments_of_a_call(words: list[str]) -> None:
    value = made(TYPED, Random(3))
    call = {"command": [word.replace("V", value) for word in words]}
    clean = REDACTOR.value(call)
    assert value not in json.dumps(clean)
    assert len(clean["command"]) == len(words)
    assert REDACTOR.value(clean) == clean
    row = {"tool_calls": [{"arguments": call}]}
    assert AUDITOR.scan(json.dumps(row).encode(), "row")
    assert not AUDITOR.scan(json.dumps({"tool_calls": [{"arguments": clean}]}).encode(), "row")


def xxd(raw: bytes) -> str:
    return "".join(
        f"{at:08x}: {raw[at : at + 16].hex(' ', -2):39}  {seen(raw[at : at + 16])}\n"
        for at in range(0, len(raw), 16)
    )


def hexdump(raw: bytes) -> str:
    return "".join(
        f"{at:08x}  {raw[at : at + 8].hex(' '):23}  {raw[at + 8 : at + 16].hex(' '):23}  "
        f"|{seen(raw[at : at + 16])}|\n"
        for at in range(0, len(raw), 16)
    )


def plain(raw: bytes) -> str:
    return "".join(f"{raw[at : at + 30].hex()}\n" for at in range(0, len(raw), 30))


def seen(raw: bytes) -> str:
    return "".join(chr(c) if 32 <= c < 127 else "." for c in raw)


def test_a_value_in_octal_escapes() -> None:
    value = made(TYPED, Random(5))
    written = "".join(f"\\{ord(c):03o}" for c in value)
    for text in (f"password={written}\n", f"printf 'password={written}'"):
        assert written not in REDACTOR.text(text)
        assert gone(text, written[:40])


@pytest.mark.parametrize("dump", [xxd, hexdump, plain])
@pytest.mark.parametrize("before", [0, 3, 9, 21])
def test_a_dump_is_read_and_written_again(dump: Callable[[bytes], str], before: int) -> None:
    """A secret goes, over all lines of the dump; what is around it stays, also in a JSON string."""
    value = made(TYPED, Random(before))
    raw = b"\n" * (before > 9) + b"x" * before + f"\nDB_PASSWORD={value}\nHOST=a\n".encode()
    text = f"$ dump .env\n{dump(raw)}$ ls\n"
    clean = REDACTOR.text(text)
    new = REDACTOR.text(f"DB_PASSWORD={value}").encode()
    assert clean == text.replace(dump(raw), dump(raw.replace(f"DB_PASSWORD={value}".encode(), new)))
    assert REDACTOR.text(clean) == clean
    assert json.loads(REDACTOR.text(json.dumps({"v": text}))) == {"v": clean}
    assert AUDITOR.scan(json.dumps({"v": text}).encode(), "row")
    assert not AUDITOR.scan(json.dumps({"v": clean}).encode(), "row")


def test_a_dump_without_a_finding_stays() -> None:
    raw = Random(1).randbytes(900) + b"plain words of no secret, in many lines\n" * 20
    assert REDACTOR.text(xxd(raw) + hexdump(raw)) == xxd(raw) + hexdump(raw)


def test_a_dump_of_another_width_loses_no_byte() -> None:
    raw = f"x\nDB_PASSWORD={made(TYPED, Random(6))}\n".encode().ljust(64, b".")
    wide = "".join(
        f"{at:08x}: {raw[at : at + 32].hex(' ', -2)}  {seen(raw[at : at + 32])}\n" for at in (0, 32)
    )
    clean = REDACTOR.text(wide)
    assert [line[:89] for line in clean.split("\n")] == [line[:89] for line in wide.split("\n")]
