"""Put a parcel on the Hugging Face hub: private unless told otherwise, and read back.

The hub's own client (package `huggingface_hub`, extra `hub`) is handed in. The order is the
protection: the repository is made, its visibility is read back, and only then a byte goes up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import EndpointError, PreflightError, SessiontuneError
from .publish import Parcel


class Published(msgspec.Struct, frozen=True):
    """What is on the hub now, as it was read back."""

    url: str
    private: bool
    files: tuple[str, ...]


def put(
    api: Any,
    repo: str,
    parcel: Parcel,
    *,
    public: bool,
    operation: Callable[[str, Any], Any],
    message: str,
) -> Published:
    """Create (or find) the repository and send the parcel in one commit.

    `api` is a `huggingface_hub.HfApi`, of which create_repo, repo_info and create_commit are used;
    `operation(path, file or bytes)` makes the client's own record of a file to add.
    PreflightError when the repository is not as private as asked; EndpointError when the hub
    refuses or something is missing afterwards.
    """
    try:
        api.create_repo(repo, repo_type=parcel.kind, private=not public, exist_ok=True)
        _visible(api, repo, parcel, public)
        operations = [operation(path, str(file)) for path, file in sorted(parcel.files.items())]
        operations += [operation(p, text.encode()) for p, text in sorted(parcel.texts.items())]
        done = api.create_commit(
            repo, repo_type=parcel.kind, operations=operations, commit_message=message
        )
        seen = _visible(api, repo, parcel, public)
    except SessiontuneError:
        raise
    except Exception as error:  # the client passes on whatever its HTTP library raises
        raise _explained(error) from error
    names = {str(sibling.rfilename) for sibling in (seen.siblings or ())}
    missing = sorted(({*parcel.files, *parcel.texts}) - names)
    if missing:
        raise EndpointError(
            f"After the upload {missing[0]} is missing on the hub ({len(missing)} files).",
            "Run the command again.",
        )
    return Published(
        url=str(getattr(done, "repo_url", "") or getattr(done, "commit_url", "")),
        private=bool(seen.private),
        files=tuple(sorted(names)),
    )


def _explained(error: BaseException) -> EndpointError:
    """What went wrong, from the first error of the chain that knows a status, and what to do."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    statuses = [getattr(getattr(e, "response", None), "status_code", None) for e in chain]
    at = next((n for n, status in enumerate(statuses) if status), len(chain) - 1)
    said = next((line for line in str(chain[at]).splitlines() if line.strip()), "")
    text = f"The hub did not take it: {said or type(chain[at]).__name__}"[:400]
    if statuses[at] in (401, 403):
        return EndpointError(
            text, "Are you logged in (HF_TOKEN or `hf auth login`) with a token that may write?"
        )
    if isinstance(chain[at], ValueError):
        return EndpointError(text, "Is the name right? --repo OWNER/NAME.")
    return EndpointError(
        text,
        "All files appear at once, at the end, so nothing is half there. Run the same command"
        " again; what arrived whole is not sent twice.",
    )


def _visible(api: Any, repo: str, parcel: Parcel, public: bool) -> Any:
    """Read the repository back; PreflightError when anybody could see what should be private."""
    seen = api.repo_info(repo, repo_type=parcel.kind)
    if not public and seen.private is not True:
        raise PreflightError(
            f"{repo} is public on the hub; nothing was sent that was not there before.",
            "Make it private on its settings page, choose another name, or add --public.",
        )
    return seen
