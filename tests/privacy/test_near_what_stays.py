"""Values that tell, in the very places where something alike that tells nothing stays."""

from __future__ import annotations

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
