# SPDX-License-Identifier: Apache-2.0
"""Write docs/commands.md: every command of the social security application, with real exchanges.

``python scripts/make_commands.py``. The exchanges are those of a card of generation 2 with known
keys and known randoms; a test fails when the page is not what the card answers.
"""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from issuance.fixtures.holder import INVENTED_HOLDER
from issuance.holder import Holder
from issuance.personalise import issue_card
from issuance.roots import RootKeys, create_roots
from sscard_chip.card import Card
from sscard_chip.security.diversify import card_chain
from sscard_chip.security.random import RandomSource
from sscard_chip.security.suite import SUITES
from sscard_chip.standard import commands
from sscard_chip.standard.commands import StandardCommand
from sscard_chip.standard.identifiers import LOAD, PURCHASE
from sscard_chip.standard.messages import medical, security
from sscard_chip.standard.status import describe_status_word

PAGE: Final = Path(__file__).parent.parent / "docs" / "commands.md"
SUITE: Final = "3des"
CITY: Final = str(INVENTED_HOLDER["city"])
PIN: Final = "135790"
TERMINAL: Final = "510100000001"
TIME: Final = "20260315101112"
_SERIAL: Final = bytes.fromhex("07A1B2C3")


class Entry(NamedTuple):
    """A command as the page has it; ``p1_p2``, ``data`` and ``answer`` say what each may be."""

    command: StandardCommand
    p1_p2: str
    data: str
    answer: str
    when: str
    refusals: str


