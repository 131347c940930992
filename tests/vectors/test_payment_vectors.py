# SPDX-License-Identifier: Apache-2.0
"""``vectors/payment.json`` against the algorithm suites, the bank's cryptography and SM2."""

from __future__ import annotations

from typing import Any

import gmalg
import gmssl_pyx
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pyemv.cvn import VisaCVN10

from sscard_chip.security import emv, sm2
from sscard_chip.security.emv import DES_BANK, SM4_BANK
from sscard_chip.security.suite import DES, SM4_SUITE, pad
from tests.bench.reference.bank import IssuerSession
from tests.bench.reference.blocks import encrypt
from tests.vectors.cards import load
from tests.vectors.schema import errors

CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in load("payment.json")["cases"]}
FAMILIES = (
    "purse-load-session", "purse-load-mac1", "purse-load-mac2",
    "purse-purchase-session", "purse-purchase-mac1", "purse-purchase-mac2",
    "purse-tac-key", "purse-purchase-tac", "purse-load-tac", "purse-external-authentication",
    "purse-diversify", "purse-script-mac", "bank-session-des", "bank-session-sm4",
    "bank-cryptogram-des", "bank-cryptogram-sm4",
    "bank-issuer-data-mac-des", "bank-arpc-des", "bank-arpc-sm4",
    "bank-card-key-sm4", "bank-script-mac-des", "emv-card-key", "emv-common-session", "emv-arpc",
    "visa-cvn10", "sm2-signature", "sm2-encryption", "sm3", "sm4-block", "sm4-mac",
)  # fmt: skip


def cases(*families: str) -> pytest.MarkDecorator:
    assert set(families) <= set(FAMILIES)
    found = [case for name, case in CASES.items() if name.rpartition("-")[0] in families]
    assert found
    return pytest.mark.parametrize("case", found, ids=lambda case: str(case["name"]))


def given(case: dict[str, Any]) -> dict[str, bytes]:
    texts = {k: v for k, v in case["inputs"].items() if k not in ("pan", "psn", "count")}
    return {name: bytes.fromhex(value) for name, value in texts.items()}


def bank(case: dict[str, Any]) -> emv.BankSuite:
    return {"des": DES_BANK, "sm4": SM4_BANK}[case["algorithm"]]


def hexed(**values: bytes) -> dict[str, str]:
    return {name: value.hex().upper() for name, value in values.items()}


def test_file_follows_its_schema() -> None:
    assert errors(load("payment.json"), load("schema/payment.json")) == []


def test_every_case_is_used() -> None:
    assert [name for name in CASES if name.rpartition("-")[0] not in FAMILIES] == []


# --- the purse ------------------------------------------------------------------------------------


@cases("purse-load-session", "purse-purchase-session")
def test_session_key_of_the_purse(case: dict[str, Any]) -> None:
    at = given(case)
    key = DES.session_key(DES.encryptor(at["key"]), at["data"])
    assert hexed(session_key=key) == case["expected"]


@cases("purse-load-mac1", "purse-load-mac2", "purse-purchase-mac1", "purse-purchase-mac2")
def test_mac_of_the_purse(case: dict[str, Any]) -> None:
    at = given(case)
    assert hexed(mac=DES.session(at["key"]).mac(at["data"])) == case["expected"]


@cases("purse-tac-key")
def test_tac_key(case: dict[str, Any]) -> None:
    dtk = given(case)["dtk"]
    folded = bytes.fromhex(case["expected"]["tac_key"])
    message = bytes(range(23))
    assert DES.tac_mac(dtk)(pad(message, 8)) == DES.session(folded).mac(message)


@cases("purse-purchase-tac", "purse-load-tac")
def test_tac_of_the_purse(case: dict[str, Any]) -> None:
    at = given(case)
    assert hexed(tac=DES.session(at["key"]).mac(at["data"])) == case["expected"]
    unfolded = bytes(8) + at["key"]
    assert hexed(tac=DES.tac_mac(unfolded)(pad(at["data"], 8))) == case["expected"]


@cases("purse-external-authentication")
def test_external_authentication(case: dict[str, Any]) -> None:
    at = given(case)
    assert hexed(response=DES.encryptor(at["key"])(at["challenge"])) == case["expected"]


@cases("purse-diversify")
def test_diversification(case: dict[str, Any]) -> None:
    at = given(case)
    assert hexed(subkey=DES.diversify(at["master"], at["factor"])) == case["expected"]


@cases("purse-script-mac")
def test_mac_of_an_administrative_command(case: dict[str, Any]) -> None:
    at = given(case)
    mac = DES.key_mac(at["key"], at["challenge"], at["data"])
    assert hexed(mac=mac, apdu=at["data"] + mac) == case["expected"]
    assert DES_BANK.session(at["key"]).mac_block(at["data"], at["challenge"] + bytes(4))[:4] == mac


# --- debit and credit -----------------------------------------------------------------------------


