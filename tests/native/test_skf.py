# SPDX-License-Identifier: Apache-2.0
"""libsscard_skf.so (GM/T 0016): its header, its C program on cards, and programs that are wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sscard_driver
from issuance.pki import PkiAuthority, PkiSubject
from sscard_chip.card import Card
from sscard_chip.profile.pki import PkiContents, add_pki
from sscard_chip.security.sm2 import Sm2PrivateKey, Sm2PublicKey
from sscard_chip.terminal.connection import connect_card
from sscard_chip.terminal.pki import CardCertificate, EnvelopedKey, PkiClient, request_key
from sscard_driver.skf.codes import Sar
from sscard_driver.skf.functions import SIGNATURES
from tests.bench.desk import Desk
from tests.bench.pki_cards import MASTER, verifies
from tests.native.native import Native, environment, execute

HEADER = (Path(sscard_driver.__file__).parent / "skf" / "SKF.h").read_text("utf-8")
NAMED = re.findall(
    r"\w+",
    """
    EnumDev ConnectDev DisConnectDev GetDevInfo GetDevState LockDev DevAuth EnumApplication
    OpenApplication VerifyPIN ChangePIN GetPINInfo EnumContainer OpenContainer ExportPublicKey
    ExportCertificate ImportCertificate ImportECCKeyPair GenECCKeyPair ECCSignData ECCVerify
    GenRandom
    """,
)
NEEDED_BY_SKFUTIL = re.findall(
    r"\w+",
    """
    UnlockDev ClearSecureState CloseApplication CloseContainer GetContainerType SetSymmKey
    EncryptInit Encrypt CloseHandle
    """,
)


@pytest.fixture(scope="module")
def authority() -> PkiAuthority:
    return PkiAuthority.create()


@pytest.fixture(scope="module")
def issued(authority: PkiAuthority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card with keys and certificates; its administrator has the authority's PIN."""
    memory = Desk(3).card.files.memory
    add_pki(memory, PkiContents(MASTER))
    card = Card(memory)
    connection = connect_card(card)
    connection.power_on()
    client = PkiClient(connection)
    subject = PkiSubject("林知夏", "510100", "Z00000013", bytes(16))
    authority.answer(subject, request_key(client)).write(client, MASTER)
    path = tmp_path_factory.mktemp("skf") / "card.ssc"
    card.save(path)
    return path


@pytest.fixture
def card(issued: Path, tmp_path: Path) -> Path:
    shutil.copy(issued, tmp_path / "card.ssc")
    return tmp_path / "card.ssc"


def program(native: Native, card: Path, *arguments: str, code: int = 0) -> list[str]:
    command = [str(native.directory / "skf_test"), *arguments]
    return execute(command, environment({"card": str(card)}), code).decode().splitlines()


def value(lines: list[str], name: str) -> bytes:
    (found,) = (line for line in lines if line.startswith(f"{name} "))
    return bytes.fromhex(found.partition(" ")[2])


# --- the header -----------------------------------------------------------------------------------


def test_the_functions_that_are_named_are_there() -> None:
    assert set(SIGNATURES) == {f"SKF_{name}" for name in (*NAMED, *NEEDED_BY_SKFUTIL)}


def test_the_header_declares_them() -> None:
    declared = re.findall(r"^ULONG DEVAPI [^;]*\)(?=;)", HEADER, re.MULTILINE)
    assert declared == list(SIGNATURES.values())


def test_the_header_names_every_answer() -> None:
    rows = re.findall(r"^#define SAR_(\w+) 0x([0-9A-F]+)$", HEADER, re.MULTILINE)
    assert {name: int(number, 16) for name, number in rows} == {one.name: int(one) for one in Sar}


def test_the_structures_have_the_sizes_of_the_standard(native: Native, tmp_path: Path) -> None:
    sizes = {
        "DEVINFO": 294,
        "ECCPUBLICKEYBLOB": 132,
        "ECCCIPHERBLOB": 180,
        "ECCSIGNATUREBLOB": 128,
        "ENVELOPEDKEYBLOB": 388,
        "BLOCKCIPHERPARAM": 44,
    }
    asserts = "".join(
        f'_Static_assert(sizeof({name}) == {size}, "{name}");\n' for name, size in sizes.items()
    )
    source = tmp_path / "sizes.c"
    source.write_text(f'#include "SKF.h"\n{asserts}')
    line = ["cc", "-c", f"-I{native.directory}", "-o", "/dev/null", str(source)]
    subprocess.run(line, check=True)


def test_the_library_exports_these_functions_and_nothing_else(native: Native) -> None:
    library = native.directory / "libsscard_skf.so"
    listing = subprocess.check_output(["nm", "--dynamic", "--defined-only", library], text=True)
    assert {line.split()[-1] for line in listing.splitlines()} == set(SIGNATURES)


# --- the C program --------------------------------------------------------------------------------


