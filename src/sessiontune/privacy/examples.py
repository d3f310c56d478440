"""Example keys that vendors publish in their own documentation and sources, by digest.

They stand in countless tutorials and tests; replacing them would change public text. Digests, so
that no key-shaped text stands in this repository.
"""

from __future__ import annotations

import hashlib

#: blake2b-64 of the whole key.
DIGESTS = frozenset(
    """
    04720f8c5b48eb54 6ada812c0c203722 71733bf44ea4212a 1dbab3955ee24509
    81b4f6c06b09cbed a667918ad80f14e8 7fa6fe73624d5bcb
    826e0fd9a88ef5e1 1c84746fcb793603 2e12236193731ba6
    bc2b96d967bbb746
    b122867768cf1807
    021b2ceedb571ccf f345012650af327e
    """.split()  # noqa: SIM905
)


def is_published_example(value: bytes) -> bool:
    """True for a key that its vendor publishes as an example (Google's Firebase SDK sources,
    Stripe's documentation, jwt.io, AWS' and NuGet's documentation)."""
    return len(value) < 400 and hashlib.blake2b(value, digest_size=8).hexdigest() in DIGESTS
