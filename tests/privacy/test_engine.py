"""Pseudonyms, vocabulary, counts, findings, the two prefilters."""

# ruff: noqa: E501

from __future__ import annotations

import base64
import json
import re
import string
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import KINDS, carrier, real
from taking import REDACTOR

from sessiontune.privacy import detect, prefilter, ruleset
from sessiontune.privacy.audit import Auditor
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.joined import LONG, pieces
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.pseudonym import Pseudonyms, inside_pseudonym, is_pseudonym
from sessiontune.privacy.rules import Rule, Span
from sessiontune.privacy.told import Heard, Told
from sessiontune.privacy.vocabulary import Vocabulary

OPTIONS = PrivacyOptions()


def redactor(salt: bytes = b"a", names: tuple[str, ...] = ()) -> Redactor:
    return Redactor(salt, Vocabulary.from_names(names), OPTIONS)


@pytest.mark.parametrize(
    "beside", ["foo(bar)[0]", "/usr/lib/x.py", "{}", "= a", "abc123", "a\x00b"]
)
@pytest.mark.parametrize(
    "name", ["password: ", "API_KEY=", "stripe_x = ", 'token":"', "Signature="]
)
def test_what_stands_beside_a_text_changes_nothing_in_it(name: str, beside: str) -> None:
    letters = "0123456789abcdef" if name == "Signature=" else string.ascii_letters + string.digits
    text = name + "".join(Random(name).choices(letters, k=64))
    alone = redactor().text(text)
    assert alone != text
    assert redactor().texts([beside, text, beside]) == [beside, alone, beside]


@pytest.mark.parametrize("size", [40, 250, 255, 260, 700, 1500])
@pytest.mark.parametrize("name", ["password = ", "API_SECRET: ", "dropbox_x="])
def test_a_value_goes_whole_however_long(name: str, size: int) -> None:
    value = "".join(Random(size).choices(string.ascii_letters + string.digits, k=size))
    out = redactor().text(f"{name}{value} and more")
    assert re.fullmatch(re.escape(name) + r"REDACTED_[A-Z_]+_[a-z]{14} and more", out)


@pytest.mark.parametrize("size", [40, 120, 121, 300, 1200, 3600])
@pytest.mark.parametrize("at", ["@", "%40"])
def test_a_password_in_an_address_goes_whole_however_long(size: int, at: str) -> None:
    """Databases in clouds take tokens of 2 kB as passwords."""
    value = "".join(Random(size).choices(string.ascii_letters + string.digits, k=size))
    out = redactor().text(f"use postgres://app:{value}{at}db:5432/shop now")
    assert not any(value[i : i + 12] in out for i in range(0, size - 12, 6))
    assert out.startswith("use postgres://app:")
    assert out.endswith("db:5432/shop now")