def test_a_signature_and_the_certificates(
    native: Native, card: Path, authority: PkiAuthority
) -> None:
    lines = program(native, card, "-c")
    assert [line for line in lines if re.fullmatch(r"SKF_\w+ (?!0{8})\w{8}", line)] == []
    assert "device card.ssc" in lines
    assert "application SS.CERT.ADF1" in lines
    assert "container SS.CERT" in lines
    key, signature = value(lines, "key"), value(lines, "signature")
    assert not any(key[:32] + key[64:96] + signature[:32] + signature[64:96])
    public = key[32:64] + key[96:]
    assert verifies(public, b"\x5a" * 32, signature[32:64] + signature[96:])
    signs = CardCertificate.load(value(lines, "signature-certificate"))
    assert signs.public_key == Sm2PublicKey(public)
    assert signs.signed_by(authority.certificate)
    other = CardCertificate.load(value(lines, "encryption-certificate"))
    assert other.usage == {"key_encipherment", "data_encipherment"}


def test_pins_the_proof_of_the_device_and_a_new_pair(
    native: Native, card: Path, authority: PkiAuthority
) -> None:
    pin, master = authority.administrator_pin(bytes(16)), authority.master_key(bytes(16)).hex()
    lines = program(native, card, "-a", pin, "-k", master, "-g")
    for name in ("SKF_DevAuth", "SKF_GenECCKeyPair", "SKF_ChangePIN"):
        assert f"{name} 00000000" in lines
    assert "administrator 6 of 6" in lines
    before = program(native, card)
    assert value(before, "key") == value(lines, "key")


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("-p", "999999"), ("SKF_VerifyPIN 0A000024", "SKF_ECCSignData 0A00002D")),
        (("-p", "12x456", "-k", "00" * 16), ("SKF_VerifyPIN 0A000026", "SKF_DevAuth 0A000024")),
        (("-a", "00000000"), ("SKF_VerifyPIN 0A000024", "SKF_VerifyPIN 00000000")),
    ],
)
def test_what_is_refused(
    native: Native, card: Path, arguments: tuple[str, ...], lines: tuple[str, ...]
) -> None:
    assert set(lines) <= set(program(native, card, *arguments, code=1))


def test_a_card_without_the_application_or_no_card(native: Native, tmp_path: Path) -> None:
    Desk(3).card.save(tmp_path / "card.ssc")
    lines = program(native, tmp_path / "card.ssc", code=1)
    assert "SKF_ConnectDev 0A000031" in lines
    lines = program(native, tmp_path / "nowhere.ssc", code=1)
    assert lines[0].startswith("SKF_EnumDev 0A0000")


# --- programs that are wrong ----------------------------------------------------------------------

