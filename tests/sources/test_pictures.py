"""Pictures by digest; what a log says of their type is published, so it must be a type."""

from __future__ import annotations

import pytest

from sessiontune.sources.pictures import picture, picture_of_url


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("image/png", "image/png"),
        ("image/svg+xml", "image/svg+xml"),
        ("image/jp2", "image/jp2"),
        ("image/vnd.microsoft.icon", "image/vnd.microsoft.icon"),
        ("gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "application/octet-stream"),
        ("image/" + "h" + "f_" + "abcdefghijKLMNOPQRSTUVWXyzabcdefgh", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_type_is_a_type(said: str, kept: str) -> None:
    image = picture("iVBORw0KGgo=", said)
    assert image is not None
    assert image.media_type == kept
    assert image.bytes == 8
    assert picture_of_url(f"data:{said};base64,iVBORw0KGgo=") == image
