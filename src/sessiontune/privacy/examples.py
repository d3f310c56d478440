"""Example keys that vendors print in their own documentation and sources, and example IBANs.

They stand in countless tutorials and tests, and replacing them would change public text. Only keys
that their own vendor publishes are listed, as digests, so that no key-shaped text stands here. A
key that is plainly made up (`EXAMPLE` in it, an alphabet, one letter repeated) needs no list: see
`checks.is_example`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import re2

#: BLAKE2b digests (64 bits) of whole keys, with who publishes them.
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
    "the IBAN Registry (ISO 13616), one for each country; without spaces": """
        bbc52728b9e73bf2 3968526e7ad7536c cd72ea3f250070f1 ab91dde4ee3afe77 200e18d157eb6cd7
        e7cfbcfccc162c28 d04611ba9c562370 78db06a326d830e3 a14ea563110a3b35 c67932c98c002e54
        1d83b8c29a3dfee2 c1e877dc67dfda20 b4063bf5330f1c37 167a807d2981c2a3 eaa089b99f032f46
        b828e80630be172e 30c6397d53f92783 db3672c1ec710959 c7b04d91a1d4cc7e 67d276d660f7fb00
        83425d75d000362e 392abceeb48de312 b0f74b262dc8e59f 4a52c29ebb163a22 7de832f777f801c8
        43231a4d67415c56 ba37b21a31af4f73 6fd84a12bf931fc2 a9bcf1d008709eb9 46a75120225708e1
        f63632f8cf1c5e5f 328229b8c743f911 c144dc2ba4564cd7 439e2bf711cbb6bc 34f72afce3c4f16a
        488152ab1aafa49a c56d9d3e58147673 86372140cdd26444 e25ed787d2930dd1 7c2ea899a1ccf3b7
        1a012a31d349f919 b3a27163f46170aa 18016ac595d0a229 6fa287d212a62226 9a52eec35f92f177
        2d68cca3c001da81 64bb8337d3a20006 992d2ccbb6011afd a10512fc1768d468 ec6c454280b08aca
        5f2a5d70d52d0022 a9577b3744554059 fd7c398f51fd8ba8 784ddd168773e7fa 4af44ab43af9c19f
        f46d1306c18b8549 1aa4a1ea596b34bc cbd97c039d2b8a9a fb24da5f6d860677 dc6d887505da92c1
        fb71c7702b3c17ae 9ff8085b6fed089b 8e0eaf3d73dc4c80 997f3f4a575782ed b4833ec0d2f5426e
        92739ca71c737494 c912287ce66b94ca 5486d0d5eeb6ce71 8989ad4b911d6dde 4fc456c4c2e24249
        e7f0207beee61dc9 bbd36ea577ffc93b b7cb67e9be513184 f658bc12c72b0843 b8ffd4a1f8e19ca5
        94800c782b8f9884 729e83451081516f de64f07937eac159
    """,
    "the IBAN that Wikipedia's article on them checks": "10d29232bc681fbf",
}
_DIGESTS = frozenset(" ".join(PUBLISHED.values()).split())

#: A JWT's claims if they are no more than those of the examples on jwt.io and in RFC 7519.
_SHOWN_CLAIMS = re2.compile(
    rb'\{"sub":"1234567890","name":"John Doe"(?:,"(?:admin|iat|exp)":(?:true|\d+))*\}|'
    rb'\{"iss":"joe",\s*"exp":1300819380,\s*"http://example.com/is_root":true\}'
)


def is_published_example(value: bytes) -> bool:
    """True for a key that its vendor publishes as an example, an IBAN that the registry does, and a
    JWT with the claims of an example."""
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
