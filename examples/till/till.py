# SPDX-License-Identifier: Apache-2.0
"""A small till over pyscard alone, which sscard conformance terminal --command judges.

It reads orders from standard input and writes how they ended to standard output, one JSON object
a line; card and PSAM are in the PC/SC readers that the environment names. It sells in all three
settlement modes. An example to begin from: a till for a shop also keeps a day file, compares EF08
with what it knows when a card comes back, and repairs EF06 after a pull-out.
"""

import json
import os
import sys
from pathlib import Path

from smartcard.Exceptions import SmartcardException
from smartcard.scard import SCARD_SHARE_EXCLUSIVE, SCARD_UNPOWER_CARD
from smartcard.System import readers

SSSE = b"sx1.sh.\xc9\xe7\xbb\xe1\xb1\xa3\xd5\xcf"
PSAM_NAMES = {1: SSSE, 3: b"sx3" + SSSE[3:]}
"""The environment of the PSAM by the card's algorithm: 3DES, SM4."""
PSAM_AID = bytes.fromhex("D15600000590")
VERSIONS = (b"1.00", b"2.00", b"3.00")
ISSUER = bytes.fromhex("9156000002")
IRK, RKSSSE, RK1DF04, UK2DF04 = 0x08, 0x0A, 0x2D, 0x2A
"""Keys as the PSAM knows them; the card knows the last three as 0A, 84 and 86."""
PURCHASE = 0x32


class RefusedError(Exception):
    """Nothing is sold, and nothing was charged."""


class LostError(Exception):
    """A card or PSAM that does not answer."""


def say(**line):
    """One line to the suite."""
    print(json.dumps(line), flush=True)


def hear():
    """One line from it."""
    return json.loads(sys.stdin.readline() or sys.exit(0))


def ask(**line):
    """A question to the suite, and its answer."""
    say(**line)
    return hear()


class Slot:
    """A card in a reader, for this program alone."""

    def __init__(self, name):
        self.connection = None
        try:
            reader = next(one for one in readers() if str(one) == name)
            self.connection = reader.createConnection()
            self.connection.connect(mode=SCARD_SHARE_EXCLUSIVE, disposition=SCARD_UNPOWER_CARD)
        except (SmartcardException, StopIteration):
            self.close()
            raise RefusedError("no card in the reader") from None

    def close(self):
        """Take the power away, and let go of the card."""
        if self.connection is None:
            return
        try:
            self.connection.disconnect()
            self.connection.release()
        except SmartcardException:
            pass  # it has left already

    def send(self, head, data=b"", le=None):
        """Data and status word of a command, over T=0; ``le`` where it has no data."""
        command = bytes.fromhex(head)
        command += bytes((len(data),)) + data if data else bytes((le or 0,))
        answer, word = self.exchange(command)
        if word >> 8 == 0x6C and not data:
            answer, word = self.exchange(command[:4] + bytes((word & 0xFF,)))
        if word >> 8 == 0x61:
            answer, word = self.exchange(bytes((0x00, 0xC0, 0x00, 0x00, word & 0xFF)))
        return answer, word

    def exchange(self, command):
        """One command as it goes over the line."""
        try:
            answer, sw1, sw2 = self.connection.transmit(list(command))
        except (SmartcardException, IndexError):
            raise LostError from None
        return bytes(answer), sw1 << 8 | sw2

    def need(self, head, data=b"", le=None):
        """The data of a command that must end in 9000."""
        answer, word = self.send(head, data, le)
        if word != 0x9000:
            raise RefusedError(f"{head} is answered {word:04X}")
        return answer

    def record(self, sfi, tag):
        """The value of a record."""
        found = self.need(f"00B2{tag:02X}{sfi << 3:02X}")
        if len(found) < 2 or found[0] != tag or len(found) < 2 + found[1]:
            raise RefusedError(f"record {tag:02X} is damaged")
        return found[2 : 2 + found[1]]


