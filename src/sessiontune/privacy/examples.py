"""Example keys that vendors print in their own documentation and sources.

They stand in countless tutorials and tests; replacing them would change public text. Only keys
whose vendor publishes them are listed, by digest, so that no key-shaped text stands here. What
is plainly made up by itself (`EXAMPLE` inside, alphabets that count up, one letter repeated) needs
no list: see `checks`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import re2

#: blake2b-64 of the whole key, by who publishes it.
PUBLISHED = {
    "samples in github.com/firebase/firebase-android-sdk": """
        04720f8c5b48eb54 1dbab3955ee24509 1eb23f4ff31fee4a 2331a06e46b6014b 4278860ad7c8919f
        5a2e3466d7aa6d95 6ada812c0c203722 71733bf44ea4212a 7fa6fe73624d5bcb 81b4f6c06b09cbed
        a667918ad80f14e8 afd2f205ef556be9 b0d0f6e9ac73ad77 e4576406f972acf1 f27f5358a7c61641
    """,
    "Google Maps and Cloud documentation": "ffae33b34d08957f",
    "test keys in Stripe's documentation and client libraries": """
        1c84746fcb793603 2e12236193731ba6 47b00e6f81783cda 6e9c4b146acd9dcd 826e0fd9a88ef5e1
        c15484bfae09b693
    """,
    "packageSourceCredentials in NuGet's documentation": "021b2ceedb571ccf f345012650af327e",
    "AWS documentation": "b122867768cf1807",
    "GitHub documentation": "797efb586569f544",
    "RFC 5849, 6749, 6750, 7617": """
        a05b8aa8899378c2 fc9f94683b968d58 9a119b06a213486f c2945bcd936cf1d3 c92204355aa1c098
        e6d1b65208cb54f6 d8c462af6f52aa71 cd5b49fcc80a6e3d
    """,
}
_DIGESTS = frozenset(" ".join(PUBLISHED.values()).split())

#: The claims that jwt.io and RFC 7519 fill in for show, and nothing else.
_SHOWN_CLAIMS = re2.compile(
    rb'\{"sub":"1234567890","name":"John Doe"(?:,"(?:admin|iat|exp)":(?:true|\d+))*\}|'
    rb'\{"iss":"joe",\s*"exp":1300819380,\s*"http://example.com/is_root":true\}'
)


def is_published_example(value: bytes) -> bool:
    """True for a key that its vendor publishes as an example, and for a JWT that says it is one."""
    if len(value) > 2000:
        return False
    if hashlib.blake2b(value, digest_size=8).hexdigest() in _DIGESTS:
        return True
    return value.startswith(b"eyJ") and _is_shown_jwt(value)


def _is_shown_jwt(value: bytes) -> bool:
    parts = value.split(b".")
    if len(parts) < 2:
        return False
    try:
        claims = base64.urlsafe_b64decode(parts[1].rstrip(b"=") + b"=" * (-len(parts[1]) % 4))
    except (binascii.Error, ValueError):
        return False
    return _SHOWN_CLAIMS.fullmatch(claims) is not None
