"""Publishing against a local fake of the hub's HTTP interface, through the hub's own client."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import EndpointError, PreflightError, PrivacyError, UsageError
from sessiontune.runtime.publish import prepare, publish
from sessiontune.shipping.convert import Card, metadata
from sessiontune.shipping.publish import Terms, adapter_card
from sessiontune.shipping.run import Run, file_digest, read_run

pytest.importorskip("huggingface_hub")
OK = Terms(license="apache-2.0", accepted=True)


class FakeHub(ThreadingHTTPServer):
    """Repositories in memory: create, info, preupload, large files, commit."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.repos: dict[str, dict[str, Any]] = {}
        self.large: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.makes_public = False
        self.loses = ""
        self.fault = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _send(self, data: Any, status: int = 200) -> None:
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _repo(self) -> dict[str, Any]:
        kind, owner, name = self.path.split("?")[0].split("/")[2:5]
        return self.server.repos[f"{kind}/{owner}/{name}"]

    def do_GET(self) -> None:
        self.server.calls.append(f"GET {self.path}")
        if self.path.startswith("/api/whoami"):
            self._send({"name": "me", "orgs": []})
            return
        repo = self._repo()
        files = [{"rfilename": name} for name in sorted(repo["files"])]
        self._send({"id": "me/x", "private": repo["private"], "siblings": files, "tags": []})

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_PUT(self) -> None:
        if self.server.fault == "half of a file":
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
            self._hang_up()
            return
        body = self._body()
        self.server.large[sha256(body).hexdigest()] = body
        self._send({})

    def do_POST(self) -> None:
        self.server.calls.append(f"POST {self.path}")
        body = self._body()
        if self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._send({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            big = ".safetensors"
            modes = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if f["path"].endswith(big) else "regular",
                    "shouldIgnore": False,
                }
                for f in files
            ]
            self._send({"files": modes})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            actions = [
                {
                    **o,
                    "actions": {"upload": {"href": f"{self.server.url}/lfs/{o['oid']}"}},
                }
                for o in objects
            ]
            self._send({"transfer": "basic", "objects": actions})
        else:
            self._commit(body)

    def _create(self, data: dict[str, Any]) -> None:
        key = f"{data.get('type', 'model')}s/{data.get('organization') or 'me'}/{data['name']}"
        known = key in self.server.repos
        asked = data.get("private") is True or data.get("visibility") == "private"
        private = asked and not self.server.makes_public
        if not known:
            self.server.repos[key] = {"private": private, "files": {}}
        kind, owner, name = key.split("/")
        prefix = "" if kind == "models" else f"{kind}/"
        answer = {"url": f"{self.server.url}/{prefix}{owner}/{name}", "id": f"{owner}/{name}"}
        self._send(answer, 409 if known else 200)

    def _commit(self, body: bytes) -> None:
        if self.server.fault == "commit":
            self._hang_up()
            return
        if self.server.fault.isdecimal():
            self._send({"error": "no"}, int(self.server.fault))
            return
        repo = self._repo()
        for line in body.decode().splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file" and value["path"] != self.server.loses:
                repo["files"][value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                repo["files"][value["path"]] = self.server.large[value["oid"]]
        self._send({"commitUrl": f"{self.server.url}/me/x/commit/abc", "commitOid": "abc"})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 12)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    fake = FakeHub()
    threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield fake
    fake.shutdown()
    fake.server_close()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small published folder, with a file beside that is not part of it."""
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    row = {"messages": [{"role": "user", "content": "Sort the list."}]}
    (folder / "train/openai.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("# Data\n", encoding="utf-8")
    (folder / "mine.txt").write_text("not published", encoding="utf-8")
    entry = {
        "path": "train/openai.jsonl",
        "sha256": file_digest(folder / "train/openai.jsonl"),
        "bytes": 1,
        "rows": 1,
    }
    _manifest(folder, files=[entry])
    return folder


def _manifest(folder: Path, **more: Any) -> None:
    note = folder / "manifest.json"
    old = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    text = json.dumps({"privacy": True, "gate": True, **old, **more})
    note.write_text(text, encoding="utf-8")


def test_a_data_set_goes_up_private_and_is_read_back(hub: FakeHub, export: Path) -> None:
    done = publish(export, "me/x", OK, public=False, endpoint=hub.url)
    repo = hub.repos["datasets/me/x"]
    assert done.private
    assert set(repo["files"]) == {"README.md", "manifest.json", "train/openai.jsonl"}
    assert repo["files"]["train/openai.jsonl"] == (export / "train/openai.jsonl").read_bytes()
    first_info = next(i for i, c in enumerate(hub.calls) if c.startswith("GET /api/datasets"))
    commit = next(i for i, c in enumerate(hub.calls) if "/commit/" in c)
    assert first_info < commit


def test_parquet_is_read_for_the_scan(export: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def put(text: str) -> None:
        pq.write_table(pa.table({"messages": [[{"content": text}]]}), export / "train/data.parquet")
        names = ("train/openai.jsonl", "train/data.parquet")
        files = [{"path": name, "sha256": file_digest(export / name)} for name in names]
        _manifest(export, files=files)

    put("Sort the list.")
    plan = prepare(export, OK)[1]
    assert plan.said == "4 of 4 files scanned, all clean."
    put("the key is sk-ant-" + "api03-" + "Zk4" * 31 + "AA")
    with pytest.raises(PrivacyError, match=r"1 findings?, the first \S+ at train/data.parquet:1"):
        prepare(export, OK)


def test_public_only_when_asked(hub: FakeHub, export: Path) -> None:
    assert not publish(export, "me/x", OK, public=True, endpoint=hub.url).private


def test_a_hub_that_makes_it_public_gets_nothing(hub: FakeHub, export: Path) -> None:
    hub.makes_public = True
    with pytest.raises(PreflightError, match="is public on the hub"):
        publish(export, "me/x", OK, public=False, endpoint=hub.url)
    assert hub.repos["datasets/me/x"]["files"] == {}
    assert not any("/commit/" in call or "/preupload/" in call for call in hub.calls)


def test_an_existing_public_repository_gets_nothing(hub: FakeHub, export: Path) -> None:
    hub.repos["datasets/me/x"] = {"private": False, "files": {}}
    with pytest.raises(PreflightError, match="is public"):
        publish(export, "me/x", OK, public=False, endpoint=hub.url)
    assert hub.repos["datasets/me/x"]["files"] == {}


def test_what_is_missing_afterwards_is_said(hub: FakeHub, export: Path) -> None:
    hub.loses = "README.md"
    with pytest.raises(EndpointError, match=r"README\.md is missing"):
        publish(export, "me/x", OK, public=False, endpoint=hub.url)


@pytest.mark.models
@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        ("half of a file", "not sent twice"),
        ("commit", "not sent twice"),
        ("403", "may write"),
        ("500", "not sent twice"),
    ],
)
def test_an_upload_that_breaks_off_leaves_nothing_and_the_next_one_goes_through(
    hub: FakeHub,
    runs: Callable[[str], Run],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    hint: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client's own waits
    folder = tmp_path / "run"
    shutil.copytree(runs("llama").folder, folder, ignore=shutil.ignore_patterns("ship"))
    (folder / "evaluation").mkdir()
    (folder / "evaluation/result.json").write_text("{", encoding="utf-8")
    with pytest.raises(PreflightError, match="was not evaluated"):
        prepare(folder, OK)
    (folder / "evaluation/result.json").write_text("{}", encoding="utf-8")
    hub.fault = fault
    with pytest.raises(EndpointError, match="did not take it") as caught:
        publish(folder, "me/a", OK, public=False, endpoint=hub.url)
    assert hint in caught.value.hint
    assert hub.repos["models/me/a"]["files"] == {}
    hub.fault = ""
    assert publish(folder, "me/a", OK, public=False, endpoint=hub.url).private
    assert "adapter_model.safetensors" in hub.repos["models/me/a"]["files"]


def test_no_hub_at_all(hub: FakeHub, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(EndpointError, match="did not take it"):
        publish(export, "me/x", OK, public=False, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize("terms", [Terms(), Terms(license="mit"), Terms(accepted=True)])
def test_no_licence_or_no_confirmation(hub: FakeHub, export: Path, terms: Terms) -> None:
    with pytest.raises(UsageError, match="Nothing is published"):
        publish(export, "me/x", terms, public=False, endpoint=hub.url)
    assert hub.calls == []


def test_a_secret_in_the_files_is_refused(hub: FakeHub, export: Path) -> None:
    key = "ghp" + "_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"
    path = export / "train/openai.jsonl"
    path.write_text(json.dumps({"messages": [{"content": f"token {key}"}]}), encoding="utf-8")
    _manifest(export, files=[{"path": "train/openai.jsonl", "sha256": file_digest(path)}])
    with pytest.raises(PrivacyError, match="not clean") as caught:
        publish(export, "me/x", OK, public=False, endpoint=hub.url)
    assert key not in str(caught.value)
    assert hub.calls == []


@pytest.mark.parametrize("off", ["privacy", "gate"])
def test_exports_without_privacy_are_refused(export: Path, off: str) -> None:
    _manifest(export, **{off: False})
    with pytest.raises(PrivacyError, match="without"):
        prepare(export, OK)


def test_changed_and_outside_files_are_refused(export: Path, tmp_path: Path) -> None:
    with (export / "train/openai.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(PreflightError, match="changed since"):
        prepare(export, OK)
    (tmp_path / "secret.txt").write_text("x")
    entry = {"path": "../secret.txt", "sha256": file_digest(tmp_path / "secret.txt")}
    _manifest(export, files=[entry])
    with pytest.raises(UsageError, match="not there"):
        prepare(export, OK)


@pytest.mark.models
def test_an_adapter_carries_no_path_of_this_machine(
    hub: FakeHub, runs: Callable[[str], Run]
) -> None:
    run = runs("llama")
    with pytest.raises(PreflightError, match="not evaluated"):
        publish(run.folder, "me/a", OK, public=False, endpoint=hub.url)
    result = run.folder / "evaluation/result.json"
    result.parent.mkdir()
    try:
        result.write_text(json.dumps({"secrets_in_answers": 1}), encoding="utf-8")
        with pytest.raises(PrivacyError, match="secrets in them"):
            publish(run.folder, "me/a", OK, public=False, endpoint=hub.url)
        result.write_text(json.dumps({"sentence": "Better."}), encoding="utf-8")
        publish(run.folder, "me/a", OK, public=False, endpoint=hub.url)
    finally:
        result.unlink()
        result.parent.rmdir()
    files = hub.repos["models/me/a"]["files"]
    weights = run.adapter / "adapter_model.safetensors"
    assert files["adapter_model.safetensors"] == weights.read_bytes()
    texts = b"".join(v for k, v in files.items() if not k.endswith(".safetensors"))
    assert str(run.base).encode() not in texts
    assert str(run.folder).encode() not in texts
    assert json.loads(files["adapter_config.json"])["base_model_name_or_path"] == run.base_id


@pytest.mark.models
def test_cards_are_what_the_hub_reads(export: Path, runs: Callable[[str], Run]) -> None:
    """Front matter by the hub's own reader: licence, base model, and nothing lost."""
    from huggingface_hub import DatasetCard, ModelCard

    plain = (export / "README.md").read_text()
    for card in (plain, "---\npretty_name: mine\nlanguage:\n- code\n---\n# Data\n"):
        (export / "README.md").write_text(card)
        parcel, _ = prepare(export, OK)
        assert "README.md" not in parcel.files
        read = DatasetCard(parcel.texts["README.md"], ignore_metadata_errors=False)
        assert read.data.license == "apache-2.0"
        assert read.text.strip() == "# Data"
        assert read.data.pretty_name == ("mine" if card != plain else None)
        without, _ = prepare(export, Terms())
        assert without.texts["README.md"] == card
    run = runs("llama")
    made = ModelCard(adapter_card(run, OK, 'It is "better": yes.'), ignore_metadata_errors=False)
    assert made.data.base_model == run.base_id
    assert made.data.license == "apache-2.0"
    assert made.data.library_name == "peft"


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "path", "shown"),
    [
        ("Qwen/Qwen3-4B", "/cache/models--Qwen--Qwen3-4B/snapshots/ab12", "Qwen/Qwen3-4B"),
        ("/home/dev/models/qwen", "/home/dev/models/qwen", "qwen"),
        ("models/qwen", "/home/dev/models/qwen", "qwen"),
        ("../qwen", "/home/dev/qwen", "qwen"),
        ("", "/home/dev/qwen", "qwen"),
        ("tiny", "base", "tiny"),
    ],
)
def test_a_local_base_is_named_without_its_path(
    runs: Callable[[str], Run], tmp_path: Path, name: str, path: str, shown: str
) -> None:
    run = runs("llama")
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("ship"))
    note = json.loads((copy / "run.json").read_text())
    note["base"] |= {"id": name, "path": path}
    (copy / "run.json").write_text(json.dumps(note))
    found = read_run(copy, base=run.base)
    assert found.base_id == shown
    assert "/home/dev" not in metadata(found, Card())
    assert "/home/dev" not in adapter_card(found, OK, "")
