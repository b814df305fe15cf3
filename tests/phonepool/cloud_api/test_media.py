"""A file is what its first bytes say, whatever it is called."""

from __future__ import annotations

import pytest

from phonepool.cloud_api import media
from phonepool.cloud_api.media import MEGABYTE, MediaRefusedError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"%!PS-Adobe-3.0",
        b"\n" + PNG,
        b"GIF89a",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"",
    ],
)
def test_what_is_no_picture_is_refused_whatever_its_name(content: bytes) -> None:
    with pytest.raises(MediaRefusedError):
        media.check("image", "picture.png", content)


def test_a_picture_is_taken_up_to_the_limit_and_its_name_has_no_folders() -> None:
    whole = PNG + bytes(5 * MEGABYTE - len(PNG))

    taken = media.check("image", '../../etc/"a\r\nX: y.png', whole)

    assert (taken.mime, taken.name) == ("image/png", "aX: y.png")
    with pytest.raises(MediaRefusedError, match="at most 5 MB"):
        media.check("image", "a.png", whole + b"x")