ENTRIES: Final = (
    Entry(
        commands.SELECT,
        "00 00: MF or DF by FID; 02 00: EF of the current DF; 04 00: by name, 04 02: the next"
        " whose name begins so",
        "FID of 2 bytes (none: the MF), or 5 to 16 bytes of a name",
        "FCI of a DF: 6F, 84 name, A5 88 SFI of DIR; of an EF nothing",
        "Always. Another DF than before ends what has been proven to it.",
        "6A82 6A86 6700 9303 6A81",
    ),
    Entry(
        commands.READ_RECORD,
        "P1 number or tag; P2: SFI in the high five bits (0: the current EF), then 4: record"
        " number P1, 5: from P1 to the end, 6: from the end to P1, 0 to 3: first, last, next,"
        " previous record with tag P1",
        "none",
        "the record; of linear files tag, length, value",
        "The read rule of the file holds.",
        "6981 6982 6986 6A82 6A83 6A86 6Cxx",
    ),
    Entry(
        commands.UPDATE_RECORD,
        "as READ RECORD; of a cyclic file P2 with 3 in the low bits: append",
        "the whole record, tag and length too; with CLA 04 and a MAC of 4 bytes",
        "none",
        "The write rule of the file holds.",
        "6981 6982 6986 6A80 6A83 6A84 6A85 6700 6987 6988",
    ),
    Entry(
        commands.READ_BINARY,
        "P1 80 with the SFI in its low five bits, P2 offset; or P1 P2 a 15-bit offset into the"
        " current EF",
        "none",
        "Le bytes, 00: up to 256 or to the end",
        "The read rule of the file holds.",
        "6981 6982 6986 6A82 6B00 6Cxx",
    ),
    Entry(
        commands.UPDATE_BINARY,
        "as READ BINARY",
        "the bytes; with CLA 04 and a MAC of 4 bytes",
        "none",
        "The write rule of the file holds.",
        "6981 6982 6986 6A84 6B00 6987 6988",
    ),
    Entry(
        commands.GET_CHALLENGE,
        "00 00",
        "none; Le 04, 08 or 10",
        "a random number of Le bytes",
        "Always. It serves the next authentication or secure message of this application, once.",
        "6700 6A86",
    ),
    Entry(
        commands.GET_RESPONSE,
        "00 00",
        "none; Le what 61xx announced",
        "the answer that waits",
        "Over T=0, after 61xx.",
        "6Cxx 6F00",
    ),
    Entry(
        commands.INTERNAL_AUTHENTICATE,
        "00 00",
        "8 bytes of session input, 8 of original information; then the key version, 01 without",
        "鉴别数据 of 8 bytes: the card has the key IRK",
        "Always.",
        "6700 6A86 6A88",
    ),
    Entry(
        commands.EXTERNAL_AUTHENTICATE,
        "00, identifier of the key: bit 8 for a key of the current DF",
        "鉴别数据 8, original information 8; then the key version, 01 without",
        "none",
        "After GET CHALLENGE. Right: what the key may do is allowed until power off or another DF.",
        "63Cx 6700 6983 6984 6A88",
    ),
    Entry(
        commands.VERIFY,
        "00 00",
        "the PIN in BCD, 2 to 8 bytes (an odd last digit is followed by F); none: ask",
        "none",
        "Asked without data: 63Cx, x tries left, or 9000 where no PIN is set.",
        "63Cx 6700 6983 6984",
    ),
    Entry(
        commands.CHANGE_PIN,
        "01 00",
        "old PIN, FF, new PIN",
        "none",
        "The old PIN is right: else it costs a try.",
        "63Cx 6700 6983 6A80",
    ),
    Entry(
        commands.PIN_CHANGE_UNBLOCK,
        "00 00: only the tries; 00 01: another PIN",
        "MAC 4; or the enciphered PIN and MAC",
        "none",
        "After EXTERNAL AUTHENTICATE with PUK (06) and a GET CHALLENGE.",
        "6982 6984 6988 6700 6A80",
    ),
    Entry(
        commands.APPLICATION_BLOCK,
        "00 01",
        "MAC 4",
        "none",
        "After EXTERNAL AUTHENTICATE with the lock key (83) and a GET CHALLENGE. For good: 9303.",
        "6982 6984 6988",
    ),
    Entry(
        commands.CARD_BLOCK,
        "00 00",
        "MAC 4",
        "none",
        "After EXTERNAL AUTHENTICATE with BK (05) and a GET CHALLENGE. For good: 6A81.",
        "6982 6984 6988",
    ),
    Entry(
        commands.INITIALIZE_FOR_PURCHASE,
        "01 01",
        "key index 1, 个人账户 4, 个人自付 4, 统筹 4 (fen), terminal 6",
        "balance 4, self-paid total 4, pooled total 4, year 2, number 2, key version 1,"
        " algorithm 1, random 4",
        "DF04 is selected, the PIN verified where one is set. Good for the next command only.",
        "6985 6982 9403 9401 9402",
    ),
    Entry(
        commands.DEBIT_FOR_PURCHASE,
        "01 00",
        "终端交易序号 4, time 7, MAC1 4",
        "TAC 4, MAC2 4",
        "Right behind INITIALIZE FOR PURCHASE.",
        "6901 9302 6A80 9401",
    ),
    Entry(
        commands.INITIALIZE_FOR_LOAD,
        "00 01",
        "key index 1, amount 4 (fen), terminal 6",
        "balance 4, number 2, key version 1, algorithm 1, random 4, MAC1 4",
        "As for a purchase.",
        "6985 6982 9403 9402 9401",
    ),
    Entry(
        commands.CREDIT_FOR_LOAD,
        "00 00",
        "time of the host 7, MAC2 4",
        "TAC 4",
        "Right behind INITIALIZE FOR LOAD.",
        "6901 9302 6A80",
    ),
    Entry(
        commands.GET_BALANCE,
        "00 01: balance; 00 02: self-paid total; 00 03: pooled total",
        "none",
        "4 bytes; of a total and its year 2",
        "The PIN is verified, where one is set. It disturbs no transaction.",
        "6982 6985 6A86",
    ),
    Entry(
        commands.GET_TRANSACTION_PROOF,
        f"00, type: {PURCHASE:02X} purchase, {LOAD:02X} load",
        "number 2",
        "MAC 4, TAC 4 of that transaction, if it is the last of its type",
        "After power off too: what a terminal asks when an answer was lost.",
        "6A86 9406 6581",
    ),
    Entry(
        commands.UPDATE_STARTING_DAY,
        "00 00",
        "mmdd 2",
        "none",
        "After EXTERNAL AUTHENTICATE with DSK.",
        "6982 6985 6A80",
    ),
    Entry(commands.GET_STARTING_DAY, "01 00", "none", "mmdd 2", "Always.", "6985"),
)


