"""What the state knows of a log holds only as long as the rules by which it was noted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

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