@cases("bank-session-des", "bank-session-sm4")
def test_session_key(case: dict[str, Any]) -> None:
    at = given(case)
    key = emv.session_key(bank(case).suite.encryptor(at["udk"]), at["atc"])
    assert hexed(sk_ac=key) == case["expected"]


@cases("bank-cryptogram-des", "bank-cryptogram-sm4")
def test_cryptogram(case: dict[str, Any]) -> None:
    at = given(case)
    session, data = bank(case).session(at["sk_ac"]), at["data"]
    assert emv.cvn01_input(data[:29], data[29:31], data[31:33], data[33:]) == data
    found = hexed(arqc=session.cryptogram(data), full_last_block=session.mac_block(data))
    assert found == {"full_last_block": found["arqc"]} | case["expected"]


@cases("bank-issuer-data-mac-des")
def test_mac_of_issuer_data(case: dict[str, Any]) -> None:
    """By the product and by an oracle of its own."""
    at, who = given(case), (case["inputs"]["pan"], case["inputs"]["psn"])
    key = emv.card_key(DES_BANK, at["imk_mac"], *who)
    own = DES_BANK.session_for(DES.encryptor(key), at["atc"])
    found = emv.issuer_data_mac(own, at["atc"], at["balance"])
    assert hexed(mac=found) == case["expected"]
    block = bytes.fromhex("".join(who)[-16:].rjust(16, "0"))
    key = encrypt("3des", at["imk_mac"], block + bytes(byte ^ 0xFF for byte in block))
    session = IssuerSession.of("3des", key, at["atc"])
    assert hexed(mac=session.mac(at["atc"] + at["balance"] + b"\0")) == case["expected"]


@cases("bank-arpc-des", "bank-arpc-sm4")
def test_arpc(case: dict[str, Any]) -> None:
    at = given(case)
    session = bank(case).session(at["sk_ac"])
    assert hexed(arpc=session.arpc(at["arqc"], at["arc"]))["arpc"] == case["expected"]["arpc"]


@cases("bank-card-key-sm4")
def test_card_key(case: dict[str, Any]) -> None:
    at = given(case)
    assert hexed(udk=SM4_SUITE.diversify(at["mdk"], at["y"])) == case["expected"]
    digits = case["inputs"]["y"]
    key = emv.card_key(SM4_BANK, at["mdk"], "621" + digits[:-2], digits[-2:])
    assert hexed(udk=key) == case["expected"]


@cases("bank-script-mac-des")
def test_script_mac(case: dict[str, Any]) -> None:
    at = given(case)
    header, data = at["data"][:5], at["data"][15:]
    key = emv.session_key(DES.encryptor(at["udk_mac"]), at["atc"])
    session = DES_BANK.session(key)
    mac = emv.script_mac(session, header, at["atc"], at["arqc"], data, b"")[:4]
    assert hexed(sk_mac=key, mac=mac, apdu=header + data + mac) == case["expected"]


@cases("emv-card-key")
def test_card_key_of_other_tools(case: dict[str, Any]) -> None:
    master, expected = given(case)["issuer_mk"], case["expected"]
    who = case["inputs"]["pan"], case["inputs"]["psn"]
    key = emv.card_key(DES_BANK, master, *who)
    even = emv.card_key(DES_BANK, master, *who, odd_parity=True)
    assert key.hex().upper() == expected["icc_mk_raw_no_parity"]
    assert even.hex().upper() == expected["icc_mk_parity_adjusted"]
    assert DES.encryptor(key)(bytes(8))[:2].hex().upper() == expected["kcv2"]
    assert DES.encryptor(even)(bytes(8))[:2].hex().upper() == expected["kcv2"]


@cases("emv-common-session")
def test_cryptogram_under_a_common_session_key(case: dict[str, Any]) -> None:
    at = given(case)
    left, right = (at["r"][:2] + byte + at["r"][3:] for byte in (b"\xf0", b"\x0f"))
    key = emv.with_odd_parity(DES.encryptor(at["icc_mk"])(left + right))
    arqc = DES_BANK.session(key).cryptogram(at["data"])
    kcv = DES.encryptor(key)(bytes(8))[:2]
    assert hexed(sk_ac=key, kcv2=kcv, arqc=arqc) == case["expected"]


@cases("emv-arpc")
def test_arpc_under_both_keys(case: dict[str, Any]) -> None:
    at = given(case)
    with_sk, with_mk = (
        DES_BANK.session(at[key]).arpc(at["arqc"], at["arc"]) for key in ("key_sk", "key_mk")
    )
    assert hexed(arpc_with_sk=with_sk, arpc_with_mk=with_mk) == case["expected"]


