# SPDX-License-Identifier: Apache-2.0
"""SM2: two libraries agree, and what is no key or signature is told so."""

from __future__ import annotations

import os
import sys

import pytest

from sscard_chip.security import sm2

LIBRARIES: dict[str, sm2.Sm2Library] = {"gmssl": sm2.GmsslLibrary(), "gmalg": sm2.GmalgLibrary()}
BOTH = pytest.mark.parametrize("name", sorted(LIBRARIES))


@BOTH
def test_libraries_verify_each_other(name: str) -> None:
    private = sm2.Sm2PrivateKey.generate(library=LIBRARIES[name])
    signature = private.sign(b"message")
    assert len(signature) == 64
    for library in LIBRARIES.values():
        public = sm2.Sm2PublicKey(private.public.value, library=library)
        assert public.verify(b"message", signature)
        assert not public.verify(b"massage", signature)
        assert not sm2.Sm2PublicKey(public.value, b"another", library=library).verify(
            b"message", signature
        )


@BOTH
@pytest.mark.parametrize("signature", [b"", bytes(64), b"\xff" * 64, bytes(63) + b"\x01"])
def test_signatures_that_are_none(name: str, signature: bytes) -> None:
    public = sm2.Sm2PrivateKey.generate(library=LIBRARIES[name]).public
    assert not public.verify(b"message", signature)


@BOTH
def test_a_wrong_signature_prints_nothing(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    private = sm2.Sm2PrivateKey.generate(library=LIBRARIES[name])
    assert not private.public.verify(b"massage", private.sign(b"message"))
    os.write(2, b"heard")
    assert capfd.readouterr() == ("", "heard")


def test_points_off_the_curve() -> None:
    good = sm2.Sm2PrivateKey.generate().public.value
    for value in (b"", good[1:], bytes(64), good[:-1] + bytes((good[-1] ^ 1,)), b"\xff" * 64):
        with pytest.raises(sm2.Sm2Error, match="point of the curve"):
            sm2.Sm2PublicKey(value)


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\xff" * 32])
def test_private_keys_that_are_none(secret: bytes) -> None:
    public = sm2.Sm2PrivateKey.generate().public.value
    with pytest.raises(sm2.Sm2Error, match="order of the curve"):
        sm2.Sm2PrivateKey(secret, public)


def test_keys_that_begin_with_zeros_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 256: gmalg gives such a private key without its zeros."""
    library = sm2.GmalgLibrary()
    short = b"\x01", b"\x04" + sm2._G
    monkeypatch.setattr(library._gmalg.SM2, "generate_keypair", lambda _: short)
    private = sm2.Sm2PrivateKey.generate(library=library)
    assert private.encode()[:32] == short[0].rjust(32, b"\0")
    assert private.public.verify(b"message", private.sign(b"message"))


def test_no_secret_shows() -> None:
    private = sm2.Sm2PrivateKey.generate()
    assert private.encode()[:32].hex().upper() not in repr(private)
    assert sm2.Sm2PrivateKey.decode(private.encode()).public == private.public


def test_without_a_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sm2.default_library.cache_clear()
    monkeypatch.setitem(sys.modules, "gmssl_pyx", None)
    assert isinstance(sm2.default_library(), sm2.GmalgLibrary)
    sm2.default_library.cache_clear()
    monkeypatch.setitem(sys.modules, "gmalg", None)
    with pytest.raises(sm2.Sm2Error, match=r"pip install '\.\[sm2\]' in a clone of sscard-chip"):
        sm2.Sm2PrivateKey.generate()
    sm2.default_library.cache_clear()
