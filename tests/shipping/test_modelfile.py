"""A Modelfile gives back exactly what was meant, also to readers that are not ours; what it cannot
carry goes into create.json."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.errors import UsageError
from sessiontune.shipping.families import FAMILIES, TRIALS, Turns, family_of
from sessiontune.shipping.modelfile import Line, Modelfile, read, write
from sessiontune.shipping.ollama import request

from . import readers

ODD = [
    "plain",
    'She said """wait""" and left.',
    '"""',
    '""" first',
    'last """',
    '"quoted"',
    '"',
    'ends in three marks and a blank """ ',
    "   blanks first and last\t ",
    "blanks at the end   ",
    "\ttab first",
    "two\nlines",
    "line\n\n\nbreaks\n",
    'two\n"""marks""" inside\nlines',
    "# not a comment",
    "FROM not-an-instruction",
    "naïve 你好 🚀",
    "{{ .Content }}",
    "ends in a backslash \\",
    "line ends of\r\nother systems\r\n",
    "a\ttab,\ttwo",
]
#: What Ollama's reader drops, or takes for the end.
LOST = [
    "non-breaking\u00a0space",
    "\u00a0at both ends\u00a0",
    "\U0001f469\u200d\U0001f4bb joined",
    "soft\u00adhyphen",
    "line\u2028separator",
    "zero\x00byte and vertical\x0btab",
    "a tag \U000e0041 beyond the first plane",
    'a line ends in """\nand goes on',
    'one in """  \r\nwith blanks behind',
]
FIELDS = ["template", "system", "licenses", "messages", "parameters"]


def _made(field: str, text: str) -> Modelfile:
    given_ = {
        "template": {"template": text},
        "system": {"system": text},
        "licenses": {"licenses": (text, "MIT")},
        "messages": {"messages": (("user", text), ("assistant", "ok"))},
        "parameters": {"parameters": (("stop", text), ("num_ctx", "8192"))},
    }[field]
    return Modelfile(source="./m.gguf", **given_)  # type: ignore[arg-type]


def _meant(made: Modelfile) -> list[readers.Read]:
    return [(line.instruction, line.key, line.value) for line in made.lines()]


def _printed(read: list[readers.Read]) -> list[readers.Read]:
    return [(n, k, readers.printed(v) if n == "TEMPLATE" else v) for n, k, v in read]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("field", FIELDS)
def test_odd_values_survive(text: str, field: str) -> None:
    made = _made(field, text)
    written = write(made)
    assert read(written) == made.lines()
    assert readers.documented(written) == readers.ollama(written) == _meant(made)


@pytest.mark.parametrize("text", LOST)
def test_a_template_carries_anything_by_escapes(text: str) -> None:
    template = f'{text}{{{{- if eq .Role "{text[:5]}" }}}}{text}{{{{ end }}}} '
    if "\n" in text:  # in an action a constant is one line
        template = f"{text}{{{{ .Content }}}}{text}"
    made = _made("template", template)
    written = write(made)
    assert _printed(readers.ollama(written)) == _printed(_meant(made))
    assert _printed(readers.documented(written)) == _printed(_meant(made))
    assert readers.printed(written) != written  # there was something to escape


@pytest.mark.parametrize("text", LOST)
@pytest.mark.parametrize("field", FIELDS[1:])
def test_what_a_modelfile_would_lose_goes_another_way_and_arrives(text: str, field: str) -> None:
    made = _made(field, text)
    with pytest.raises(UsageError, match="cannot carry this"):
        write(made)
    plain = f'FROM x\n{made.lines()[1].instruction} {made.lines()[1].key} """{text}"""\n'
    if '"' not in text:  # the other reader would indeed have lost it
        assert readers.ollama(plain)[1][2] != text
    sent = json.dumps(request("m", made, {"m.gguf": "sha256:0"}))
    assert sent.isascii()
    asked = json.loads(sent)
    assert {
        "system": asked.get("system"),
        "licenses": asked.get("license", [""])[0],
        "messages": asked.get("messages", [{}])[0].get("content"),
        "parameters": asked.get("parameters", {}).get("stop", [""])[0],
    }[field] == text