class _KnownRandom(RandomSource):
    """The same numbers in every run."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = random.Random(7)

    def take(self, length: int) -> bytes:
        return self._numbers.randbytes(length)


class Session:
    """A powered card with known randoms that writes down what is said."""

    def __init__(self) -> None:
        self.roots: RootKeys = create_roots(random.Random(2026).randbytes)
        holder = Holder.from_object(
            {
                **INVENTED_HOLDER,
                "pin": PIN,
                "issue_date": "20250102",
                "expiry_date": "20350102",
                "account": {"balance_fen": 100_000},
            },
            today=date(2026, 3, 15),
        )
        self.card = Card(issue_card(2, self.roots, holder, algorithm=SUITE, serial=_SERIAL))
        self.card.power_on()
        self.suite = SUITES[SUITE]
        self.lines: list[tuple[str, str]] = []
        session = self.card._session
        if session is not None:  # what a chip draws; here it must be the same each time
            session.random = _KnownRandom()

    def ask(self, apdu: bytes) -> bytes:
        """An exchange that succeeds; the data of the answer."""
        answer = self.card.transmit(apdu)
        self.lines.append((apdu.hex(" ").upper(), answer.hex(" ").upper()))
        if answer[-2:] != b"\x90\x00" and answer[-2] != 0x63:
            raise AssertionError(describe_status_word(int.from_bytes(answer[-2:])))
        return answer[:-2]

    def take(self) -> list[tuple[str, str]]:
        """What was said since the last time."""
        lines, self.lines = self.lines, []
        return lines

    def key(self, name: str) -> bytes:
        """A key of the card, 16 bytes."""
        chain = card_chain(CITY, self.card.historical_bytes)
        return self.roots.diversify(SUITE, name, 1, [chain])[0]


def exchanges() -> dict[str, list[tuple[str, str]]]:
    """Exchanges by the name of their command, and of the two step-by-step sections."""
    s = Session()
    found: dict[str, list[tuple[str, str]]] = {}

    def keep(command: StandardCommand) -> None:
        found[command.name] = s.take()

    s.ask(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    keep(commands.SELECT)
    s.ask(bytes.fromhex("00B2072C0B"))
    keep(commands.READ_RECORD)
    s.ask(bytes.fromhex("0084000008"))
    keep(commands.GET_CHALLENGE)
    original, factor = bytes.fromhex("1122334455667788"), bytes.fromhex("0102030405060708")
    s.ask(commands.INTERNAL_AUTHENTICATE.apdu(data=factor + original))
    keep(commands.INTERNAL_AUTHENTICATE)
    s.ask(bytes.fromhex("0020000000"))
    s.ask(bytes.fromhex("0020000003135790"))
    keep(commands.VERIFY)
    s.ask(bytes.fromhex("805E010007135790FF246810"))
    s.ask(bytes.fromhex("805E010007246810FF135790"))
    keep(commands.CHANGE_PIN)
    s.ask(bytes.fromhex("00A4000002DF01"))
    s.take()
    _external(s)
    keep(commands.EXTERNAL_AUTHENTICATE)
    s.ask(bytes.fromhex("00A4000002DF04"))
    s.ask(bytes.fromhex("0020000003135790"))
    s.take()
    s.ask(bytes.fromhex("B026000104"))
    s.ask(bytes.fromhex("B026000206"))
    keep(commands.GET_BALANCE)
    s.ask(bytes.fromhex("B056010002"))
    keep(commands.GET_STARTING_DAY)
    number = _debit(s)
    found["debit"] = s.take()
    s.ask(commands.GET_TRANSACTION_PROOF.apdu(p2=PURCHASE, data=number.to_bytes(2)))
    keep(commands.GET_TRANSACTION_PROOF)
    for command in (commands.INITIALIZE_FOR_PURCHASE, commands.DEBIT_FOR_PURCHASE):
        begin = command.header().hex(" ").upper()
        found[command.name] = [line for line in found["debit"] if line[0].startswith(begin)]
    found[commands.INITIALIZE_FOR_LOAD.name] = _load(s)
    keep(commands.CREDIT_FOR_LOAD)
    return found


def _external(s: Session) -> None:
    """EXTERNAL AUTHENTICATE with RK1DF01, kid 88."""
    challenge = s.ask(bytes.fromhex("0084000008"))
    session = s.suite.session(s.suite.session_key(s.suite.encryptor(s.key("RK1DF01")), challenge))
    original = bytes.fromhex("0102030405060708")
    proof = session.authentication_data(original)
    data = security.EXTERNAL.build({"cryptogram": proof, "original": original})
    s.ask(commands.EXTERNAL_AUTHENTICATE.apdu(p2=0x88, data=data))


def _debit(s: Session) -> int:
    """A purchase of 8.00 from the account and 2.00 by the holder; its number."""
    fields = {
        "key_index": 1,
        "account_fen": 800,
        "self_paid_fen": 200,
        "pooled_fen": 0,
        "terminal": bytes.fromhex(TERMINAL),
        "terminal_number": 1,
        "time": bytes.fromhex(TIME),
        "transaction_type": PURCHASE,
        "terminal_number_end": bytes.fromhex("0001"),
    }
    answer = s.ask(commands.INITIALIZE_FOR_PURCHASE.apdu(data=medical.PURCHASE.build(fields)))
    told = medical.PURCHASE_ANSWER.parse(answer)
    seen = fields | {"random": told.random, "number": told.number}
    key = s.suite.session_key(s.suite.encryptor(s.key("DPK")), medical.PURCHASE_SESSION.build(seen))
    mac1 = s.suite.session(key).mac(medical.PURCHASE_MAC1.build(seen))
    s.ask(commands.DEBIT_FOR_PURCHASE.apdu(data=medical.DEBIT.build(fields | {"MAC1": mac1})))
    return int(told.number)


def _load(s: Session) -> list[tuple[str, str]]:
    """A load of 50.00 by the centre; its first exchange, the second is still to be taken."""
    fields = {
        "key_index": 1,
        "amount_fen": 5000,
        "terminal": bytes.fromhex(TERMINAL),
        "time": bytes.fromhex(TIME),
        "transaction_type": LOAD,
    }
    answer = s.ask(commands.INITIALIZE_FOR_LOAD.apdu(data=medical.LOAD.build(fields)))
    first = s.take()
    told = medical.LOAD_ANSWER.parse(answer)
    seen = fields | {
        "random": told.random,
        "number": told.number,
        "balance_fen": told.balance_fen,
    }
    key = s.suite.session_key(s.suite.encryptor(s.key("DLK")), medical.LOAD_SESSION.build(seen))
    if s.suite.session(key).mac(medical.LOAD_MAC1.build(seen)) != told.MAC1:
        raise AssertionError("MAC1 of the card is wrong")
    mac2 = s.suite.session(key).mac(medical.LOAD_MAC2.build(seen))
    s.ask(commands.CREDIT_FOR_LOAD.apdu(data=medical.CREDIT.build(fields | {"MAC2": mac2})))
    return first


_HEAD: Final = """\
# Commands of the card

