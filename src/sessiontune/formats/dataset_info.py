"""`llamafactory/dataset_info.json`: registers the files of an export with LLaMA-Factory.

Used with `dataset_dir: llamafactory`; paths are relative to that folder. Names are NAME for the
file at the top of the export, NAME_train and NAME_eval for the sides of the split, NAME_alpaca,
NAME_kto and NAME_dpo.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..rows.features import format_of

_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
_MESSAGES = {"messages": "conversations", "tools": "tools"}


def dataset_info(name: str, files: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """The registry for the (path, rows) of an export; files without rows are left out."""
    found: dict[str, Any] = {}
    for path, rows in files:
        entry = _entry(format_of(path))
        if entry is None or not rows:
            continue
        folder = path.rpartition("/")[0]
        kind = format_of(path).removesuffix("_sharegpt")
        suffix = {"train": "_train", "eval": "_eval", "preferences": f"_{kind}"}.get(folder, "")
        if kind == "alpaca":
            suffix = "_alpaca" + suffix
        found[name + suffix] = {"file_name": f"../{path}", **entry}
    return found


def _entry(kind: str) -> dict[str, Any] | None:
    if kind == "sharegpt":
        # The column `system` is used without tools only; with them the first turn may be one.
        columns = {**_MESSAGES, "system": "system"}
        return {"formatting": "sharegpt", "columns": columns, "tags": _TAGS}
    if kind == "alpaca":
        names = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"formatting": "alpaca", "columns": {**names, "system": "system"}}
    if kind == "kto_sharegpt":
        columns = {**_MESSAGES, "kto_tag": "label"}
        return {"formatting": "sharegpt", "columns": columns, "tags": _TAGS}
    if kind == "dpo_sharegpt":
        columns = {**_MESSAGES, "chosen": "chosen", "rejected": "rejected"}
        return {"formatting": "sharegpt", "ranking": True, "columns": columns, "tags": _TAGS}
    return None
