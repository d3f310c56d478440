"""Values that tell, in the very places where something alike that tells nothing stays."""

from __future__ import annotations

import json

import pytest
from taking import REDACTOR, TYPED, check_taken

_LISTS = [" ", ",", ", ", "\n", "\t", "-"]


@pytest.mark.parametrize("between", _LISTS)
@pytest.mark.parametrize("rest", ["14.69.14", "20.1.14", "15.70.1"])
def test_addresses_in_a_list(between: str, rest: str) -> None:
    """Numbers run into each other in drawings, not in lists."""
    every = [f"203.{rest}{n}" for n in range(2, 6)]
    clean = REDACTOR.text(between.join(every))
    assert not any(address in clean for address in every)
    assert REDACTOR.text(clean) == clean


@pytest.mark.parametrize(
    "line",
    [
        "{} 20271128T101500Z ok",
        "20271128T101500Z {}",
        "{}, 2.31.1, 443, 17",
        "{} 4.18.0-305.19.1 17 4",
        "{} .53 .21 .99 1",
        "{} 3f4a1b9c 12 1 0 4",
        "{} 2027-11-28 10.15.00",
        "10.15.00 2027-11-28 {}",
        "{}  1h30m5s 0.213 12.5s",
        "{},48.2082,-16.3738,1,5",
    ],
)
def test_an_address_among_numbers(line: str) -> None:
    address = "203.14." + "69.142"
    assert address not in REDACTOR.text(line.format(address))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        # a verb, and the short word for a password
        ("I moved root pass to {}", TYPED),
        ("Set wifi guest pass to `{}`", TYPED),
        ("switch db pass to {}", TYPED),
        ("updated grafana-admin pass to {}", TYPED),
        # a letter written with its number, and a password that begins with one
        (r"Passwort ist \u00dc{}", TYPED),
        # options of openssl
        ("openssl pkeyutl -kdf HKDF -pkeyopt hexkey:{} -out x", "[0-9a-f]{32}"),
        ("openssl pkeyutl -kdf scrypt -pkeyopt pass:{} -pkeyopt salt:NaCl", TYPED),
        # names that begin as that of a store of keys
        ('keystoreIdentityPassword = "{}"', "[A-Za-z0-9]{32}"),
        ("KEY_STORE_IDP_SECRET={}", "[A-Za-z0-9]{32}"),
        # folders of an address, which base64 could hold
        (
            "https://api.tradewind.io/v1/projects/PROJ12345/environments/PRODUCTION/{}",
            "gh" + "p_[A-Za-z0-9]{36}",
        ),
        (
            "https://api.tradewind.io/v1/projects/PROJ12345/environments/PRODUCTION/{}",
            "AK" + "IA[A-Z2-7]{16}",
        ),
        # years of many digits, in front of a time only
        ("ring me at {} today", "\\+3806[0-9]{4}-12-31"),
        # a street that publishers had their offices in
        ("shipping address: {}, Springfield, IL 62704", "51 Frank" + "lin Street"),
    ],
)
def test_it_is_taken(text: str, form: str) -> None:
    check_taken(text, form)


@pytest.mark.parametrize(
    "text",
    [
        "Foundation, Inc., 51 Franklin Street, Fifth Floor, Boston, MA 02110-1301 USA.",
        "write to 59 Temple Place - Suite 330, Boston, MA 02111-1307, USA",
        "Creative Commons, 171 Second Street, Suite 300, San Francisco, California, 94105",
        "the address that we pass to `mysql2` and you pass to Client2Factory",
    ],
)
def test_what_they_are_like_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("command", ["redis-cli -h db -p 6379 -a {}", "docker login -p {} -u 6379"])
def test_another_option_of_the_command_stays(command: str) -> None:
    word = "sun" + "flower"
    head, tail = command.split("{}")
    clean = REDACTOR.text(command.format(word))
    assert clean.startswith(head + "REDACTED_")
    assert clean.endswith(tail)


@pytest.mark.parametrize(
    "text",
    [
        "openssl version; curl -k https://api.tradewind.io/v1",
        "docker login ghcr.io && docker run -p 8080:80 shop",
        "redis-cli info | tee -a /var/log/redis.log",
        "mysql -uroot shop < dump.sql && cp -preserve /a /b",
    ],
)
def test_the_same_option_of_the_next_command_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


def test_a_sign_in_quotes_ends_no_command() -> None:
    word = "sun" + "flower"
    clean = REDACTOR.text(f'mysql -e "show tables; exit" -u root -p{word} shop')
    assert clean.startswith('mysql -e "show tables; exit" -u root -pREDACTED_')


ONE, TWO, THREE = "Kbwd482" + "QZab3", "Xmpt917" + "HRqw5", "Pltz553" + "GGxy8"


@pytest.mark.parametrize(
    "line",
    [
        "kubectl create secret generic x" + 3 * " --from-literal=a={}",
        "vault kv put secret/app a={} b={} c={}",
        # several commands, which JSON writes into one line
        "unzip -P {} a.zip\nunzip -P {} b.zip\nunzip -P {} c.zip",
        "7z x a.7z -p{}\n7z x b.7z -p{}\n7z x c.7z -p{}",
        "mysql -u ada -p{} a\nmysql -u ada -p{} b\nmysql -u ada -p{} c",
        "lftp -u ada,{} a\nlftp -u ada,{} b\nlftp -u ada,{} c",
    ],
)
def test_each_of_several_is_taken(line: str) -> None:
    text = line.format(ONE, TWO, THREE)
    for clean in (REDACTOR.text(text), REDACTOR.text(json.dumps(text))):
        assert not any(value in clean for value in (ONE, TWO, THREE))
        assert clean.count("REDACTED_") == 3