def test_a_raw_constant_in_a_template_has_no_escapes() -> None:
    with pytest.raises(UsageError, match="cannot carry this TEMPLATE"):
        write(_made("template", "{{ `a\u00a0b` }}"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_templates_of_five_families_survive(family: object) -> None:
    assert len(FAMILIES) == 5
    made = Modelfile(
        source="./m.gguf",
        template=family.go,  # type: ignore[attr-defined]
        system='Be """brief""".  ',
        parameters=(("num_ctx", "8192"), ("stop", "<|end|>")),
    )
    written = write(made)
    assert read(written) == made.lines()
    assert readers.documented(written) == readers.ollama(written) == _meant(made)
    spaced = family.go.replace("{{ .Content }}", "{{ .Content }}\u00a0")  # type: ignore[attr-defined]
    read_back = readers.ollama(write(_made("template", spaced)))
    assert readers.printed(read_back[1][2]) == spaced


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_any_text_survives_or_is_refused(system: str, stop: str) -> None:
    made = Modelfile(source="./m.gguf", system=system, parameters=(("stop", stop),))
    try:
        text = write(made)
    except UsageError:
        parts = [x.strip() for v in (system, stop) for x in v.replace("\r", "\n").split("\n")]
        lost = [c for c in system + stop if c not in " \t\r\n" and not c.isprintable()]
        assert lost or any(part.endswith('"') for part in parts)
        return
    assert read(text) == made.lines()
    assert readers.ollama(text) == _meant(made)


@given(st.text(min_size=1).filter(str.strip))
def test_any_template_of_text_survives(text: str) -> None:
    text = text.replace("{", "(")
    assert _printed(readers.ollama(write(_made("template", text)))) == _meant(
        _made("template", text)
    )


@given(
    st.lists(st.sampled_from(['"""', '"', "\n", "a", " ", "\u00a0", "#"]), min_size=1, max_size=12)
)
def test_quotes_and_blanks_in_any_order(parts: list[str]) -> None:
    text = "".join(parts)
    if not text.strip():
        return
    made = Modelfile(source="x", system=text)
    try:
        written = write(made)
    except UsageError:
        ends = '"\n' in text.replace(" ", "") or '"' in text.split("\n")[0]
        assert "\u00a0" in text or ends
        return
    assert read(written) == made.lines()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a\u00a0b", "no-break space"),
        ("\u00a0ends\u00a0", "no-break space"),
        ("👩\u200d💻", "zero width joiner"),
        ("a\u2028b", "line separator"),
        ("a\x00b", "control character"),
        ("a\x0bb", "control character"),
    ],
)
@pytest.mark.parametrize("field", ["system", "licenses"])
def test_what_ollama_would_drop_is_named(text: str, name: str, field: str) -> None:
    """Its reader keeps printing characters only (strconv.IsPrint), and says nothing."""
    value: object = (text,) if field == "licenses" else text
    with pytest.raises(UsageError, match=name):
        write(Modelfile(source="x", **{field: value}))  # type: ignore[arg-type]
    assert read(f"FROM x\nSYSTEM {text}\n")[1].value == "".join(c for c in text if c.isprintable())


def test_paths_with_blanks_and_messages_of_several_lines() -> None:
    made = Modelfile(
        source="./my models/tuned q8_0.gguf",
        adapter="./an adapter.gguf",
        messages=(("system", "one\r\ntwo"), ("user", "three\n\nfour ")),
    )
    assert read(write(made)) == made.lines()


def test_a_persons_own_file_is_read() -> None:
    text = (
        "\ufeff# mine\r\n\r\nfrom llama3.2\r\nparameter temperature 0.2\n"
        'PARAMETER stop "<|im_end|>"\nSYSTEM """\nBe brief.\n"""\nMESSAGE user hi there\n'
    )
    assert read(text) == [
        Line("FROM", "llama3.2"),
        Line("PARAMETER", "0.2", "temperature"),
        Line("PARAMETER", "<|im_end|>", "stop"),
        Line("SYSTEM", "\nBe brief.\n"),
        Line("MESSAGE", "hi there", "user"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SYSTEM hi", "no FROM"),
        ("FROM x\nFROMAGE y", "Line 2.*FROMAGE"),
        ('FROM x\nSYSTEM """open', "not closed"),
        ("FROM x\nMESSAGE robot hi", "no such role"),
        ("FROM x\nPARAMETER", "needs a value"),
        ("FROM\nx", "needs a value"),
        ("FROM x\nPARAMETER top-k 3", "'top-k' is no name"),
        ("FROM x\n\u00a0SYSTEM y", "no such instruction"),
    ],
)
def test_wrong_files_are_named(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(text)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_a_family_is_known_by_its_text(family: object) -> None:
    def render(turns: Turns) -> str:
        return "<s>" + family.text(turns)  # type: ignore[attr-defined]

    assert family_of(render, "<s>") is family


def test_no_template_for_what_is_only_nearly_a_family() -> None:
    chatml = FAMILIES[0]

    def with_date(turns: Turns) -> str:
        return "<|im_start|>system\nToday is Monday.<|im_end|>\n" + chatml.text(turns)

    def own_system(turns: Turns) -> str:
        return chatml.text([("user" if role == "system" else role, text) for role, text in turns])

    assert family_of(with_date, "") is None
    assert family_of(own_system, "") is None
    assert all(chatml.text(t) != FAMILIES[1].text(t) for t in TRIALS)