class Till:
    """What lasts from sale to sale: the files in its folder."""

    def __init__(self):
        folder = Path(os.environ["SSCARD_FOLDER"])
        self.open_file, self.owed_file = folder / "open.json", folder / "owed.json"
        self.receipts = folder / "receipts.txt"
        rows = Path(os.environ["SSCARD_HOTLIST"]).read_text(encoding="utf-8").splitlines()
        self.hot = [row.split("\t") for row in rows if row[:2] in ("C\t", "R\t")]

    def sell(self, order):
        """Sell, or find out how the open sale ended; the line that ends it."""
        slots = []
        try:
            return self.at_card(order, slots)
        except (RefusedError, LostError, ValueError):
            return {"outcome": "open" if self.open_file.exists() else "refused"}
        finally:
            for slot in slots:
                slot.close()

    def at_card(self, order, slots):
        """A sale at the card in the reader."""
        slots.append(card := Slot(os.environ["SSCARD_CARD_READER"]))
        name = card.need("00A40400", SSSE)
        code = card.record(5, 0x01)
        if self.open_file.exists():
            return self.recover(card, code)
        self.check(card, code, order["time"])
        slots.append(sam := Slot(os.environ["SSCARD_PSAM_READER"]))
        algorithm = name[name.index(b"\x86\x01") + 2] if b"\x86\x01" in name else 1
        proofs = Proofs(card, sam, code, algorithm)
        proofs.genuine()
        self.pin(card)
        if card.record(5, 0x03) == b"3.00":
            proofs.prove(RKSSSE, 0x0A)
        holder = card.record(6, 0x09).rstrip(b"\0").decode("gb18030")
        card.need("00A40000", b"\xdf\x04")
        line = Sale(self, card, code, proofs, order).run()
        if line["outcome"] == "paid":
            total = order["account_fen"] + order["self_paid_fen"] + order["pooled_fen"]
            with self.receipts.open("a", encoding="utf-8") as file:
                print(order["time"], holder, total, line["tac"], sep="\t", file=file)
        return line

    def check(self, card, code, time):
        """Hotlist, version, issuer, class, expiry."""
        number = card.record(5, 0x07).rstrip(b"\0").decode("ascii", "replace")
        if any(self.holds(row, code.hex().upper(), number, time) for row in self.hot):
            raise RefusedError("the card is on the hotlist")
        if card.record(5, 0x03) not in VERSIONS or not card.record(5, 0x04).startswith(ISSUER):
            raise RefusedError("this is no card that is known")
        if card.record(5, 0x02) not in (b"1", b"2", b"3", b"4"):
            raise RefusedError("its class is unknown")
        if not time[:8] <= card.record(5, 0x06).hex() <= "99991231":
            raise RefusedError("the card has expired")

    @staticmethod
    def holds(row, code, number, time):
        """Whether a row of the hotlist means a card at a time."""
        kind, first, second, since = row
        if since != "null" and since > time:
            return False
        if kind == "R":
            return len(first) == len(number) and first <= number <= second
        return first.upper() in ("NULL", code) and second in ("null", number)

    def pin(self, card):
        """The holder types the PIN until it is right."""
        word = card.send("00200000")[1]
        while word != 0x9000:
            if word >> 4 != 0x63C or word == 0x63C0:
                raise RefusedError("the PIN is locked")
            digits = ask(ask_pin=word & 0x0F)["pin"]
            if digits is None:
                raise RefusedError("no PIN")
            word = card.send("00200000", bytes.fromhex(digits + "F" * (len(digits) % 2)))[1]

    def recover(self, card, code):
        """The proof of the open sale, before anything else."""
        known = json.loads(self.open_file.read_text())
        if known["code"] != code.hex():
            return {"outcome": "open"}
        card.need("00A40000", b"\xdf\x04")
        return self.proven(card, known)

    def proven(self, card, known):
        """What the card says of a purchase by its number."""
        answer, word = card.send("B02E0032", bytes.fromhex(known["number"]))
        if word == 0x9406:
            self.open_file.unlink()
            return {"outcome": "refused"}
        if word != 0x9000 or len(answer) != 8:
            return {"outcome": "open"}
        return self.paid(answer[4:].hex(), known["told"])[0]

    def paid(self, tac, told, suspect=False):
        """A sale that is paid: its last line, and EF06 as the centre wants it."""
        use = None
        if told:
            answer = ask(settle=tac)
            if "use" in answer:
                use = answer["use"]
            else:
                owed = json.loads(self.owed_file.read_text()) if self.owed_file.exists() else []
                self.owed_file.write_text(json.dumps([*owed, tac]))
        self.open_file.unlink()
        return {"outcome": "paid", "tac": tac, "suspect": suspect}, use

    def end_day(self):
        """Tell the centre what it does not know."""
        owed = json.loads(self.owed_file.read_text()) if self.owed_file.exists() else []
        left = [tac for tac in owed if "use" not in ask(settle=tac)]
        self.owed_file.write_text(json.dumps(left))


class Proofs:
    """What card and PSAM prove to each other, with session keys of the PSAM."""

    def __init__(self, card, sam, code, algorithm):
        self.card, self.sam = card, sam
        self.block = 16 if algorithm == 3 else 8
        if algorithm not in PSAM_NAMES:
            raise RefusedError("no PSAM has this algorithm")
        sam.need("00A40400", PSAM_NAMES[algorithm])
        sam.need("00A40200", b"\x00\x16")
        self.terminal = sam.need("00B00000", le=6)
        sam.need("00A40400", PSAM_AID)
        city = code[:3].hex()
        area = city[:4] + "00" if city[:2] == "33" else city
        historical = bytes(card.connection.getATR())[-8:]
        self.factors = (historical, f"{area}sx".encode(), f"{city[:2]}0000sh".encode())

    def data(self, key, random, original):
        """鉴别数据 of 8 bytes; a PSAM of a city, a province or the ministry wants one to three
        factors."""
        for count in (1, 2, 3):
            body = b"".join(self.factors[:count]) + random.ljust(self.block, b"\0")
            if self.sam.send(f"BFDE{count << 5 | 7:02X}{key:02X}", body)[1] == 0x9000:
                break
        else:
            raise RefusedError("the PSAM has not the key")
        value = self.sam.need("80FA0000", original.ljust(self.block, b"\0"))
        return bytes(a ^ b for a, b in zip(value[:8], value[8:] or bytes(8), strict=True))

    def genuine(self):
        """INTERNAL AUTHENTICATE."""
        random, original = os.urandom(8), os.urandom(8)
        expected = self.data(IRK, random, original)
        if self.card.need("00880000", random + original) != expected:
            raise RefusedError("the card is not genuine")

    def prove(self, key, kid):
        """EXTERNAL AUTHENTICATE, once."""
        random, original = self.card.need("00840000", le=8), os.urandom(8)
        self.card.need(f"008200{kid:02X}", self.data(key, random, original) + original)

    def mac1(self, request):
        """INIT SAM FOR PURCHASE: 终端交易序号 and MAC1."""
        for count in (1, 2, 3):
            answer, word = self.sam.send("80700100", request + b"".join(self.factors[:count]))
            if word == 0x9000 and len(answer) == 8:
                return answer
        raise RefusedError("the PSAM has no purchase key")


