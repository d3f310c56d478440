"""Runs llama.cpp's converter in a process of its own, with the facts that it would guess.

    python -m sessiontune.shipping.convert_main FACTS.json SCRIPT ARGUMENT...

FACTS: {"add_bos": bool, "bos": id | null, "eos": id, "template": text, "pre": name | null}.
`pre` is used only for a tokenizer that the converter does not recognise itself.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from .leash import end_with_parent


def main(argv: list[str]) -> None:
    """Prepare the converter's modules, then run the script unchanged."""
    end_with_parent()
    facts = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    script = Path(argv[1]).resolve()
    sys.path[:0] = [str(script.parent), str(script.parent / "gguf-py")]
    import gguf

    _state_facts(gguf, facts)
    if (script.parent / "conversion").is_dir():
        from conversion import base  # type: ignore[import-not-found]

        _name_unknown(base, facts["pre"])
        sys.argv = [str(script), *argv[2:]]
        runpy.run_path(str(script), run_name="__main__")
        return
    # Before 2026 the model classes were in the script itself.
    sys.argv = [str(script), *argv[2:]]
    from importlib import import_module

    module = import_module(script.stem)
    _name_unknown(module, facts["pre"])
    module.main()


def _state_facts(gguf: Any, facts: dict[str, Any]) -> None:
    """Every vocabulary that is written gets our BOS, EOS and template."""
    read: Callable[..., None] = gguf.SpecialVocab.__init__

    def stated(self: Any, *args: Any, **more: Any) -> None:
        read(self, *args, **more)
        self.add_special_token["bos"] = facts["add_bos"]
        self.add_special_token["eos"] = False
        if facts["bos"] is not None:
            self.special_token_ids["bos"] = facts["bos"]
        self.special_token_ids["eos"] = facts["eos"]
        self.chat_template = facts["template"]

    gguf.SpecialVocab.__init__ = stated


def _name_unknown(module: ModuleType, name: str | None) -> None:
    """If the pre-tokenizer is not recognised, answer `name` instead of failing."""
    if name is None:
        return
    for kind in list(vars(module).values()):
        if isinstance(kind, type) and "get_vocab_base_pre" in vars(kind):
            kind.get_vocab_base_pre = _fallback(  # type: ignore[attr-defined]
                vars(kind)["get_vocab_base_pre"], name
            )


def _fallback(known: Callable[[Any, Any], str], name: str) -> Callable[[Any, Any], str]:
    def answer(self: Any, tokenizer: Any) -> str:
        try:
            return known(self, tokenizer)
        except NotImplementedError:
            print(f"pre-tokenizer not recognised, taken as {name}", flush=True)
            return name

    return answer


if __name__ == "__main__":
    main(sys.argv[1:])