Every command of the social security application (社会保障应用) and its medical account: what it
takes, when it works, what it answers, and what it says when it does not. The page is made by
`python scripts/make_commands.py` from the list of commands that the card itself uses; the
exchanges are those of a card of generation 2 with keys and randoms that are known here, over an
interface that answers directly (over T=0 data come by `61 xx` and GET RESPONSE, see
[the reader](vpcd.md)).

Numbers are hexadecimal. Whatever is refused is a status word of two bytes: `6700` wrong length,
`6A86` wrong P1 or P2, `6D00` and `6E00` no such command are possible everywhere and not repeated.
`sscard apdu CARD.ssc HEX` sends any of them, `sscard shell` spells them in words.

| command | 名称 | CLA INS | clause |
|---|---|---|---|
"""

_EXTERNAL_STEPS: Final = """\

## EXTERNAL AUTHENTICATE, step by step

A terminal that may read DF01 without the PIN proves that it has the key RK1DF01 (88). In a test the
root keys are known, so the proof is computed as the PSAM would:

1. The card's key is the root diversified by province, city and card
   ([keys](keys.md)): `roots.diversify(algorithm, "RK1DF01", 1, [card_chain(city, historical)])`.
2. GET CHALLENGE gives 8 bytes.
3. The session key comes of the card's key and the challenge:
   `suite.session_key(encryptor, challenge)`.
