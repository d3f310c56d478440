"""Key formats, tokens known by their form, and what only looks like one."""

# ruff: noqa: E501

from __future__ import annotations

from random import Random

import pytest
from making import made
from taking import REDACTOR, gone

from sessiontune.privacy.vendors import formats

PLACES = ("see {} there", '{{"value": "{}"}}', "{}", "first line\n{}\nlast line", "`{}`.")


@pytest.mark.parametrize("row", formats(), ids=lambda row: row[0])
def test_a_format_is_known_by_itself(row: tuple[str, str, str]) -> None:
    kind, head, tail = row
    rng = Random(head)
    values = [made(head + tail, rng) for _ in range(6)]
    found = [gone(place.format(value), value) for value in values for place in PLACES]
    assert sum(found) >= 0.9 * len(found), f"{kind}: {sum(found)} of {len(found)}"


#: Forms that no table names: words, a mark, a run.
UNKNOWN = ["zq[_-][A-Za-z0-9]{24}", "nimbo_live_[A-Za-z0-9]{20}", "qx_api_[a-z0-9]{28}", "vk2-[A-Za-z0-9]{32}",
           "orb_sk_[0-9a-f]{48}", "KTX-[A-Za-z0-9]{30}", "tz9_[A-Za-z0-9]{40}_[A-Za-z0-9]{6}"]  # fmt: skip


@pytest.mark.parametrize("form", UNKNOWN)
def test_an_unknown_token_is_known_by_its_form(form: str) -> None:
    rng = Random(form)
    values = [made(form, rng) for _ in range(40)]
    found = [gone(place.format(value), value) for value in values for place in PLACES]
    assert sum(found) >= 0.9 * len(found)


#: Identifiers, digests and names that a program gives.
NONE = ["msg_01[A-Za-z0-9]{22}", "toolu_01[A-Za-z0-9]{22}", "call_[A-Za-z0-9]{24}", "chatcmpl-[A-Za-z0-9]{29}",
        "req_01[A-Za-z0-9]{22}", "resp_[0-9a-f]{48}", "sha256-[A-Za-z0-9]{43}=", "chunk-[A-Z0-9]{8}",
        "main-[0-9a-f]{20}[.]js", "web-7d4b9c8f6d-[a-z0-9]{5}", "css-[a-z0-9]{6,7}-MuiButton", "commit-[0-9a-f]{40}",
        "backup-[0-9a-f]{32}", "libcore-[0-9a-f]{16}[.]rlib", "subnet-0[0-9a-f]{16}", "cus_[A-Za-z0-9]{14}",
        "index-[A-Za-z0-9]{24}[.]css", "dpl_[A-Za-z0-9]{24}", "user_01[a-z0-9]{24}", "evt_[A-Za-z0-9]{24}",
        "IC_kwDOA[A-Za-z0-9]{14}", "PVTSSF_lADOA[A-Za-z0-9]{20}"]  # fmt: skip


@pytest.mark.parametrize("form", NONE)
def test_identifiers_and_digests_stay(form: str) -> None:
    rng = Random(form)
    for _ in range(20):
        text = f"see {made(form, rng)} there"
        assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "emscripten_bind_Decoder_GetAttributeUInt32ForAllPoints_3",
        "test_LineEndingTestPEP302AndMore1234",
        "my-very-long-slug-about-internationalization2024",
        "DecoderModule-EnumerationOfPossibleValues12",
        "s.getDerivedStateFromProps s.isTrailingSpaceSensitive",
        "dvc_" + "server_connection_established",
        "00" * 21,
    ],
)
def test_words_stay(text: str) -> None:
    assert REDACTOR.text(text) == text
