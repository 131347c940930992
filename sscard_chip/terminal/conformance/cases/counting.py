# SPDX-License-Identifier: Apache-2.0
"""Where the medical account counts and ends: the year of the totals, the last transaction number,
the whole balance, the log that goes round (LD/T 32.7, 12)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from sscard_chip.profile.model import Confidence, Structure
from sscard_chip.standard import commands
from sscard_chip.standard.dates import parse_date, written_day
from sscard_chip.standard.identifiers import DF04, LOAD, MEDICAL_LOG, PURCHASE
from sscard_chip.standard.messages import medical as messages
from sscard_chip.terminal.conformance.case import CONTACT, Need
from sscard_chip.terminal.conformance.cases.build import MEDICAL_KEYS, MEDICAL_PIN, Chapter
from sscard_chip.terminal.conformance.cases.loading import begin_load, load_macs, send_credit
from sscard_chip.terminal.conformance.cases.medical import (
    MONEY,
    TERMINAL,
    TIME,
    WRITE,
    begin_purchase,
    enter_medical,
    get_balance,
    get_proof,
    initialize,
    number_of,
    pay,
    purchase_macs,
    send_debit,
)
from sscard_chip.terminal.conformance.groups import ANSWER, FIREWALL, STATES, WORDS
from sscard_chip.terminal.conformance.groups import PURCHASE as PURCHASE_GROUP
from sscard_chip.terminal.conformance.levels import Level
from sscard_chip.terminal.conformance.trial import CardReply, Trial
from sscard_chip.terminal.conformance.verdict import NotApplicableError

_INIT, _DEBIT, _PROOF, _LOAD, _CREDIT = (
    "INITIALIZE FOR PURCHASE",
    "DEBIT FOR PURCHASE",
    "GET TRANSACTION PROOF",
    "INITIALIZE FOR LOAD",
    "CREDIT FOR LOAD",
)
_YEARS: Final = "LD/T 32.7, 12.6 yearly totals"
_LAST: Final = 0xFFFF
_PARTS: Final = (0).to_bytes(4) + (2).to_bytes(4) + (3).to_bytes(4)
"""Nothing from the account, 2 fen paid by oneself, 3 fen from the pool."""
_ON_IMAGE: Final[dict[str, Any]] = {
    "level": Level.DESTRUCTIVE,
    "needs": MEDICAL_KEYS | {Need.IMAGE},
}

cases = Chapter(PURCHASE_GROUP)


def _totals(trial: Trial) -> tuple[int, int, str]:
    """SPIP, SPFP and their year."""
    own = trial.expect(get_balance(trial, 2), "9000").data
    pool = trial.expect(get_balance(trial, 3), "9000").data
    return int.from_bytes(own[:4]), int.from_bytes(pool[:4]), own[4:].hex()


def _with_totals(trial: Trial) -> None:
    if trial.subject.statement.account_only:
        raise NotApplicableError("the card keeps the account alone")


# --- the year of the totals ----------------------------------------------------------------------

_ROWS: Final = (
    # starting day, year of the totals, day of the purchase, year afterwards, whether it adds
    ("0101", "2024", "20241231", "2024", True),
    ("0101", "2024", "20250101", "2025", False),
    ("0701", "2023", "20240630", "2023", True),
    ("0701", "2023", "20240701", "2024", False),
    ("0701", "2021", "20240315", "2023", False),
    ("0101", "0000", "20240315", "2024", False),
    ("0701", "2023", "20230630", "2023", True),
    ("0401", "2023", "20240331", "2023", True),
    ("0401", "2023", "20240401", "2024", False),
    ("1231", "2023", "20241230", "2023", True),
    ("1231", "2023", "20241231", "2024", False),
    ("0101", "2024", "20260101", "2026", False),
)


def _year_row(number: int, start: str, year: str, day: str, after: str, adds: bool) -> None:
    what = "adds to the totals" if adds else f"begins the totals of {after}"
    sure = Confidence.HIGH if start == "0101" or int(day[:4]) == int(after) else Confidence.MEDIUM

    @cases.case(f"SSC-32.7-YEAR-{number:02}",
                f"Year {year} from {start}: a purchase on {day} {what}", _YEARS,
                confidence=sure, **_ON_IMAGE)  # fmt: skip
    def _(trial: Trial) -> None:
        _with_totals(trial)
        trial.with_account(
            starting_day=start, year=year, self_paid_total_fen=100, pooled_total_fen=200
        )
        enter_medical(trial)
        pay(trial, _PARTS, time=bytes.fromhex(day) + TIME[4:])
        before = (100, 200) if adds else (0, 0)
        found = _totals(trial)
        trial.equal(found[2], after, "year of the totals")
        trial.equal(found[:2], (before[0] + 2, before[1] + 3), "totals")


for _number, _row in enumerate(_ROWS, 1):
    _year_row(_number, *_row)


@cases.case("SSC-32.7-YEAR-20", "The totals of this card begin again on the starting day, and not "
            "the day before", _YEARS, lasting=3, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    _with_totals(trial)
    enter_medical(trial)
    pay(trial, _PARTS)
    own, pool, year = _totals(trial)
    day = trial.given(trial.send(commands.GET_STARTING_DAY, le=2), "GET STARTING DAY").data.hex()
    first = parse_date(f"{int(year) + 1:04}{day}")
    if first is None:
        raise NotApplicableError("the starting day is no day")

    def at(when: date) -> bytes:
        return bytes.fromhex(written_day(when)) + TIME[4:]

    pay(trial, _PARTS, time=at(first - timedelta(days=1)))
    _see(trial, (own + 2, pool + 3, year), "on the last day of the year")
    pay(trial, _PARTS, time=at(first))
    _see(trial, (2, 3, f"{first:%Y}"), "on the first day of the next")
    pay(trial, _PARTS, time=at(first - timedelta(days=1)))
    _see(trial, (4, 6, f"{first:%Y}"), "after an earlier day")
    trial.reset(cold=True)
    enter_medical(trial)
    _see(trial, (4, 6, f"{first:%Y}"), "after power-off")


def _see(trial: Trial, totals: tuple[int, int, str], when: str) -> None:
    trial.check(_totals(trial) == totals, f"the right totals and year {when}", "others")


@cases.command(_DEBIT, ANSWER, 9, "What INITIALIZE tells after a debit is what GET BALANCE tells",
               lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    pay(trial, _PARTS)
    own, pool = (trial.given(get_balance(trial, kind)).data for kind in (2, 3))
    account = trial.given(get_balance(trial)).data
    begun = begin_purchase(trial)
    trial.same(begun[:4], account, "CIA")
    if not trial.subject.statement.account_only:
        trial.same(begun[4:14], own[:4] + pool[:4] + own[4:], "SPIP, SPFP and year")


@cases.command(_DEBIT, ANSWER, 10, "The three amounts stand in EF08 in their order, with the time",
               lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, _, _ = pay(trial, _PARTS)
    record = trial.expect(trial.whole("00B2014400"), "9000").data
    expected = number.to_bytes(2) + bytes((PURCHASE,)) + TERMINAL + TIME + _PARTS
    trial.same(record, expected[: len(record)], "record 1 of EF08")


@cases.command("GET STARTING DAY", ANSWER, 2, "Month and day in this order", **_ON_IMAGE)
def _(trial: Trial) -> None:
    _with_totals(trial)
    for day in ("0701", "1231", "0229"):
        trial.with_account(starting_day=day)
        enter_medical(trial)
        reply = trial.expect(trial.send(commands.GET_STARTING_DAY, le=2), "9000")
        trial.equal(reply.data.hex(), day, "starting day")


# --- ends ----------------------------------------------------------------------------------------


@cases.command(_INIT, WORDS, 5, "Without a number left: 9402", **_ON_IMAGE)
def _(trial: Trial) -> None:
    trial.with_account(purchase_counter=_LAST)
    enter_medical(trial)
    trial.refused(initialize(trial), "9402")
    trial.refused(send_debit(trial, bytes(4)), "6901", what="to DEBIT behind it")


@cases.command(_INIT, WORDS, 6, "The last number is used, then 9402", confidence=Confidence.MEDIUM,
               **_ON_IMAGE)  # fmt: skip
def _(trial: Trial) -> None:
    trial.with_account(purchase_counter=_LAST - 1)
    enter_medical(trial)
    number, tac, mac2 = pay(trial)
    trial.equal(number, _LAST - 1, "transaction number")
    trial.refused(initialize(trial), "9402")
    reply = trial.expect(get_proof(trial, number), "9000")
    trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


@cases.command(_INIT, WORDS, 7, "9403 before 9401 before 9402", **_ON_IMAGE)
def _(trial: Trial) -> None:
    trial.with_account(purchase_counter=_LAST, balance_fen=1)
    enter_medical(trial)
    much = (2).to_bytes(4) + bytes(8)
    trial.refused(initialize(trial, much, 4), "9403")
    trial.refused(initialize(trial, much), "9401")


@cases.command(_LOAD, WORDS, 3, "Without a number left: 9402", **_ON_IMAGE)
def _(trial: Trial) -> None:
    trial.with_account(load_counter=_LAST)
    enter_medical(trial)
    trial.refused(begin_load(trial), "9402")
    trial.expect(initialize(trial), "9000", what="to INITIALIZE FOR PURCHASE")


@cases.command(_DEBIT, ANSWER, 11, "The whole account is paid to the last fen, then 9401",
               **_ON_IMAGE)  # fmt: skip
def _(trial: Trial) -> None:
    for balance in (1, 0x01000000, 0x7FFFFFFF):
        trial.with_account(balance_fen=balance)
        enter_medical(trial)
        trial.same(trial.expect(get_balance(trial), "9000").data, balance.to_bytes(4), "balance")
        pay(trial, balance.to_bytes(4) + bytes(8))
        trial.same(trial.expect(get_balance(trial), "9000").data, bytes(4), "balance of 0")
        trial.refused(initialize(trial, (1).to_bytes(4) + bytes(8)), "9401")


@cases.command(_DEBIT, ANSWER, 12, "Amounts that carry over the bytes of balance and totals",
               **_ON_IMAGE)  # fmt: skip
def _(trial: Trial) -> None:
    _with_totals(trial)
    trial.with_account(
        balance_fen=0x00010000, self_paid_total_fen=0x00FFFFFF, pooled_total_fen=0x0000FFFF,
        year=TIME[:2].hex(), starting_day="0101",
    )  # fmt: skip
    enter_medical(trial)
    pay(trial, (1).to_bytes(4) + (1).to_bytes(4) + (0x101).to_bytes(4))
    trial.same(trial.expect(get_balance(trial), "9000").data, b"\0\0\xff\xff", "balance")
    trial.equal(_totals(trial)[:2], (0x01000000, 0x00010100), "totals")


@cases.command(_DEBIT, ANSWER, 13, "A debit whose amounts are great: the balance by exactly that",
               **_ON_IMAGE)  # fmt: skip
def _(trial: Trial) -> None:
    trial.with_account(balance_fen=0x12345678)
    enter_medical(trial)
    for amount, left in ((0x00ABCDEF, 0x11888889), (0x01020304, 0x10868585)):
        pay(trial, amount.to_bytes(4) + bytes(8))
        trial.same(trial.expect(get_balance(trial), "9000").data, left.to_bytes(4), "balance")


def _records(trial: Trial) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < 0xFF:
        reply = trial.whole(bytes((0x00, 0xB2, len(found) + 1, 0x44, 0x00)))
        if reply.sw != 0x9000:
            trial.refused(reply, "6A83", what="behind the last record of EF08")
            break
        found.append(reply.data)
    return found


@cases.command(_DEBIT, ANSWER, 14, "EF08 goes round: the newest records in their order, the oldest "
               "gone", **_ON_IMAGE)  # fmt: skip
def _(trial: Trial) -> None:
    room = trial.file(DF04, MEDICAL_LOG).records
    enter_medical(trial)
    numbers = [pay(trial)[0] for _ in range(room + 2)]
    found = _records(trial)
    trial.equal(len(found), room, "records of EF08")
    shown = [int.from_bytes(one[:2]) for one in found]
    trial.equal(shown, numbers[: -room - 1 : -1], "transaction numbers of EF08")
    trial.reset(cold=True)
    enter_medical(trial)
    trial.check(_records(trial) == found, "the same records after power-off")


# --- number, proof and log of both kinds ---------------------------------------------------------


@cases.command(_DEBIT, WORDS, 6, "A wrong MAC1 takes no number and makes no record", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = trial.whole("00B2014400").data
    begun = begin_purchase(trial)
    for wrong in range(4):
        again = begin_purchase(trial)
        mac1 = bytearray(purchase_macs(trial, again)[0])
        mac1[wrong] ^= 0x80 >> wrong
        trial.refused(send_debit(trial, bytes(mac1)), "9302")
        trial.equal(number_of(begin_purchase(trial)), number_of(begun), "transaction number")
    trial.same(trial.whole("00B2014400").data, before, "record 1 of EF08")


@cases.command(_DEBIT, WORDS, 7, "MAC1 over another amount, terminal or time: 9302", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    other = (0).to_bytes(4) + (1).to_bytes(4) + bytes(4)
    mac1 = purchase_macs(trial, begin_purchase(trial), other)[0]
    trial.refused(send_debit(trial, mac1), "9302", what="to MAC1 over another amount")
    mac1 = purchase_macs(trial, begin_purchase(trial), time=TIME[:-1] + b"\x59")[0]
    trial.refused(send_debit(trial, mac1), "9302", what="to MAC1 over another time")
    mac1 = purchase_macs(trial, begin_purchase(trial), index=2)[0]
    trial.refused(send_debit(trial, mac1), "9302", what="to MAC1 of another key version")


@cases.command(_DEBIT, WORDS, 8, "The same DEBIT again: 6901, and nothing is paid", group=STATES,
               **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    begun = begin_purchase(trial)
    mac1 = purchase_macs(trial, begun)[0]
    trial.given(send_debit(trial, mac1), "DEBIT")
    trial.refused(send_debit(trial, mac1), "6901", what="to the same DEBIT")
    trial.equal(number_of(begin_purchase(trial)), number_of(begun) + 1, "transaction number")


@cases.command(_DEBIT, WORDS, 9, "An INITIALIZE that failed ends the one before: 6901",
               group=STATES, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    for failed in ("index", "amount"):
        mac1 = purchase_macs(trial, begin_purchase(trial))[0]
        reply = initialize(trial, index=4) if failed == "index" else _too_much(trial)
        trial.given_word(reply, "94xx")
        trial.refused(send_debit(trial, mac1), "6901", what="to DEBIT after a failed INITIALIZE")


def _too_much(trial: Trial) -> CardReply:
    balance = int.from_bytes(trial.given(get_balance(trial), "GET BALANCE").data)
    return initialize(trial, min(balance + 1, 0xFFFFFF00).to_bytes(4) + bytes(8))


@cases.command(_DEBIT, WORDS, 10, "A reset, another directory and the PIN end a transaction: 6901",
               group=STATES, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    for name in ("a reset", "another directory", "VERIFY", "INTERNAL AUTHENTICATE"):
        enter_medical(trial)
        mac1 = purchase_macs(trial, begin_purchase(trial))[0]
        if name == "a reset":
            trial.reset()
            enter_medical(trial)
        elif name == "another directory":
            trial.enter()
            trial.enter(DF04)
        else:
            trial.whole("0020000000" if name == "VERIFY" else "0088000010" + "5A" * 16)
        trial.refused(send_debit(trial, mac1), "6901", what=f"to DEBIT after {name}")


@cases.command(_CREDIT, WORDS, 4, "MAC2 is wrong when any of its bytes is: 9302", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    before = trial.given(get_balance(trial), "GET BALANCE").data
    for wrong in range(4):
        begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
        mac2 = bytearray(load_macs(trial, begun, 1)[1])
        mac2[wrong] ^= 0x40 >> wrong
        trial.refused(send_credit(trial, bytes(mac2)), "9302")
    trial.same(trial.expect(get_balance(trial), "9000").data, before, "balance")


@cases.command("GET BALANCE", ANSWER, 3, "Balances are known in DF04 alone", group=FIREWALL,
               level=Level.SESSION, needs=MEDICAL_PIN)  # fmt: skip
def _(trial: Trial) -> None:
    for directory in trial.subject.profile.directories:
        if directory.fid == DF04 or trial.subject.statement.lacks(directory.short_name):
            continue
        trial.enter(directory.fid)
        trial.given(trial.verify_pin(), "VERIFY of the given PIN")
        for apdu in ("B026000104", "B028010113" + "01" + "00" * 12 + TERMINAL.hex()):
            reply = trial.whole(apdu)
            trial.check(
                reply.sw != 0x9000 and not reply.data, f"a refusal in {directory.short_name}",
                reply.word,
            )  # fmt: skip


@cases.command("GET BALANCE", WORDS, 12, "Another Le than the answer has: 6C and its length",
               level=Level.SESSION, needs=MEDICAL_PIN, interfaces=frozenset({CONTACT}))  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    for kind, length in ((1, 4), (2, 6), (3, 6)):
        for le in (0x01, 0x10):
            reply = trial.raw(bytes((0xB0, 0x26, 0x00, kind, le)))
            trial.equal(reply.word, f"6C{length:02X}", f"answer to kind {kind}, Le {le:02X}")
            trial.equal(len(reply.data), 0, "data bytes beside 6Cxx")


@cases.command(_PROOF, WORDS, 3, "The number of a purchase, asked for as a load: 9406", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, _, _ = pay(trial)
    trial.refused(get_proof(trial, number, LOAD), "9406")
    for kind in (0x00, 0x33):
        trial.refused(get_proof(trial, number, kind), "9406", "6A86", "6A81")


@cases.command(_PROOF, WORDS, 4, "A wrong MAC1 leaves the proof of the debit before",
               confidence=Confidence.MEDIUM, **WRITE)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, tac, mac2 = pay(trial)
    begin_purchase(trial)
    reply = get_proof(trial, number)
    trial.expect(reply, "9000")
    trial.check(reply.data == mac2 + tac, "MAC2 and TAC of the debit", "another value")


def _loaded(trial: Trial) -> tuple[int, bytes]:
    begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
    _, mac2, tac = load_macs(trial, begun, 1)
    trial.check(trial.expect(send_credit(trial, mac2), "9000").data == tac, "the right TAC")
    return int(messages.LOAD_ANSWER.parse(begun).number), tac


@cases.command(_CREDIT, ANSWER, 2, "A load is the newest record of EF08, of the type of a load",
               confidence=Confidence.MEDIUM, lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, _ = _loaded(trial)
    record = trial.expect(trial.whole("00B2014400"), "9000").data
    expected = number.to_bytes(2) + bytes((LOAD,)) + TERMINAL + TIME + (1).to_bytes(4) + bytes(8)
    trial.same(record, expected[: len(record)], "record 1 of EF08")


@cases.command(_CREDIT, ANSWER, 3, "A load raises its own number, not that of purchases",
               confidence=Confidence.MEDIUM, lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    purchases = number_of(begin_purchase(trial))
    number, _ = _loaded(trial)
    trial.equal(number_of(begin_purchase(trial)), purchases, "number of the next purchase")
    begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
    trial.equal(
        int(messages.LOAD_ANSWER.parse(begun).number), number + 1, "number of the next load"
    )


@cases.command(_PROOF, ANSWER, 3, "The proof of a load ends with its TAC, also after power-off",
               confidence=Confidence.MEDIUM, lasting=1, **MONEY)  # fmt: skip
def _(trial: Trial) -> None:
    enter_medical(trial)
    number, tac = _loaded(trial)
    for cold in (False, True):
        trial.reset(cold=cold)
        enter_medical(trial)
        data = trial.expect(get_proof(trial, number, LOAD), "9000").data
        trial.equal(len(data), 8, "bytes of the proof")
        trial.check(data[4:] == tac, "the TAC of the load", "another value")
    trial.refused(get_proof(trial, number + 3, LOAD), "9406")


@cases.command(_CREDIT, WORDS, 3, "Another command between: 6901", **WRITE)
def _(trial: Trial) -> None:
    enter_medical(trial)
    for between in ("0084000008", "00B2FF0400"):
        begun = trial.given(begin_load(trial), "INITIALIZE FOR LOAD").data
        _, mac2, _ = load_macs(trial, begun, 1)
        trial.whole(between)
        trial.refused(send_credit(trial, mac2), "6901", what=f"to CREDIT after {between[:4]}")


@cases.command("UPDATE RECORD", ANSWER, 1, "A cyclic file goes round: the newest record is 1",
               confidence=Confidence.MEDIUM, **_ON_IMAGE)  # fmt: skip
def _(trial: Trial) -> None:
    for file in trial.directory(DF04).files:
        cyclic = file.structure is Structure.CYCLIC and file.write.kid is not None
        if not cyclic or trial.subject.file(DF04, file.fid) is None:
            continue
        room, length = file.records, file.record_length
        enter_medical(trial)
        trial.satisfy(file.write, DF04)
        texts = [bytes((0x30 + n % 10,)) * length for n in range(1, room + 3)]
        for text in texts:
            reply = trial.send(commands.UPDATE_RECORD, 0x00, file.sfi << 3 | 3, text)
            trial.expect(reply, "9000", what="to appending a record")
        enter_medical(trial)
        trial.satisfy(file.read, DF04)
        for place in range(1, room + 1):
            trial.same(_record(trial, file.sfi, place).data, texts[-place], f"record {place}")
        trial.refused(_record(trial, file.sfi, room + 1), "6A83")
        return
    raise NotApplicableError("no cyclic file is written by a terminal")


def _record(trial: Trial, sfi: int, number: int) -> CardReply:
    return trial.whole(bytes((0x00, 0xB2, number, sfi << 3 | 4, 0x00)))