4. The proof (鉴别数据) is over 8 bytes of original information of the terminal's own:
   `suite.session(key).authentication_data(original)`.
5. EXTERNAL AUTHENTICATE takes proof and original information.

A wrong proof answers 63Cx and costs a try of the key, for good at the last one; a card of
generation 3 wants such a proof with RKSSSE (0A) before it shows who its holder is. Cards with known
keys come from the fixtures (`sscard_roots`), a PSAM with the same keys is `sscard_psam`.
"""

_DEBIT_STEPS: Final = f"""\

## A debit, step by step

8.00 yuan from the account and 2.00 paid by the holder, at terminal 510100000001, after SELECT of
DF04 and VERIFY:

1. INITIALIZE FOR PURCHASE tells the three amounts; the card answers its balance, the number of this
   purchase and a random.
2. The session key comes of DPK and *random, number, last two bytes of 终端交易序号*.
3. MAC1 is over *three amounts, type {PURCHASE:02X}, terminal, time*.
4. DEBIT FOR PURCHASE brings MAC1. The card takes the money and answers TAC, for the centre, and
   MAC2, over the three amounts, for the terminal.
5. When that answer is lost, GET TRANSACTION PROOF with the same number gives MAC2 and TAC again,
   also after power off; 9406 says that the card has not paid.

All layouts stand in `sscard_chip.standard.messages.medical`; `terminal/medical.py` and
[the till](pos.md) do all of this.
"""


def page() -> str:
    """The page's text."""
    seen = exchanges()
    text = [_HEAD]
    for one in ENTRIES:
        command = one.command
        secure = f", {command.secure_cla:02X} with MAC" if command.secure_cla is not None else ""
        text.append(
            f"| [{command.name}](#{_anchor(command.name)}) | {command.chinese} |"
            f" {command.cla:02X} {command.ins:02X}{secure} | {command.clause} |\n"
        )
    for one in ENTRIES:
        text += ["\n", *_section(one, seen.get(one.command.name, []))]
    text += [_EXTERNAL_STEPS, _block(seen[commands.EXTERNAL_AUTHENTICATE.name])]
    text += [_DEBIT_STEPS, _block(seen["debit"])]
    return "".join(text)


def _section(one: Entry, lines: list[tuple[str, str]]) -> list[str]:
    words = one.refusals.replace("63Cx", "63C0").replace("6Cxx", "6C00").split()
    refused = "; ".join(
        f"`{shown}` {_meaning(word)}"
        for shown, word in zip(one.refusals.split(), words, strict=True)
    )
    rows = (
        ("P1 P2", one.p1_p2),
        ("data", one.data),
        ("answer", one.answer),
        ("when", one.when),
        ("else", refused),
    )
    text = [f"## {one.command.name}\n\n| {one.command.chinese} | |\n|---|---|\n"]
    text += [f"| {name} | {value} |\n" for name, value in rows]
    if lines:
        text.append(_block(lines))
    return text


def _meaning(word: str) -> str:
    if word == "6C00":
        return "wrong Le, xx is right"
    return describe_status_word(int(word, 16)).replace(", 0 tries left", ", x tries left")


def _block(lines: list[tuple[str, str]]) -> str:
    shown = "".join(f"> {asked}\n< {told}\n" for asked, told in lines)
    return f"\n```text\n{shown}```\n"


def _anchor(name: str) -> str:
    return name.lower().replace("/", "").replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
