"""Uses of each format and examples of its rows, for the card."""

#: Format -> (what it is best for, what reads it).
BEST = {
    "sharegpt": ("Multi-turn chat models", "LLaMA-Factory, Axolotl, FastChat"),
    "openai": ("Chat models that call tools", "TRL, Axolotl, Unsloth, `sessiontune train`"),
    "long": ("Answers longer than a row, whole", "`sessiontune train`, which cuts them"),
    "raw": ("Your own pipelines: one message a line, all metadata", "scripts"),
    "combined": ("Inspection: everything in one document", "people, `jq`"),
    "alpaca": ("Single questions with their answers", "LLaMA-Factory, Axolotl"),
    "parquet": ("The typed, compressed form of `openai`", "`datasets`, Axolotl, DuckDB"),
    "kto": ("Preferences, one side each", "TRL"),
    "dpo": ("Preferences, chosen against rejected", "TRL"),
    "kto_sharegpt": ("Preferences, one side each", "LLaMA-Factory"),
    "dpo_sharegpt": ("Preferences, chosen against rejected", "LLaMA-Factory"),
    "README.md": ("This page", "people, the Hugging Face Hub"),
    "recipe.toml": ("The options of this export, to take up again", "`sessiontune export`"),
    "report.html": ("The figures as a page, without scripts", "a browser"),
    "dataset_info.json": ("Registers the files as data sets", "LLaMA-Factory"),
}

#: Format -> its section of the card.
SECTIONS = {
    "sharegpt": """### ShareGPT

```json
{"conversations": [
  {"from": "human", "value": "user message here"},
  {"from": "function_call",
   "value": "{\\"name\\": \\"Read\\", \\"arguments\\": {\\"file_path\\": \\"app.py\\"}}"},
  {"from": "observation", "value": "what the tool gave back"},
  {"from": "gpt", "value": "assistant response here"}],
 "tools": "[...]", "system": "", "session_id": "..."}
```

Turns strictly alternate. With `--no-tools` there are only `human` and `gpt`.
""",
    "openai": """### OpenAI

```json
{"messages": [
  {"role": "user", "content": "user message here", "train": false},
  {"role": "assistant", "content": "", "tool_calls": [{"id": "...", "type": "function",
    "function": {"name": "Read", "arguments": "{\\"file_path\\": \\"app.py\\"}"}}], "train": true},
  {"role": "tool", "tool_call_id": "...", "name": "Read", "content": "...", "train": false},
  {"role": "assistant", "content": "assistant response here", "train": true}],
 "tools": "[...]", "tools_inferred": true, "session_id": "..."}
```

`train` says which messages bear loss. `arguments` and `tools` are JSON **strings**, because tables
need one type a column. A branch repeats what came before it as context, untrained.
""",
    "raw": """### Raw

```json
{"role": "assistant", "content": "message text", "kind": "answer", "labels": "",
 "session_id": "...", "agent_id": null}
```

One message a line, each exactly once; tool results are lines of the role `tool`. Both sides are in
it: whoever trains on it takes the lines with `split` "train".
""",
    "combined": """### Combined

One document: `export` (date, counts), then `conversations` with their messages, session and agent
ids and all metadata.
""",
}