class Sale:
    """From DF04 on: what the card is told, the debit, and what is owed."""

    def __init__(self, till, card, code, proofs, order):
        self.till, self.card, self.code, self.proofs, self.order = till, card, code, proofs, order
        self.bill = [order[name] for name in ("account_fen", "self_paid_fen", "pooled_fen")]

    def run(self):
        """The line that ends the sale."""
        use, told, amounts = None, False, self.bill
        if self.order["mode"] == 2:
            use = self.read_use()
        if self.order["mode"] != 3:
            told, amounts = self.terms(use)
        line, wanted = self.debit(b"".join(one.to_bytes(4, "big") for one in amounts), told)
        if line["outcome"] == "paid" and use:
            if not told:
                wanted = {**use, "amount_fen": use["amount_fen"] + sum(self.bill),
                          "times": use["times"] + 1}  # fmt: skip
            if wanted:
                self.write_use(use, wanted)
        return line

    def terms(self, use):
        """Modes 1 and 2: whether the centre holds the bill, and what the card is told."""
        answer = ask(hold=self.bill) if self.order["online"] else {"unreachable": True}
        if "shares" in answer:
            account, own, pooled = answer["shares"]
            return True, [0, account + own + pooled, account + pooled]
        total = sum(self.bill)
        if "refused" in answer or use is None or not use["allowed"] or total != self.bill[0]:
            raise RefusedError("not without the centre")
        most, often = int(os.environ["SSCARD_CAP_FEN"]), int(os.environ["SSCARD_CAP_TIMES"])
        if use["amount_fen"] + total >= most or use["times"] + 1 >= often:
            raise RefusedError("the cap is reached")
        return False, [0, total, total]

    def debit(self, amounts, told):
        """The four commands, and how they ended; EF06 as the centre wants it."""
        card, sam, time = self.card, self.proofs.sam, bytes.fromhex(self.order["time"])
        sam.need("00A40200", b"\x00\x1a")
        index = sam.need("00B00000", le=10)[:1]
        begun = card.need("B0280101", index + amounts + self.proofs.terminal)
        number, random = begun[14:16], begun[-4:]
        request = random + number + amounts + bytes((PURCHASE,)) + time + begun[16:18]
        mac1 = self.proofs.mac1(request)
        known = self.begin(number, told)
        answer, word = card.send("B02C0100", mac1[:4] + time + mac1[4:])
        if word != 0x9000 or len(answer) != 8:
            return self.till.proven(card, known), None
        try:
            suspect = sam.send("80720000", answer[4:])[1] in (0x9302, 0x63CF)
        except LostError:
            suspect = False
        return self.till.paid(answer[:4].hex(), told, suspect)

    def begin(self, number, told):
        """Write down that DEBIT is under way: from here on only the card knows."""
        known = {"code": self.code.hex(), "number": number.hex(), "told": told}
        self.till.open_file.write_text(json.dumps(known))
        return known

    def read_use(self):
        """EF06, under RK1DF04."""
        self.proofs.prove(RK1DF04, 0x84)
        return {"allowed": self.card.record(6, 0x90) == b"1",
                "amount_fen": int(self.card.record(6, 0x92).hex()),
                "times": int(self.card.record(6, 0x93))}  # fmt: skip

    def write_use(self, before, after):
        """What has changed in EF06, under UK2DF04."""
        values = {
            0x90: (before["allowed"], after["allowed"], b"%d" % after["allowed"]),
            0x92: (before["amount_fen"], after["amount_fen"],
                   bytes.fromhex(f"{after['amount_fen']:08}")),
            0x93: (before["times"], after["times"], b"%02d" % after["times"]),
        }  # fmt: skip
        if any(was != is_ for was, is_, _ in values.values()):
            self.proofs.prove(UK2DF04, 0x86)
        for tag, (was, is_, value) in values.items():
            if was != is_:
                self.card.need(f"00DC{tag:02X}30", bytes((tag, len(value))) + value)


def main():
    """Orders, until standard input ends."""
    till = Till()
    while True:
        order = hear()
        if "sell" in order:
            say(**till.sell(order["sell"]))
        else:
            till.end_day()
            say(day_ended=True)


if __name__ == "__main__":
    main()
