"""The card's chapters on the files of an export: which there are, and how to load them."""

from __future__ import annotations

from .. import howto
from ..figures import listed, number, size
from ..manifest import Manifest
from ..rows import examples, features


def files(manifest: Manifest) -> str:
    """The chapter on the files; "" if there are none."""
    if not manifest.files:
        return ""
    out = [
        "## File Formats\n",
        "| File | Rows | Size | Best for | Read by |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    for file in manifest.files:
        best, readers = examples.BEST.get(_kind(file.path), ("", ""))
        rows = number(file.rows) if file.rows else ""
        held = size(file.bytes).replace(" ", "&nbsp;")  # no line break before the unit
        out.append(f"| `{file.path}` | {rows} | {held} | {best} | {readers} |")
    kinds = {_kind(f.path) for f in manifest.files}
    out += ["", *(text for kind, text in examples.SECTIONS.items() if kind in kinds)]
    out.append(
        "Every row also says what it belongs to: `session_id`, `agent_id` (empty for a main "
        "thread), `thread`, `lineage`, `epoch` (0 before the first compaction or emptied "
        "context), `forked_from`, `project`, `source`, `model`, `vendor`, `at`, `split` and more."
    )
    return "\n".join(out) + "\n"


def loading(manifest: Manifest) -> str:
    """The chapter on loading them; "" if no file has rows."""
    files = [(f.path, f.rows) for f in manifest.files]
    parts = features.configs(files, thinking=manifest.options.thinking)
    if not parts:
        return ""
    names = ", ".join(f"`{c.name}`" for c in parts)
    first = parts[0]
    folder = manifest.name or "folder"
    text = f"""## Loading

```python
from datasets import load_dataset, load_dataset_builder

data = load_dataset("path/to/{folder}", "{first.name}")    # {listed(s for s, _ in first.files)}
```

Configurations: {names}. The types are at the head of this file, so nothing is guessed. To read a
single file, give them too:

```python
types = load_dataset_builder("path/to/{folder}", "{first.name}").info.features
data = load_dataset("json", data_files="path/to/{folder}/{first.files[0][1]}", features=types)
```
"""
    parquet = next((f.path for f in manifest.files if f.path.endswith(".parquet") and f.rows), "")
    if parquet:
        text += (
            f'\nOr `load_dataset("parquet", data_files="path/to/{folder}/{parquet}")`: Parquet '
            "carries its types.\n"
        )
    return text


def place(manifest: Manifest) -> howto.Place:
    """Which file is which, for the how-to's commands."""
    by_kind: dict[str, dict[str, str]] = {}
    for file in manifest.files:
        if file.rows:
            by_kind.setdefault(_kind(file.path), {})[features.side_of(file.path)] = file.path

    def first(kind: str) -> str:
        sides = by_kind.get(kind, {})
        return sides.get("train") or sides.get("all", "")

    return howto.Place(
        name=manifest.name,
        openai=first("openai"),
        openai_eval=by_kind.get("openai", {}).get("eval", ""),
        sharegpt=first("sharegpt"),
        sharegpt_eval=by_kind.get("sharegpt", {}).get("eval", ""),
        parquet=first("parquet"),
        tools=manifest.options.tools,
    )


def _kind(path: str) -> str:
    if path.endswith(".parquet"):
        return "parquet"
    if path.endswith("_conversations_combined.json"):
        return "combined"
    return features.format_of(path) or path.rsplit("/", 1)[-1]
