# SPDX-License-Identifier: Apache-2.0
"""Wrong PINs and proofs, locked and blocked: what is lost on a card that keeps it (LD/T 32.4; LD/T
32.5, 7.1 to 7.4, 7.8 and 7.14)."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from sscard_chip.profile.model import Confidence, Key, KeyUse
from sscard_chip.standard import commands
from sscard_chip.standard.identifiers import DF04, SSSE
from sscard_chip.standard.keys import BK_KID, LK_KID, PUK_KID, STK_KID
from sscard_chip.terminal.conformance.cases.build import PIN_AND_KEYS, PIN_NEEDED, Chapter
from sscard_chip.terminal.conformance.cases.pins import pin_file, read_of
from sscard_chip.terminal.conformance.groups import (
    ANSWER,
    CHANGE_PIN,
    DATA,
    FUNCTION,
    STATES,
    WORDS,
)
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError, NotRunError

_VERIFY, _EXTERNAL, _CHANGE, _UNBLOCK = (
    "VERIFY",
    "EXTERNAL AUTHENTICATE",
    "CHANGE PIN",
    "PIN CHANGE/UNBLOCK",
)
_UKSSSE: Final = 0x04

cases = Chapter(FUNCTION)


def _wrong(number: int, **more: Any) -> dict[str, Any]:
    return {"level": Level.DESTRUCTIVE, "needs": PIN_NEEDED, "lasting": number} | more


def other_pin(pin: bytes) -> bytes:
    """A PIN of the same length that is not the given one."""
    return bytes((pin[0] ^ 0x01,)) + pin[1:]


def verify_wrong(trial: Trial, pin: bytes) -> CardReply:
    """VERIFY with a PIN that may be wrong."""
    return trial.wrong(commands.VERIFY.apdu(data=pin))


def begin_wrong(trial: Trial, needed: int = 1) -> int:
    """In SSSE, with the full count of tries; the right PIN is given again afterwards."""
    if trial.subject.tries is None:
        raise NotApplicableError("no PIN is set")
    trial.enter()
    trial.given(trial.verify_pin(), "VERIFY of the given PIN")
    trial.reset()
    trial.enter()
    tries = trial.spare_tries(needed)
    trial.afterwards(lambda: _give_back(trial))
    return tries


def _give_back(trial: Trial) -> None:
    trial.enter()
    trial.verify_pin()


@cases.command(_VERIFY, WORDS, 11, "A wrong PIN: 63Cx and one try less", **_wrong(1))
def _(trial: Trial) -> None:
    tries = begin_wrong(trial)
    reply = verify_wrong(trial, other_pin(trial.subject.pin))
    trial.equal(reply.word, f"63C{tries - 1:X}", "answer to a wrong PIN")
    trial.equal(trial.pin_tries(), tries - 1, "tries")


@cases.command(_VERIFY, WORDS, 12, "Two wrong PINs: two tries less, also after a reset",
               **_wrong(1))  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial, 2)
    for _ in range(2):
        trial.expect(verify_wrong(trial, other_pin(trial.subject.pin)), "63Cx")
        trial.reset(cold=True)
        trial.enter()
    trial.equal(trial.pin_tries(), tries - 2, "tries")


@cases.command(_VERIFY, WORDS, 13, "The right PIN gives all tries back", **_wrong(1))
def _(trial: Trial) -> None:
    tries = begin_wrong(trial)
    trial.given_word(verify_wrong(trial, other_pin(trial.subject.pin)), "63Cx")
    trial.expect(trial.verify_pin(), "9000")
    trial.equal(trial.pin_tries(), tries, "tries")


@cases.command(_VERIFY, ANSWER, 20, "A wrong PIN opens nothing", group=STATES, **_wrong(1))
def _(trial: Trial) -> None:
    directory, file = pin_file(trial)
    begin_wrong(trial)
    trial.enter(directory)
    trial.given_word(verify_wrong(trial, other_pin(trial.subject.pin)), "63Cx")
    trial.refused(trial.whole(read_of(file)), "6982")


@cases.command(_VERIFY, WORDS, 14, "A shorter, a longer and a padded PIN are wrong", **_wrong(1))
def _(trial: Trial) -> None:
    pin = trial.subject.pin
    for other in (pin[:-1], pin + b"\xff", pin[:-1] + b"\xff"):
        if 2 <= len(other) <= 8 and other != pin:
            begin_wrong(trial)
            trial.expect(verify_wrong(trial, other), "63Cx", "6700", "6A80")
            trial.given(trial.verify_pin(), "VERIFY of the given PIN")


@cases.command(_VERIFY, WORDS, 16, "A PIN is wrong when any of its digits is", **_wrong(1))
def _(trial: Trial) -> None:
    digits = trial.subject.pin.hex()
    for place, digit in enumerate(digits):
        if not digit.isdecimal():
            continue
        other = digits[:place] + str((int(digit) + 1) % 10) + digits[place + 1 :]
        begin_wrong(trial)
        reply = verify_wrong(trial, bytes.fromhex(other))
        trial.expect(reply, "63Cx", what=f"to a PIN whose digit {place + 1} is another")
        trial.given(trial.verify_pin(), "VERIFY of the given PIN")


def change_pin(trial: Trial, old: bytes, new: bytes) -> CardReply:
    """CHANGE PIN, whose old PIN may be wrong."""
    return trial.wrong(commands.CHANGE_PIN.apdu(data=old + b"\xff" + new))


@cases.command(_CHANGE, DATA, 1, "The PIN is changed: the new one is right, the old one wrong",
               group=CHANGE_PIN, **_wrong(2))  # fmt: skip
def _(trial: Trial) -> None:
    begin_wrong(trial)
    old, new = trial.subject.pin, other_pin(trial.subject.pin)
    trial.afterwards(lambda: _back(trial, new, old))
    trial.expect(change_pin(trial, old, new), "9000")
    trial.expect(verify_wrong(trial, old), "63Cx", what="to the old PIN")
    trial.expect(verify_wrong(trial, new), "9000", what="to the new PIN")


def _back(trial: Trial, new: bytes, old: bytes) -> None:
    trial.enter()
    trial.expect(change_pin(trial, new, old), "9000", what="to changing the PIN back")


@cases.command(_CHANGE, WORDS, 1, "A wrong old PIN: 63Cx and one try less", group=CHANGE_PIN,
               **_wrong(2))  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial)
    pin = trial.subject.pin
    trial.equal(change_pin(trial, other_pin(pin), pin).word, f"63C{tries - 1:X}", "answer")
    trial.equal(trial.pin_tries(), tries - 1, "tries")


@cases.command(_CHANGE, WORDS, 2, "A new PIN of two digits, or none divided off: refused, no try",
               group=CHANGE_PIN, **_wrong(2))  # fmt: skip
def _(trial: Trial) -> None:
    tries = begin_wrong(trial)
    pin = trial.subject.pin
    trial.refused(change_pin(trial, pin, b"\x12"), "6A80", "6700")
    reply = trial.wrong(commands.CHANGE_PIN.apdu(data=pin + b"\x12\x34\x56"))
    trial.refused(reply, "6A80", "6700")
    trial.equal(trial.pin_tries(), tries, "tries")


# --- keys ----------------------------------------------------------------------------------------


def prove_wrong(trial: Trial, key: Key, version: int = 1) -> CardReply:
    """A wrong proof of a key, with a challenge of its own."""
    proof = trial.proof(key, trial.challenge(), version)
    data = bytes((proof[0] ^ 1,)) + proof[1:]
    return trial.wrong(commands.EXTERNAL_AUTHENTICATE.apdu(0x00, key.kid, data))


@cases.command(_EXTERNAL, WORDS, 21, "A wrong proof: 63Cx; the next right one gives all tries back",
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    trial.given(trial.authenticate(key), "the proof of UKSSSE")
    trial.afterwards(lambda: prove_again(trial, key))
    left = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    trial.expect(trial.authenticate(key), "9000", what="to the right proof")
    again = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    trial.equal(again, left, "tries after the right proof")


def prove_again(trial: Trial, key: Key) -> None:
    """The right proof of a key of SSSE, which gives its tries back."""
    trial.enter()
    trial.authenticate(key)


@cases.command(_EXTERNAL, WORDS, 22, "Every wrong proof costs one try",
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    trial.given(trial.authenticate(key), "the proof of UKSSSE")
    trial.afterwards(lambda: prove_again(trial, key))
    first = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    if first < 2:
        raise NotApplicableError("the key has two tries")
    second = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    trial.equal(second, first - 1, "tries after the second wrong proof")


@cases.command(_EXTERNAL, WORDS, 23, "A wrong proof gives no right", group=STATES,
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.directories:
        for file in directory.files:
            if file.read.kid is None or file.read.both or not file.items:
                continue
            trial.file(directory.fid, file.fid)
            key = trial.key(file.read.kid, directory.fid)
            trial.reset()
            trial.enter(directory.fid)
            trial.given_word(prove_wrong(trial, key), "63Cx")
            if trial.subject.tries is not None or not file.read.pin:
                trial.refused(trial.whole(read_of(file)), "6982")
            trial.given(trial.authenticate(key), "the right proof")
            return


@cases.command(_EXTERNAL, WORDS, 24, "A proof under version 1 is wrong for the others",
               group="6001.3-9.2", **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    for version in range(2, key.versions + 1):
        proof = trial.proof(key, trial.challenge()) + bytes((version,))
        apdu = commands.EXTERNAL_AUTHENTICATE.apdu(0x00, key.kid, proof)
        trial.expect(trial.wrong(apdu), "63Cx", what=f"to a proof of version {version}")
        trial.given(trial.authenticate(key, version), f"the proof of version {version}")


@cases.command(_EXTERNAL, WORDS, 25, "A challenge is spent by a wrong proof too: 6984",
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    trial.afterwards(lambda: prove_again(trial, key))
    proof = trial.proof(key, trial.challenge())
    wrong = bytes((proof[0] ^ 1,)) + proof[1:]
    trial.given_word(trial.wrong(commands.EXTERNAL_AUTHENTICATE.apdu(0x00, key.kid, wrong)), "63Cx")
    reply = trial.wrong(commands.EXTERNAL_AUTHENTICATE.apdu(0x00, key.kid, proof))
    trial.refused(reply, "6984", "6985")


@cases.command(_EXTERNAL, WORDS, 27, "Tries of a key are kept through power-off",
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    trial.given(trial.authenticate(key), "the proof of UKSSSE")
    trial.afterwards(lambda: prove_again(trial, key))
    first = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    if first < 2:
        raise NotApplicableError("the key has two tries")
    trial.reset(cold=True)
    trial.enter()
    second = trial.expect(prove_wrong(trial, key), "63Cx").sw & 0x0F
    trial.equal(second, first - 1, "tries after power-off and a second wrong proof")


@cases.command(_EXTERNAL, WORDS, 28, "Wrong proofs of one key cost others nothing",
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    one, other = trial.key(_UKSSSE, SSSE), trial.key(PUK_KID, SSSE)
    trial.enter()
    for key in (one, other):
        trial.given(trial.authenticate(key), f"the proof of {key.root}")
        trial.afterwards(partial(prove_again, trial, key))
    pin = None if trial.subject.tries is None else trial.pin_tries()
    full = trial.expect(prove_wrong(trial, other), "63Cx").sw
    trial.given(trial.authenticate(other), f"the proof of {other.root}")
    trial.expect(prove_wrong(trial, one), "63Cx")
    trial.equal(prove_wrong(trial, other).sw, full, "answer to the first wrong proof of PUK")
    if pin is not None:
        trial.equal(trial.pin_tries(), pin, "tries of the PIN")


@cases.command(_EXTERNAL, WORDS, 29, "A proof is wrong when any of its bytes is",
               **_wrong(3, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    key = trial.key(_UKSSSE, SSSE)
    trial.enter()
    trial.afterwards(lambda: prove_again(trial, key))
    for place in range(16):
        proof = bytearray(trial.proof(key, trial.challenge()))
        proof[place] ^= 0x10
        apdu = commands.EXTERNAL_AUTHENTICATE.apdu(0x00, key.kid, bytes(proof))
        trial.expect(trial.wrong(apdu), "63Cx", what=f"to a proof with another byte {place}")
        trial.expect(trial.authenticate(key), "9000", what="to the right proof")


# --- locked --------------------------------------------------------------------------------------


def _maintenance(trial: Trial) -> Key:
    return trial.key(STK_KID, SSSE, KeyUse.MAINTENANCE)


def unblock_pin(trial: Trial) -> CardReply:
    """PUK, a challenge, and PIN CHANGE/UNBLOCK that gives the tries back."""
    trial.given(trial.authenticate(trial.key(PUK_KID, SSSE)), "the proof of PUK")
    session = trial.secrets.session(_maintenance(trial), trial.challenge())
    message = commands.PIN_UNBLOCK_HEADER
    return trial.whole(message + session.mac(message))


@cases.command(
    _VERIFY,
    WORDS,
    15,
    "The last wrong PIN: 63C0, from then on 6983; PUK unblocks",
    **_wrong(5, needs=PIN_AND_KEYS),
)
def _(trial: Trial) -> None:
    if trial.subject.secrets is None:
        raise NotRunError("needs the root keys of the card")
    directory, file = pin_file(trial)
    tries = begin_wrong(trial, 0)
    for left in range(tries - 1, -1, -1):
        reply = verify_wrong(trial, other_pin(trial.subject.pin))
        trial.equal(reply.word, f"63C{left:X}", "answer to a wrong PIN")
    trial.equal(
        verify_wrong(trial, other_pin(trial.subject.pin)).word, "6983", "answer when locked"
    )
    trial.equal(verify_wrong(trial, trial.subject.pin).word, "6983", "answer to the right PIN")
    trial.equal(trial.raw("0020000000").word, "6983", "state of a locked PIN")
    trial.reset(cold=True)
    trial.enter(directory)
    trial.equal(trial.raw("0020000000").word, "6983", "state after power-off")
    trial.refused(trial.whole(read_of(file)), "6982")
    trial.enter()
    trial.expect(unblock_pin(trial), "9000", what="to PIN CHANGE/UNBLOCK")
    trial.equal(trial.pin_tries(), tries, "tries after unblocking")
    trial.expect(trial.verify_pin(), "9000", what="to the right PIN after unblocking")


@cases.command(_UNBLOCK, WORDS, 1, "Without PUK: 6982; with a wrong MAC: 6988",
               **_wrong(4, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    message = commands.PIN_UNBLOCK_HEADER
    session = trial.secrets.session(_maintenance(trial), trial.challenge())
    trial.refused(trial.whole(message + session.mac(message)), "6982")
    trial.given(trial.authenticate(trial.key(PUK_KID, SSSE)), "the proof of PUK")
    session = trial.secrets.session(_maintenance(trial), trial.challenge())
    mac = session.mac(message)
    trial.refused(trial.whole(message + bytes((mac[0] ^ 1,)) + mac[1:]), "6988")
    trial.refused(trial.whole(message + mac), "6984", what="to a second MAC of one challenge")


@cases.command(_EXTERNAL, WORDS, 26, "A key without tries: 6983, also for a right proof",
               confidence=Confidence.MEDIUM, **_wrong(6, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    directory = trial.subject.profile.applications[0]
    key = next(one for one in directory.keys if one.use is KeyUse.EXTERNAL and one.retry_limit)
    trial.enter(directory.fid)
    for _ in range(16):
        if trial.expect(prove_wrong(trial, key), "63Cx", "6983").word == "6983":
            break
    trial.equal(trial.authenticate(key).word, "6983", "answer to the right proof")
    trial.reset(cold=True)
    trial.enter(directory.fid)
    trial.equal(trial.authenticate(key).word, "6983", "answer after power-off")


_APPLICATION_BLOCK: Final = commands.APPLICATION_BLOCK.header(0x00, 0x01) + b"\x04"
_CARD_BLOCK: Final = commands.CARD_BLOCK.header() + b"\x04"


def blocking_apdu(trial: Trial, kid: int, directory: int) -> bytes:
    """CARD BLOCK in SSSE or APPLICATION BLOCK in a directory, after the proof of its key."""
    message = _CARD_BLOCK if directory == SSSE else _APPLICATION_BLOCK
    trial.given(trial.authenticate(trial.key(kid, directory)), f"the proof of {kid:02X}")
    stk = trial.key_of(KeyUse.MAINTENANCE, directory)
    session = trial.secrets.session(stk, trial.challenge())
    return message + session.mac(message)


def _block(trial: Trial, kid: int, directory: int) -> CardReply:
    return trial.whole(blocking_apdu(trial, kid, directory))


@cases.command("APPLICATION BLOCK", WORDS, 1, "Without LK: 6982", **_wrong(7, needs=PIN_AND_KEYS))
def _(trial: Trial) -> None:
    trial.enter(DF04)
    session = trial.secrets.session(trial.key_of(KeyUse.MAINTENANCE, DF04), trial.challenge())
    trial.refused(trial.whole(_APPLICATION_BLOCK + session.mac(_APPLICATION_BLOCK)), "6982")
    trial.enter(DF04)


@cases.command("CARD BLOCK", WORDS, 1, "Without BK: 6982", **_wrong(7, needs=PIN_AND_KEYS))
def _(trial: Trial) -> None:
    trial.enter()
    session = trial.secrets.session(_maintenance(trial), trial.challenge())
    trial.refused(trial.whole(_CARD_BLOCK + session.mac(_CARD_BLOCK)), "6982")
    trial.enter()


def _wrong_mac(name: str, number: int, kid: int, directory: int, apdu: str, word: str) -> None:
    @cases.command(name, WORDS, number, "A wrong MAC: 6988, and nothing is blocked",
                   **_wrong(7, needs=PIN_AND_KEYS))  # fmt: skip
    def _(trial: Trial) -> None:
        trial.enter(directory)
        for place in range(1, 5):
            right = blocking_apdu(trial, kid, directory)
            wrong = bytearray(right)
            wrong[-place] ^= place
            trial.refused(trial.whole(bytes(wrong)), "6988")
        trial.refused(trial.whole(right), "6984", "6985", what="to a second MAC of one challenge")
        trial.reset(cold=True)
        trial.enter(directory)
        trial.expect(trial.whole(apdu), "9000", what=f"after {word}")

    @cases.command(name, WORDS, number + 1, "Without a challenge: 6984, and nothing is blocked",
                   **_wrong(7, needs=PIN_AND_KEYS))  # fmt: skip
    def _(trial: Trial) -> None:
        trial.enter(directory)
        right = blocking_apdu(trial, kid, directory)
        trial.reset()
        trial.enter(directory)
        trial.given(trial.authenticate(trial.key(kid, directory)), f"the proof of {kid:02X}")
        trial.refused(trial.whole(right), "6984", "6985")
        trial.expect(trial.whole(apdu), "9000", what=f"after {word}")


_wrong_mac("CARD BLOCK", 2, BK_KID, SSSE, "0084000008", "CARD BLOCK with a wrong MAC")
_wrong_mac("APPLICATION BLOCK", 2, LK_KID, DF04, "0084000008", "APPLICATION BLOCK of a wrong MAC")


@cases.command("APPLICATION BLOCK", ANSWER, 1, "A blocked application answers 9303 for ever, the "
               "others work", **_wrong(8, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter(DF04)
    name = trial.directory(DF04).df_name
    trial.expect(_block(trial, LK_KID, DF04), "9000")
    trial.expect(trial.whole("0084000008"), "9303", what="to a command in it")
    for cold in (False, True):
        trial.reset(cold=cold)
        trial.enter()
        reply = trial.send(commands.SELECT, 0x04, 0x00, name, 0)
        trial.expect(reply, "9303", what="to its SELECT")
        reply = trial.send(commands.SELECT, 0x00, 0x00, DF04.to_bytes(2), 0)
        trial.expect(reply, "9303", what="to its SELECT by FID")
        trial.check(trial.whole("B026000104").sw != 0x9000, "a closed account", "9000")
        trial.enter(trial.subject.profile.applications[0].fid)


@cases.command("CARD BLOCK", ANSWER, 1, "A blocked card answers 6A81 to everything, for ever",
               **_wrong(9, needs=PIN_AND_KEYS))  # fmt: skip
def _(trial: Trial) -> None:
    trial.enter()
    trial.expect(_block(trial, BK_KID, SSSE), "9000")
    for cold in (False, True):
        trial.reset(cold=cold)
        for apdu in ("00A4000000", "0084000008", "00B2012C00", "0020000000"):
            trial.refused(trial.whole(apdu), "6A81", what="of a blocked card")