SHAPES = {
    "email": real("bob{}@§corp.io"),
    "user": "bob{}",
    "host": "box{}",
    "placeholder": "value{}",
    "ip": "81.2.69.{}",
    "ipv6": "2a02:{}::1",
    "uuid": "{}",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_pseudonyms_are_typed_keyed_and_recognised(shape: str) -> None:
    one, other = Pseudonyms(b"one"), Pseudonyms(b"other")
    values = [SHAPES[shape].format(i).encode() for i in range(3000)]
    made = [one.make("kind", shape, value) for value in values]
    assert len(set(made)) == len(values)
    assert made == [Pseudonyms(b"one").make("kind", shape, value) for value in values]
    assert not set(made) & {other.make("kind", shape, value) for value in values}
    assert all(is_pseudonym(name) for name in made)
    assert [one.make("kind", shape, name) for name in made] == made


@pytest.mark.parametrize("shape", ["user", "mac", "ip", "email", "uuid", "degree", "placeholder"])
def test_parts_of_a_pseudonym_are_known_wherever_it_stands(shape: str) -> None:
    mac, ip = ":".join(["3c", "22", "fb", "00", "11", "22"]), "2a02:" + "8108::17"
    value = {"mac": mac.encode(), "ip": ip.encode(), "degree": b"48.137154"}
    name = Pseudonyms(b"salt").make("kind", shape, value.get(shape, b"a value of that shape"))
    text = b"cd /home/" + b"ada/" + name + b"/example"
    start, end = text.index(name), text.index(name) + len(name)
    assert all(inside_pseudonym(text, at, at + 2) for at in range(start, end - 1))
    assert not inside_pseudonym(text, 9, 12)
    assert not inside_pseudonym(text, end + 1, len(text))


@pytest.mark.slow
def test_a_million_values_do_not_collide() -> None:
    names = Pseudonyms(b"salt")
    assert len({names.make("t", "user", b"%d" % i) for i in range(1_000_000)}) == 1_000_000


def test_no_pseudonym_spells_the_name_of_a_secret() -> None:
    """One in some hundred did, and an export stopped at `user..pwd..-vps:49322`."""
    names, auditor = Pseudonyms(b"salt"), Auditor(PrivacyOptions(), Vocabulary(), b"salt")
    made = [names.make("user", "user", str(n).encode()) for n in range(40_000)]
    assert not [name for name in made if b"pwd" in name or b"jwt" in name]
    assert all(map(is_pseudonym, made))
    assert len(set(made)) == len(made)
    spelled = [name for name in made if b"pwb" in name or b"jwb" in name]
    assert len(spelled) > 100
    text = b"\n".join(b"open http://" + name + b"-vps:49322/runs/strict?x=1Ab9" for name in spelled)
    assert not auditor.scan(text, "text")


def test_hardware_addresses_are_permuted() -> None:
    names = Pseudonyms(b"salt")
    values = [f"3c:22:fb:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}" for i in range(20_000)]
    made = {names.make("mac", "mac", value.encode()) for value in values}
    assert len(made) == len(values)
    assert all(re.fullmatch(rb"[0-9a-f]{2}(:[0-9a-f]{2}){5}", name) for name in made)


def test_shapes_survive() -> None:
    make = redactor()
    assert re.fullmatch(r"person-\w+@example\.com", make.text(real("bob.smith@§corp.io")))
    assert re.fullmatch(r"/home/user\w+/x/y\.py", make.text(real("/ho§me/zelda77/x/y.py")))
    assert re.fullmatch(r"C:\\Users\\user\w+\\x", make.text(real("C:\\Us§ers\\zelda77\\x")))
    uuid = "12345678-1234-4234-8234-123456789abc"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", make.ident("session", uuid))
    assert make.ident("session", uuid) != uuid
    assert make.ident("session", make.ident("session", uuid)) == make.ident("session", uuid)
    assert make.ident("project", make.ident("project", "acme")) == make.ident("project", "acme")
    assert make.ident("project", "") == ""


def test_names_from_the_logs_paths() -> None:
    names = [real("/ho§me/zelda77/code/app"), real("C:\\Us§ers\\Thorbjorn\\x"), real("/mnt/c/Us§ers/ganondorf/y"),
             real("-Us§ers-midna-Code-x"), "/root/work", "/home/runner/work", "D:\\repo", real("/ho§me/max/z")]  # fmt: skip
    found = Vocabulary.from_names(names)
    assert found.users == ("ganondorf", "max", "midna", "thorbjorn", "zelda77")
    assert "max" not in found.bare()
    clean = Redactor(b"s", found, OPTIONS).text("zelda77 met Thorbjorn; max(1, 2); hazelda77x")
    assert "zelda77 " not in clean
    assert "Thorbjorn" not in clean
    assert "max(1, 2)" in clean
    assert "hazelda77x" in clean
    assert found.digest() == Vocabulary.from_names(reversed(names)).digest()
    assert found.digest() != Vocabulary.from_names(names[:3]).digest()


def test_same_value_same_pseudonym_other_salt_another() -> None:
    text = real("write to bob.smith@§corp.io")
    assert redactor(b"a").text(text) == redactor(b"a").text("" + text)
    assert redactor(b"a").text(text) != redactor(b"b").text(text)


def test_counts_by_kind_and_reset() -> None:
    make = redactor()
    make.text(real("bob.smith@§corp.io and eve.jones@§corp.io in /ho§me/zelda77/x"))
    assert make.take_counts() == {"email": 2, "home": 1}
    assert make.take_counts() == {}


def test_find_gives_places_in_characters_and_no_value() -> None:
    text = real("日本語 bob.smith@§corp.io")
    found = redactor().find(text)
    assert [(f.start, f.end, f.kind) for f in found] == [(4, 21, "email")]
    assert "bob" not in repr(found)
    assert re.fullmatch(r"[0-9a-f]{10}", found[0].fingerprint)


def test_lone_surrogates_survive() -> None:
    text = real("\ud83d bob.smith@§corp.io \udc00")
    clean = redactor().text(text)
    assert clean.startswith("\ud83d person-")
    assert clean.endswith(" \udc00")


@settings(max_examples=60)
@given(
    st.lists(st.text(max_size=40), max_size=8), st.sampled_from(sorted(KINDS)), st.integers(0, 999)
)
def test_many_texts_at_once_equal_one_by_one(texts: list[str], kind: str, seed: int) -> None:
    texts = [*texts, carrier(kind, seed)[0], *texts]
    make = redactor(names=(real("/ho§me/zelda77/x"),))
    assert make.texts(texts) == [make.text(text) for text in texts]


@pytest.mark.parametrize("line", ["export DB_PASSWORD={v}", "the password is {v}", "pwd: {v}"])
def test_what_stands_in_the_next_text_is_no_part_of_a_value(line: str) -> None:
    text = line.replace("{v}", "h7uFHe" + "CrvDjPnj")
    alone = redactor().text(text)
    assert alone != text
    assert redactor().texts([text, "(", text, "x=1"]) == [alone, "(", alone, "x=1"]


@settings(max_examples=200)
@given(st.text(alphabet="abcXYZ019 =:'\"\\/@.-_%{}\n\u200b\x1b[m日", max_size=120))
def test_redacting_twice_equals_once_on_odd_text(text: str) -> None:
    make = redactor()
    once = make.text(text)
    assert make.text(once) == once


def test_both_prefilters_lead_to_the_same_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [carrier(kind, seed)[0] for kind in KINDS for seed in range(3)]
    rows = "".join(json.dumps({"content": text}) + "\n" for text in texts).encode()

    def all_found() -> tuple[object, ...]:
        detect._prefilter.cache_clear()
        make = redactor(names=(real("/ho§me/alice/x"),))
        found = Auditor(OPTIONS, Vocabulary(), b"salt").scan(rows, "rows")
        return [make.find(text) for text in texts], make.texts(texts), found

    fast = all_found()
    monkeypatch.setattr(prefilter, "has_hyperscan", lambda: False)
    slow = all_found()
    detect._prefilter.cache_clear()
    assert slow == fast
    assert all(fast)


@pytest.mark.parametrize("filler", ["lorem ipsum dolor\n", "a1B2c3D4", "%41%42 "])
def test_long_texts_are_cut_and_nothing_is_lost(filler: str) -> None:
    found = [carrier("github", seed)[1] for seed in range(3)]
    part = filler * (2_500_000 // len(filler))
    text = part + " " + found[0] + " " + part + "\n" + found[1] + "\n" + part + " " + found[2]
    assert len(text) > LONG
    assert "".join(pieces(text)) == text
    clean = redactor().text(text)
    assert not any(value in clean for value in found)
    assert clean.count("REDACTED_GITHUB_TOKEN_") == 3
    assert len(clean) > len(text) - 200


def test_names_in_neighbouring_texts_are_all_found() -> None:
    make = redactor(names=(real("/ho§me/zelda77/x"),))
    clean = make.texts(["zelda77", "zelda77 zelda77", "no name", "Zelda77"])
    assert not any("zelda77" in text.lower() for text in clean)
    assert clean[2] == "no name"
    assert make.texts(clean) == clean


def test_a_key_in_base64_is_replaced_once_and_for_all() -> None:
    """The rule for such files takes any value; what was redacted inside must stay as it is."""
    inner = "gsk_" + "".join(Random(3).choices(string.ascii_letters + string.digits, k=52))
    value = base64.b64encode(inner.encode()).decode()
    text = f"apiVersion: v1\nkind: Secret\ndata:\n  GROQ_API_KEY: {value}\n"
    once = redactor().text(text)
    assert value not in once
    assert redactor().text(once) == once
    gate = Auditor(OPTIONS, Vocabulary(), b"salt")
    assert gate.scan(json.dumps({"content": once}).encode() + b"\n", "rows") == []


@pytest.mark.parametrize("text", ["see {} and then kestrelmann says", "kestrelmann {} says so"])
def test_encoded_text_may_hold_a_name_and_what_was_told_in_any_order(text: str) -> None:
    told = "Zr7" + "qPw" + "92kdLm"
    one = Redactor(b"a", Vocabulary(users=("kestrelmann",)), PrivacyOptions())
    with one.knowing(Told({told.encode(): ("password", "placeholder")})):
        made = one.text(base64.b64encode(text.format(told).encode()).decode())
        plain = one.text(text.format(told))
    assert base64.b64decode(made + "==").decode() == plain
    assert told not in plain
    assert "kestrelmann" not in plain


def test_what_is_told_fits_either_prefilter() -> None:
    heard, signs = Heard(), string.ascii_letters + string.digits + "+/"
    random = Random(1)
    for _ in range(1000):
        value = "".join(random.choices(signs, k=4000)).encode()
        heard.add({value: Span(0, len(value), "secret", "placeholder", 0)})
    values = list(heard.take())
    for make in (prefilter.HyperscanFilter, prefilter.SingleFilter):
        filter_ = make([re.escape(value).decode() for value in values])
        assert filter_.scan(b"see " + values[-1]) == [(len(values) - 1, 4 + len(values[-1]))]
    assert not heard.take()


def test_texts_redacted_together_are_each_redacted_as_alone() -> None:
    """Whatever stands at their borders: nothing, NULs of their own, letters of several bytes."""
    one = redactor(names=(real("/ho§me/alice/x"),))
    key = "gh" + "p_" + "x7Kq2mZr9TbW4nYc8VdL1sHf6JgP3aQe5RuN"
    mail, path = real("bob@§corp.io"), real("/ho§me/alice/code")
    pieces_of = st.sampled_from(
        [key, mail, path, "", " ", "\n", "é", "漢字", "alice", "plain words"]
    )
    texts = st.lists(st.lists(pieces_of, max_size=4).map(" ".join), max_size=8)

    @settings(max_examples=150)
    @given(texts, st.booleans())
    def check(together: list[str], null: bool) -> None:
        if null and together:
            together[0] = f"{key} \x00 {mail}\x00"
        assert one.texts(together) == [one.text(text) for text in together]

    check()


def test_a_value_longer_than_its_rule_says_is_taken_whole() -> None:
    value = "".join(Random(5).choices(string.ascii_letters + string.digits, k=700))
    out = redactor().text(f"Set `AIVEN_AUTH_TOKEN` to `{value}` in the dashboard.")
    assert out.startswith("Set `AIVEN_AUTH_TOKEN` to `REDACTED_")
    assert out.endswith("` in the dashboard.")
    assert not any(value[i : i + 8] in out for i in range(len(value) - 8))


@pytest.mark.parametrize("host", ["@example.com", "@github.com", "@example.org"])
def test_an_address_that_only_begins_or_ends_like_a_services_is_a_persons(host: str) -> None:
    person = "ada.git" + (host if host == "@github.com" else host + ".lovelace.dev")
    assert person not in redactor().text(f"git{host} {person}, git{host}")
    assert redactor().text(f"noreply{host}: none") == f"noreply{host}: none"


@pytest.mark.parametrize("user", ["x-access-token", "x-api-token", "oauth2-token", "ada"])
def test_a_token_in_an_address_ends_at_its_host(user: str) -> None:
    token = "gh" + "s_" + "aB3dE5gH9kLm" * 3
    for value in (token, token[9:29]):
        for text in (
            f"git clone https://{user}:{value}@github.com/shop/web.git\n",
            json.dumps({"url": f"https://{user}:{value}@github.com/shop/web.git"}),
        ):
            clean = REDACTOR.text(text)
            assert value not in clean
            assert "@github.com/shop/web.git" in clean


def test_a_card_after_a_number_or_an_escape_is_found() -> None:
    card = "4539" + "5787" + "6362" + "1486"
    for text in (f"card 12 {card[:4]} {card[4:8]} {card[8:12]} {card[12:]}", f"card:\\x20{card}"):
        found = redactor().text(text)
        assert card[-4:] not in found, text


def test_a_verdict_is_no_password_and_a_password_under_the_same_word_is_one() -> None:
    verdict = "    --- PASS: TestExtractAllUsers (0.00s)"
    assert redactor().text(verdict) == verdict
    secret = "Tundra" + "%" + "49" + "21x"
    assert secret not in redactor().text(f'pass: "{secret}"')


def test_without_privacy_no_rule_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(rule: Rule) -> Rule:
        raise AssertionError(rule.kind)

    ruleset.rules_of.cache_clear()
    monkeypatch.setattr(ruleset, "begun", refuse)
    off = Redactor(b"a", Vocabulary(), PrivacyOptions(enabled=False))
    assert off.text("plain") == "plain"
