"""The files of the fictional repository, rendered from the world.

`source(path)` gives the text of a file that `FILES` lists. Code in tool results comes from here,
so a rate in `fees.py` is the rate that the sessions talk about.
"""

from __future__ import annotations

from functools import cache
from string import Template

from . import world as w
from .texts import raw

SERVICES = (
    "fees",
    "flows",
    "invoicing",
    "email_classifier",
    "document_extract",
    "health_score",
)
MODULES = tuple(dict.fromkeys(t.module for t in w.TABLES))


@cache
def _templates() -> dict[str, Template]:
    blocks = (block.partition("\n") for block in ("\n" + raw("code.txt")).split("\n@@ ")[1:])
    return {name: Template(body.rstrip("\n") + "\n") for name, _, body in blocks}


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in name.rstrip("s").split("_"))


def _table_values(t: w.Table) -> dict[str, str]:
    key, kind, _ = t.columns[0]
    sample = t.columns[1][0]
    text_key = kind.startswith("TEXT")
    return {
        "table": t.name,
        "purpose": t.purpose,
        "module": t.module,
        "key": key,
        "key_type": "str" if text_key else "int",
        "Class": _class(t.name),
        "one": t.one,
        "word": t.one.replace("-", "").replace(" ", "_"),
        "column_strings": ", ".join(f'"{c}"' for c, _, _ in t.columns),
        "missing": '"nobody"' if text_key else "404",
        "sample": f'{sample}="{w.PROJECTS[len(t.name) % 10]}"',
        "title": t.name.replace("_", " ").capitalize(),
        "label": sample,
    }


def _router(module: str) -> str:
    t = next(t for t in w.TABLES if t.module == module)
    values = _table_values(t)
    handlers = []
    for method, path, does, name in w.ROUTES:
        if w.table(name).module != module:
            continue
        tail = path.removeprefix("/api").partition("/")[2].partition("/")[2]
        verb = does.split()[0].rstrip("s")
        arg = f"{values['key']}: {values['key_type']}"
        handlers.append(
            _templates()["handler"].substitute(
                values,
                verb=method.lower(),
                tail="/" + tail if tail else "",
                name=f"{verb}_{values['word']}",
                args=f"{arg}, db=Depends(connection)",
                Does=does[0].upper() + does[1:],
            )
        )
    return _templates()["router"].substitute(values, handlers="\n\n".join(handlers).strip())


def _service(name: str) -> str:
    def lines(rows: list[str]) -> str:
        return "\n".join(f"    {row}," for row in rows)

    return _templates()[name].safe_substitute(
        client_types=lines(
            [
                f'"{c.name}": {{"rate": Decimal("{c.rate}"), "minimum_cents": {c.minimum},'
                f' "deposit": Decimal("{c.deposit}"), "days": {c.days}}}'
                for c in w.CLIENT_TYPES
            ]
        ),
        phases=lines([f'"{name}": Decimal("{share}")' for name, share, _ in w.PHASES]),
        rush=w.RUSH,
        repeat=w.REPEAT,
        late=w.LATE,
        grace=w.GRACE_DAYS,
        flows=lines([f'"{f.table}": {dict(f.moves)!r}'.replace("'", '"') for f in w.FLOWS]),
        categories=lines(
            [
                f'"{c.name}": ({tuple(x.lower() for x in c.words)!r}, "{c.owner}", {c.hours})'
                for c in w.CATEGORIES
            ]
        ),
        documents=lines([f'"{d.name}": ({d.fields!r}, {d.threshold})' for d in w.DOCUMENTS]),
        weights=lines([f'"{s.name}": {s.weight}' for s in w.SIGNALS]),
        green=w.GREEN,
        amber=w.AMBER,
    )


def _widget(component: str) -> str:
    widget = next(x for x in w.WIDGETS if x.component == component)
    return _templates()["widget"].substitute(
        component=component,
        Component=component,
        name=widget.name,
        shows=widget.shows,
        route=widget.route,
        milliseconds=f"{widget.seconds * 1000}",
        title=widget.name.replace("_", " ").capitalize(),
    )


def _schema() -> str:
    tables = []
    for t in w.TABLES:
        body = ",\n".join(f"    {name} {kind}" for name, kind, _ in t.columns)
        tables.append(f"-- {t.purpose}\nCREATE TABLE {t.name} (\n{body},\n    archived_at TEXT\n);")
    return "\n\n".join(tables) + "\n"


def _files() -> dict[str, str]:
    files = {f"backend/app/services/{name}.py": _service(name) for name in SERVICES}
    files["backend/app/db.py"] = _templates()["db"].substitute()
    files["backend/migrations/001_schema.sql"] = _schema()
    for module in MODULES:
        files[f"backend/app/routers/{module}.py"] = _router(module)
    for t in w.TABLES:
        values = _table_values(t)
        for kind, path in (
            ("repository", f"backend/app/repositories/{t.name}.py"),
            ("test", f"backend/tests/test_{t.name}.py"),
            ("page", f"frontend/app/{t.name.replace('_', '-')}/page.tsx"),
        ):
            files[path] = _templates()[kind].substitute(values)
    for widget in w.WIDGETS:
        files[f"frontend/components/{widget.component}.tsx"] = _widget(widget.component)
    return files


@cache
def files() -> dict[str, str]:
    """Every file: path inside the repository -> text."""
    return dict(sorted(_files().items()))


def source(path: str) -> str:
    """The text of one file of the repository."""
    return files()[path]


def table_class(name: str) -> str:
    """The class name that the code uses for a table: `email_messages` -> `EmailMessage`."""
    return _class(name)
