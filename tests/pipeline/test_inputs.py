"""What the state knows of a log holds only as long as the rules by which it was noted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from sessiontune import registry
from sessiontune.pipeline.inputs import discover
from sessiontune.runtime.local import LocalRunner
from sessiontune.store import Store

LINE = (
    '{"type":"%s","uuid":"%s","sessionId":"s",'
    '"message":{"id":"msg_01ABCDEFGHIJKLMNO","content":"a"}}\n'
)


@pytest.mark.parametrize("grown", [False, True])
def test_an_index_made_by_former_rules_is_made_anew(tmp_path: Path, grown: bool) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text(LINE % ("user", "u1") + LINE % ("assistant", "u2"))
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([log.parent], ["claude"], store, runner, verify=False).rows
        older = msgspec.structs.replace(row.index, ids=b"", links=(), rules=0)
        store.put_files([msgspec.structs.replace(row, index=older)])
        if grown:
            with log.open("a") as more:
                more.write(LINE % ("user", "u3"))

        (again,) = discover([log.parent], ["claude"], store, runner, verify=False).rows

    assert "message:msg_01ABCDEFGHIJKLMNO" in again.index.links
    assert len(again.index.ids) == 8 * (3 if grown else 2)


def test_a_file_that_no_source_of_a_former_version_knew_is_looked_at_again(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "s.jsonl"
    log.parent.mkdir()
    log.write_text('{"type":"session_start","id":"s","title":"t","owner":"o","cwd":"/a"}\n')
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([log.parent], ["droid"], store, runner, verify=False).rows
        former = msgspec.structs.replace(row.index, rules=1)
        nobody = msgspec.structs.replace(row.file, source="")
        store.put_files([msgspec.structs.replace(row, file=nobody, index=former)])
        (again,) = discover([log.parent], ["droid"], store, runner, verify=False).rows

    assert again.file.source == "droid"


def test_a_log_of_an_agent_that_was_not_asked_for_is_found_when_it_is(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "s.jsonl").write_text(LINE % ("user", "u1"))
    other = logs / "d.jsonl"
    other.write_text('{"type":"session_start","id":"s","title":"t","owner":"o","cwd":"/a"}\n')

    def found(*sources: str) -> dict[str, str]:
        inputs = discover([logs], sources, store, runner, verify=False)
        assert not inputs.gone
        return {row.file.path.rpartition("/")[2]: row.file.source for row in inputs.rows}

    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        every = registry.source_names()
        assert found("claude") == {"s.jsonl": "claude"}
        assert found(*every) == {"s.jsonl": "claude", "d.jsonl": "droid"}
        with other.open("a") as more:
            more.write("{}\n")
        assert found("claude") == {"s.jsonl": "claude"}
        assert found(*every) == {"s.jsonl": "claude", "d.jsonl": "droid"}
        other.unlink()
        assert found("claude") == {"s.jsonl": "claude"}


def test_what_lies_beside_a_database_counts_once(tmp_path: Path) -> None:
    """Several agents have databases of the same ending."""
    path = tmp_path / "logs" / "crush.db"
    path.parent.mkdir()
    base = sqlite3.connect(path)
    base.execute("pragma journal_mode=wal")
    base.execute("create table sessions (id, parent_session_id)")
    base.execute("create table messages (id, session_id, parts, finished_at, created_at)")
    base.commit()
    names = registry.source_names()
    with Store(tmp_path / "state", write=True) as store, LocalRunner(1) as runner:
        (row,) = discover([path.parent], names, store, runner, verify=False).rows
        sizes = [p.stat().st_size for p in (path, path.with_name("crush.db-wal"))]
    base.close()

    assert row.file.source == "crush"
    assert sizes[1] > 0
    assert row.file.size == sum(sizes)