_WRONG = """
import ctypes, sys, threading, time
skf = ctypes.CDLL(sys.argv[1])
P, U = ctypes.c_void_p, ctypes.c_uint32
def call(name, *arguments):
    return f"{getattr(skf, name)(*arguments) & 0xFFFFFFFF:08X}"
number, device, other = U(0), P(), P()
small = ctypes.create_string_buffer(2)
print("null", call("SKF_EnumDev", 1, None, None), call("SKF_ConnectDev", None, None))
print("size", call("SKF_EnumDev", 1, None, ctypes.byref(number)), number.value)
number = U(2)
print("small", call("SKF_EnumDev", 1, small, ctypes.byref(number)), number.value)
print("absent", call("SKF_ConnectDev", b"another", ctypes.byref(device)))
print("long", call("SKF_ConnectDev", b"x" * 300, ctypes.byref(device)))
name = sys.argv[2].encode()
print("open", call("SKF_ConnectDev", name, ctypes.byref(device)))
print("again", call("SKF_ConnectDev", name, ctypes.byref(other)), device.value != other.value)
for handle in (0, 99, 2**63):
    print("handle", call("SKF_UnlockDev", P(handle)), call("SKF_CloseApplication", P(handle)))
print("kind", call("SKF_CloseContainer", device), call("SKF_ClearSecureState", device))
print("random", call("SKF_GenRandom", device, None, 8), call("SKF_GenRandom", device, small, 0),
      call("SKF_GenRandom", device, small, 2**31))
print("auth", call("SKF_DevAuth", device, small, 2))
application, container = P(), P()
print("name", call("SKF_OpenApplication", device, b"X", ctypes.byref(application)))
call("SKF_OpenApplication", device, b"SS.CERT.ADF1", ctypes.byref(application))
print("container", call("SKF_OpenContainer", application, b"X", ctypes.byref(container)))
call("SKF_OpenContainer", application, b"SS.CERT", ctypes.byref(container))
blob = ctypes.create_string_buffer(512)
length = U(10)
print("blob", call("SKF_ExportPublicKey", container, 1, blob, ctypes.byref(length)), length.value)
print("import", call("SKF_ImportECCKeyPair", container, blob),
      call("SKF_ImportCertificate", container, 1, blob, 0),
      call("SKF_ImportCertificate", container, 1, blob, 5000),
      call("SKF_ImportCertificate", container, 1, blob, 100))
print("generate", call("SKF_GenECCKeyPair", container, 0x00010000, blob),
      call("SKF_GenECCKeyPair", container, 0x00020200, blob))
print("sign", call("SKF_ECCSignData", container, blob, 31, blob))
print("verify", call("SKF_ECCVerify", device, blob, blob, 32, blob))
print("type", call("SKF_VerifyPIN", application, 7, b"123456", ctypes.byref(number)))
print("locked", *[call("SKF_VerifyPIN", application, 1, b"999999", ctypes.byref(number))
                  + f"/{number.value}" for _ in range(7)])
print("lock", call("SKF_LockDev", device, 0), call("SKF_LockDev", other, 10),
      call("SKF_GenRandom", other, blob, 8))
waited = []
thread = threading.Thread(target=lambda: waited.append(call("SKF_LockDev", other, 20000)))
thread.start()
time.sleep(0.2)
print("unlock", call("SKF_UnlockDev", device))
thread.join()
print("waited", *waited, call("SKF_DisConnectDev", other))
print("closed", call("SKF_CloseApplication", application),
      call("SKF_ExportPublicKey", container, 1, blob, ctypes.byref(length)))
print("end", call("SKF_DisConnectDev", device), call("SKF_CloseContainer", container),
      call("SKF_DisConnectDev", device))
"""
_TOLD = """
null 0A000006 0A000006
size 00000000 10
small 0A000020 10
absent 0A000006
long 0A000010
open 00000000
again 00000000 True
handle 0A000005 0A000005
handle 0A000005 0A000005
handle 0A000005 0A000005
kind 0A000005 0A000005
random 0A000006 0A000010 0A000010
auth 0A000010
name 0A00002E
container 0A000031
blob 0A000020 132
import 0A000011 0A000010 0A000010 0A00002D
generate 0A000003 0A00002D
sign 0A000010
verify 0A000010
type 0A00002A
locked 0A000024/5 0A000024/4 0A000024/3 0A000024/2 0A000024/1 0A000025/0 0A000025/0
lock 00000000 0A00000F 0A000001
unlock 00000000
waited 00000000 00000000
closed 00000000 0A000005
end 00000000 0A000005 0A000005
"""


def test_programs_that_are_wrong(native: Native, card: Path) -> None:
    library = str(native.directory / "libsscard_skf.so")
    command = [sys.executable, "-c", _WRONG, library, card.name]
    told = execute(command, environment({"card": str(card)})).decode()
    assert told.split("\n") == [*_TOLD.strip().split("\n"), ""]


_IMPORT = """
import ctypes, sys
skf = ctypes.CDLL(sys.argv[1])
device, application, container = (ctypes.c_void_p() for _ in range(3))
left, length, blob = ctypes.c_uint32(), ctypes.c_uint32(132), ctypes.create_string_buffer(132)
skf.SKF_ConnectDev(sys.argv[2].encode(), ctypes.byref(device))
skf.SKF_OpenApplication(device, b"SS.CERT.ADF1", ctypes.byref(application))
skf.SKF_OpenContainer(application, b"SS.CERT", ctypes.byref(container))
sealed = bytes.fromhex(sys.argv[3])
print(hex(skf.SKF_ImportECCKeyPair(container, sealed)))
print(hex(skf.SKF_VerifyPIN(application, 1, b"123456", ctypes.byref(left))))
print(hex(skf.SKF_ImportECCKeyPair(container, sealed)))
print(hex(skf.SKF_ImportECCKeyPair(container, sealed[:-1] + bytes((sealed[-1] ^ 1,)))))
print(skf.SKF_ExportPublicKey(container, 0, blob, ctypes.byref(length)), blob.raw.hex())
"""


def test_a_pair_for_encryption_is_imported(native: Native, card: Path) -> None:
    """An authority's ENVELOPEDKEYBLOB, by a program that has the user's PIN."""
    with Card.open(card) as opened:
        connection = connect_card(opened)
        connection.power_on()
        client = PkiClient(connection)
        client.select()
        key = client.public_key()
    assert key is not None
    pair = Sm2PrivateKey.generate()
    sealed = EnvelopedKey.seal(pair, key).encode().hex()
    library = str(native.directory / "libsscard_skf.so")
    command = [sys.executable, "-c", _IMPORT, library, card.name, sealed]
    told = execute(command, environment({"card": str(card)})).decode().split()
    assert told[:4] == ["0xa00002d", "0x0", "0x0", "0xa000011"]
    x, y = pair.public.value[:32].hex(), pair.public.value[32:].hex()
    assert told[4:] == ["0", f"00010000{'00' * 32}{x}{'00' * 32}{y}"]
