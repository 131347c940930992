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


# --- what GB/T 32918.5 prints, annex A and C ------------------------------------------------------

_D = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
_PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
_E = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
_RS = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
_C1_C3_C2 = bytes.fromhex(
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)


@BOTH
def test_the_printed_signature_holds(name: str) -> None:
    public = sm2.Sm2PublicKey(_PUBLIC, library=LIBRARIES[name])
    assert public.digest(b"message digest") == _E
    assert public.verify_digest(_E, _RS)
    assert not public.verify_digest(_E[:-1] + b"\0", _RS)
    assert not public.verify_digest(_E[:-1], _RS)
    assert not public.verify_digest(_E, _RS[32:] + _RS[:32])


@BOTH
def test_the_printed_cryptogram_opens(name: str) -> None:
    private = sm2.Sm2PrivateKey(_D, _PUBLIC, library=LIBRARIES[name])
    assert private.decrypt(_C1_C3_C2) == b"encryption standard"


@BOTH
def test_libraries_read_each_other(name: str) -> None:
    private = sm2.Sm2PrivateKey.generate(library=LIBRARIES[name])
    for library in LIBRARIES.values():
        public = sm2.Sm2PublicKey(private.public.value, library=library)
        other = sm2.Sm2PrivateKey(private.encode()[:32], public.value, library=library)
        assert public.verify_digest(_E, private.sign_digest(_E))
        for length in (1, 16, 200, 255):
            plain = os.urandom(length)
            cryptogram = public.encrypt(plain)
            assert len(cryptogram) == 96 + length
            assert private.decrypt(cryptogram) == other.decrypt(cryptogram) == plain


@BOTH
def test_a_cryptogram_that_is_none(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    private = sm2.Sm2PrivateKey(_D, _PUBLIC, library=LIBRARIES[name])
    broken = (
        b"",
        _C1_C3_C2[:96],
        bytes(113),
        _C1_C3_C2[:64] + bytes(32) + _C1_C3_C2[96:],
        _C1_C3_C2 + b"\0",
        _C1_C3_C2 + bytes(300),
    )
    for cryptogram in broken:
        with pytest.raises(sm2.Sm2Error, match="no cryptogram for this key"):
            private.decrypt(cryptogram)
    assert capfd.readouterr() == ("", "")


@BOTH
def test_lengths_that_are_none(name: str) -> None:
    private = sm2.Sm2PrivateKey(_D, _PUBLIC, library=LIBRARIES[name])
    for plain in (b"", bytes(256)):
        with pytest.raises(sm2.Sm2Error, match="1 to 255 bytes"):
            private.public.encrypt(plain)
    with pytest.raises(sm2.Sm2Error, match="a digest has 32 bytes"):
        private.sign_digest(_E[1:])