@pytest.mark.filterwarnings("ignore:.*TripleDES.*")
@cases("visa-cvn10")
def test_another_scheme_is_told_apart(case: dict[str, Any]) -> None:
    at, expected = given(case), case["expected"]
    pan, psn = case["inputs"]["pan"], case["inputs"]["psn"]
    other = VisaCVN10(at["issuer_mk_ac"], at["issuer_mk_smi"], at["issuer_mk_smi"], pan, psn)
    tags = ("9f02", "9f03", "9f1a", "95", "5f2a", "9a", "9c", "9f37")
    terminal = {f"tag_{tag}": at[f"data_{tag}"] for tag in tags}
    arqc = other.generate_ac(**terminal, tag_82=at["data_82"], tag_9f36=at["atc"], cvr=at["cvr"])
    assert arqc.hex().upper() == expected["arqc"]

    udk = emv.card_key(DES_BANK, at["issuer_mk_ac"], pan, psn)
    assert hexed(arpc=DES_BANK.session(udk).arpc(arqc, at["arc"]))["arpc"] == expected["arpc"]
    ours = DES_BANK.session_for(DES.encryptor(udk), at["atc"])
    message = emv.cvn01_input(b"".join(terminal.values()), at["data_82"], at["atc"], at["cvr"])
    assert ours.cryptogram(message) != arqc

    smi = emv.card_key(DES_BANK, at["issuer_mk_smi"], pan, psn)
    complement = bytes(byte ^ 0xFF for byte in at["atc"])
    mask = int.from_bytes(bytes(6) + at["atc"] + bytes(6) + complement)
    session = DES_BANK.session((int.from_bytes(smi) ^ mask).to_bytes(16))
    mac = emv.script_mac(session, at["script_header"], at["atc"], arqc, b"", b"")
    assert mac.hex().upper() == expected["app_unblock_mac"]


# --- SM algorithms --------------------------------------------------------------------------------


class FixedNumber:
    """The k of an example, for the library that lets it be given."""

    def __init__(self, k: bytes) -> None:
        self.k = int.from_bytes(k)

    def __call__(self, bits: int) -> int:
        assert self.k.bit_length() <= bits
        return self.k


@cases("sm2-signature")
def test_sm2_signature(case: dict[str, Any]) -> None:
    at, expected = given(case), {k: bytes.fromhex(v) for k, v in case["expected"].items()}
    public = expected["pub_x"] + expected["pub_y"]
    signer = gmalg.SM2(at["d"], at["id"], rnd_fn=FixedNumber(at["k"]))
    assert signer.generate_pk(at["d"]) == b"\x04" + public
    assert signer.sign(at["message"]) == (expected["r"], expected["s"])
    for library in (sm2.GmsslLibrary(), sm2.GmalgLibrary()):
        key = sm2.Sm2PublicKey(public, at["id"], library=library)
        assert (key.za, key.digest(at["message"])) == (expected["za"], expected["e"])
        assert key.verify(at["message"], expected["r"] + expected["s"])
        own = sm2.Sm2PrivateKey(at["d"], public, at["id"], library=library)
        assert key.verify(at["message"], own.sign(at["message"]))


@cases("sm2-encryption")
def test_sm2_encryption(case: dict[str, Any]) -> None:
    at, expected = given(case), {k: bytes.fromhex(v) for k, v in case["expected"].items()}
    cryptogram = expected["c1"] + expected["c3"] + expected["c2"]
    assert gmalg.SM2(at["d"], rnd_fn=FixedNumber(at["k"])).encrypt(at["message"]) == cryptogram
    assert gmalg.SM2(at["d"]).decrypt(cryptogram) == at["message"]
    x, y = (int.from_bytes(expected["c1"][i : i + 32]) for i in (1, 33))
    numbers = encode_dss_signature(x, y)[2:]  # the two integers, without their SEQUENCE
    body = numbers + b"".join(
        bytes((0x04, len(part))) + part for part in (expected["c3"], expected["c2"])
    )
    der = b"\x30" + (bytes((len(body),)) if len(body) < 128 else bytes((0x81, len(body)))) + body
    assert gmssl_pyx.sm2_decrypt(at["d"], der) == at["message"]


@cases("sm3")
def test_sm3(case: dict[str, Any]) -> None:
    message = given(case)["message"]
    other = gmalg.SM3()
    other.update(message)
    for digest in (sm2.sm3(message), gmssl_pyx.sm3_hash(message), other.value()):
        assert hexed(digest=digest) == case["expected"]


@cases("sm4-block")
def test_sm4(case: dict[str, Any]) -> None:
    at = given(case)
    encrypt, block = SM4_SUITE.encryptor(at["key"]), at["plaintext"]
    for _ in range(case["inputs"].get("count", 1)):
        block = encrypt(block)
    assert hexed(ciphertext=block) == case["expected"]
    if "count" not in case["inputs"]:
        assert gmalg.SM4(at["key"]).encrypt(at["plaintext"]) == block


@cases("sm4-mac")
def test_sm4_mac(case: dict[str, Any]) -> None:
    at = given(case)
    session = SM4_BANK.session(at["key"])
    assert (
        hexed(mac4=session.mac(at["data"]), full_last_block=session.mac_block(at["data"]))
        == case["expected"]
    )
