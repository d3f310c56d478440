"""Find llama.cpp's converter, or fetch it: the one part of shipping that we cannot install.

Order: the checkout that the user names (`--llama-cpp`, SESSIONTUNE_LLAMA_CPP), a checkout in the
usual places, then a pinned source package (PyPI `llama-cpp-python`, whose archive carries the
scripts) in the user's cache. pip downloads the package, with the user's own settings, only when
asked. Its hash is checked before it is opened, none of its code runs and nothing is built: pip
wants the metadata of a source package, and gets it from a few lines of ours.
"""

from __future__ import annotations

import re
import secrets
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..errors import ToolError, cannot_write
from ..ports import Job
from ..whole import whole_folder
from .run import config_of, file_digest

PACKAGE = "llama-cpp-python"
VERSION = "0.3.36"
ARCHIVE = f"llama_cpp_python-{VERSION}.tar.gz"
#: SHA-256 of the archive on PyPI.
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
#: The folder of llama.cpp in the archive, and the parts of it that are unpacked.
_INSIDE = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/"
_PARTS = ("convert_hf_to_gguf.py", "convert_lora_to_gguf.py", "conversion/", "gguf-py/", "LICENSE")
MODEL_SCRIPT = "convert_hf_to_gguf.py"
LORA_SCRIPT = "convert_lora_to_gguf.py"

HINT = (
    "Fetch it once with `sessiontune ship --fetch-converter` (77 MB through pip), or set"
    " SESSIONTUNE_LLAMA_CPP to your llama.cpp checkout."
)

#: What pip asks of a build backend, answered without building.
_BACKEND = f"""
import os

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name = "llama_cpp_python-{VERSION}.dist-info"
    os.makedirs(os.path.join(metadata_directory, name))
    with open(os.path.join(metadata_directory, name, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: llama_cpp_python\\nVersion: {VERSION}\\n")
    return name
"""


class Converter(msgspec.Struct, frozen=True):
    """A folder with the two scripts. `origin` says where it comes from, for reports."""

    root: Path
    origin: str

    def script(self, name: str) -> Path:
        """One of the scripts; ToolError if this llama.cpp does not have it."""
        path = self.root / name
        if not path.is_file():
            raise ToolError(f"{self.root} has no {name}.", HINT)
        return path

    def architectures(self) -> frozenset[str]:
        """The architectures that it converts, read from its source without running it: from a table
        or, before 2026, from decorators. Empty if there is neither."""
        table = self.root / "conversion/__init__.py"
        if table.is_file():
            text = table.read_text(encoding="utf-8")
            rows = re.search(r"^TEXT_MODEL_MAP\b[^{]*\{(.*?)^\}", text, re.MULTILINE | re.DOTALL)
            return frozenset(re.findall(r'"(\w+)"\s*:', rows[1] if rows else ""))
        text = self.script(MODEL_SCRIPT).read_text(encoding="utf-8")
        marks = re.findall(r"^@Model(?:Base)?\.register\(([^)]*)\)", text, re.MULTILINE)
        return frozenset(re.findall(r"[\"'](\w+)[\"']", " ".join(marks)))

    def unknown(self, base: Path) -> str:
        """The architecture of a base the scripts cannot convert; "" if they can, or cannot tell.

        A model that also takes images names a second architecture, for its text."""
        config = config_of(base)
        inner = config.get("text_config") or {}
        named = [*(config.get("architectures") or ())[:1], *(inner.get("architectures") or ())[:1]]
        known = self.architectures()
        return "" if not known or not named or known.intersection(named) else str(named[-1])


def cache_folder(env: Mapping[str, str]) -> Path:
    """Where fetched tools are kept: SESSIONTUNE_CACHE or the user's cache folder."""
    if named := env.get("SESSIONTUNE_CACHE"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("sessiontune", appauthor=False))


def find_converter(named: Path | None, env: Mapping[str, str], home: Path) -> Converter | None:
    """The converter to use, or None. ToolError when the named folder holds none."""
    said = named or (Path(env["SESSIONTUNE_LLAMA_CPP"]) if "SESSIONTUNE_LLAMA_CPP" in env else None)
    if said is not None:
        root = said.expanduser()
        if not (root / MODEL_SCRIPT).is_file():
            raise ToolError(
                f"{root} is not a llama.cpp checkout: {MODEL_SCRIPT} is missing.",
                "git clone https://github.com/ggml-org/llama.cpp, or leave --llama-cpp out.",
            )
        return Converter(root, "llama.cpp checkout")
    for place in (home / "llama.cpp", home / "src/llama.cpp", Path("/opt/llama.cpp")):
        if (place / MODEL_SCRIPT).is_file() and (place / "gguf-py").is_dir():
            return Converter(place, "llama.cpp checkout")
    kept = _kept(env)
    if (kept / MODEL_SCRIPT).is_file():
        return Converter(kept, f"{PACKAGE} {VERSION}")
    return None


def _kept(env: Mapping[str, str]) -> Path:
    return cache_folder(env) / f"llama.cpp-{VERSION}-{SHA256[:12]}"


def plan_fetch(folder: Path) -> Job:
    """Let pip download the archive into `folder`, where the job must run, checked by our hash."""
    return Job(
        name="fetch the converter",
        files={
            "backend/scikit_build_core/__init__.py": "",
            "backend/scikit_build_core/build.py": _BACKEND.lstrip(),
            "wanted.txt": f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n",
        },
        argv=(
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation"),
            *("--no-binary", ":all:", "--require-hashes", "--dest", "."),
            *("--disable-pip-version-check", "--progress-bar", "off", "-r", "wanted.txt"),
        ),
        env={"PYTHONPATH": str(folder.resolve() / "backend")},
        outputs=(ARCHIVE,),
    )


def unpack(archive: Path, env: Mapping[str, str]) -> Converter:
    """Unpack the scripts beside their place in the cache, then rename. ToolError: a wrong hash."""
    if (found := file_digest(archive)) != SHA256:
        raise ToolError(
            f"{archive} is not the archive that was pinned (SHA-256 {found[:16]}...).",
            "Delete it and fetch again; if it stays so, name a llama.cpp checkout instead.",
        )
    target = _kept(env)
    own = target.with_name(f"{target.name}.{secrets.token_hex(4)}")  # others may fetch it as well
    with whole_folder(own) as beside, tarfile.open(archive) as tar:
        for member in tar:
            inner = member.name.removeprefix(_INSIDE)
            if inner != member.name and inner.startswith(_PARTS) and member.isfile():
                _extract(tar, member, beside / inner)
    _settle(own, target)
    return Converter(target, f"{PACKAGE} {VERSION}")


def _settle(own: Path, target: Path) -> None:
    """Give a folder its place, unless another command was first; a damaged one is replaced."""
    try:
        if not (target / MODEL_SCRIPT).is_file():
            shutil.rmtree(target, ignore_errors=True)
            own.rename(target)
    except OSError as error:
        if not (target / MODEL_SCRIPT).is_file():
            raise cannot_write(target, error, ".") from error
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Only the bytes of a file: `extract` has no safe filter before Python 3.11.4."""
    content = tar.extractfile(member)
    assert content is not None  # members that are no files were left out
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as out:
        shutil.copyfileobj(content, out)
