# SPDX-License-Identifier: Apache-2.0
"""Return codes about readers, cards and which card it is."""

from __future__ import annotations

import pytest

from sscard_chip.card import Card
from sscard_chip.reader.faulty import FaultyConnection
from sscard_chip.terminal.connection import (
    CardRemovedError,
    NoAnswerError,
    NotConnectedError,
    ReaderError,
    Slots,
    connect_card,
)
from sscard_chip.terminal.driver import (
    FUNCTIONS,
    Driver,
)
from tests.bench.desk import CARD_NUMBER, PAY, PIN, Desk, psam_memory
from tests.bench.issued import GENERATIONS, Bench
from tests.terminal.calls import FIRST, READ, arguments


@pytest.mark.parametrize("name", FIRST)
def test_no_card(name: str) -> None:
    desk = Desk(2)
    given = arguments(desk, name)
    desk.contact.remove()
    assert desk.call(name, *given) == (-2, "no card in the slot")


@pytest.mark.parametrize("name", FIRST)
def test_no_slot_of_the_kind(name: str) -> None:
    desk = Desk(2)
    given = arguments(desk, name)
    given[0] = 2
    assert desk.code(name, *given) == -12


@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("kind", [0, 5])
def test_an_unknown_type(name: str, kind: int) -> None:
    desk = Desk(2)
    given = arguments(desk, name)
    given[0] = kind
    assert desk.code(name, *given) == -14


@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("full", ["contact", "contactless"])
def test_automatic_types_take_the_slot_that_has_a_card(kind: int, full: str) -> None:
    desk = Desk(3)
    assert desk.contactless is not None
    empty = desk.contact if full == "contactless" else desk.contactless
    empty.remove()
    assert desk.code("iReadCardBas", kind) == 0
    assert empty.exchanges == 0
    desk.contact.remove()
    desk.contactless.remove()
    assert desk.code("iReadCardBas", kind) == -2


def test_automatic_types_prefer_their_slot() -> None:
    for kind, silent in ((3, "contactless"), (4, "contact")):
        desk = Desk(3)
        assert desk.code("iReadCardBas", kind) == 0
        slot = getattr(desk, silent)
        assert slot.exchanges == 0


class Broken(FaultyConnection):
    """A slot that fails to power on."""

    def __init__(self, error: Exception) -> None:
        super().__init__(connect_card(Desk(2).card))
        self._error = error

    def power_on(self) -> bytes:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReaderError("the reader is broken"), -11),
        (NotConnectedError("no such reader"), -12),
        (NoAnswerError("the card does not answer"), -4),
        (CardRemovedError("the card was removed"), -2),
        (OSError("123456"), -5),
    ],
)
def test_readers_that_fail(error: Exception, code: int, caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(Slots(contact=Broken(error)))
    result, text = FUNCTIONS["iReadCardBas"].call(driver, 1)
    assert result == code
    assert text == ("internal error" if code == -5 else str(error))
    assert "123456" not in caplog.text


def test_a_card_of_another_kind() -> None:
    driver = Driver(Slots(contact=connect_card(Card(psam_memory(3, "sm4").copy()))))
    assert FUNCTIONS["iReadCardBas"].call(driver, 1)[0] in (-1, -27013, -27266, -27010)
    plain = Driver(Slots(contact=Renamed(connect_card(Desk(2).card), b"\x6a\x82")))
    assert FUNCTIONS["iReadCardBas"].call(plain, 1)[0] == -1


class Renamed(FaultyConnection):
    """A card that answers SELECT by name with a status word, or a record with other bytes."""

    def __init__(self, connection: object, answer: bytes, command: bytes = b"\0\xa4\4") -> None:
        super().__init__(connection)  # type: ignore[arg-type]
        self._answer, self._command = answer, command

    def transmit(self, apdu: bytes) -> bytes:
        answer = super().transmit(apdu)
        return self._answer if apdu.startswith(self._command) else answer


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("0304342E30309000", -1),  # version 4.00
        ("0304000000009000", 0),  # a blank version is a 1.0 card's
        ("0304202020209000", 0),  # the same, padded with spaces
        ("03009000", -1),  # no byte at all
        ("0304FFFFFFFF9000", -1),  # erased
        ("0304FF2E30309000", -1),
        ("030400322E309000", -1),  # begins with no digit
        ("030420322E309000", -1),
        ("0304332E30309000", -2201),  # 3.00: wants RKSSSE
        ("0304322E30009000", 0),  # "2.0" and 00
        ("03FF322E30309000", -13),
        ("0504322E30309000", -13),
    ],
)
def test_versions(record: str, code: int) -> None:
    connection = connect_card(Desk(2).card)
    slot = Renamed(connection, bytes.fromhex(record), bytes.fromhex("00B20328"))
    assert FUNCTIONS["iReadCardBas"].call(Driver(Slots(contact=slot)), 1)[0] == code


def test_a_card_identification_of_another_length() -> None:
    slot = Renamed(
        connect_card(Desk(2).card), bytes.fromhex("01020102" + "9000"), bytes.fromhex("00B20128")
    )
    assert FUNCTIONS["iReadCardBas"].call(Driver(Slots(contact=slot)), 1)[0] == -20


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_blocked_card(generation: int) -> None:
    bench = Bench(generation)
    bench.enter(0xDDF1)
    assert bench.authenticate(0x05) == 0x9000
    challenge = bench.challenge()
    command = bench.secured("84160000", b"", bench.key("STKSSSE"), challenge)
    assert bench.sw(command) == 0x9000
    desk = Desk(generation, memory=bench.memory)
    info = f"{'51' * 16}|{CARD_NUMBER}|"
    assert desk.code("iReadCardBas", 1) == -27265
    assert desk.code("iReadCard", 1, 1, info, READ) == -27265
    assert desk.code("iDoDebit", 1, info, PAY) == -27265


def test_a_blocked_application() -> None:
    bench = Bench(2)
    bench.enter(0xDF04)
    assert bench.authenticate(0x83) == 0x9000
    command = bench.secured("841E0001", b"", bench.key("STKDF04"), bench.challenge())
    assert bench.sw(command) == 0x9000
    desk = Desk(2, memory=bench.memory)
    desk.typed = [PIN]
    assert desk.read("DF04EF05|8A|$")[0] == -37635
    assert desk.read("DF01EF05|20|$", 2)[0] == 0


NAMING = [name for name in FIRST if any(p.name == "pCardInfo" for p in FUNCTIONS[name].parameters)]


@pytest.mark.parametrize("name", NAMING)
def test_the_card_named_is_another(name: str) -> None:
    desk = Desk(2)
    place = [p.name for p in FUNCTIONS[name].parameters].index("pCardInfo")
    good = desk.card_info
    for other in (
        f"{good[:31]}{'0' if good[31] != '0' else '1'}{good[32:]}",
        good[:33] + "Z00000021|",
    ):
        given = arguments(desk, name)
        given[place] = other
        assert desk.call(name, *given) == (-22, "the card is not the one in pCardInfo")
    given[place] = good.lower().replace("z", "Z")
    assert desk.code(name, *given) == 0


@pytest.mark.parametrize("name", NAMING)
@pytest.mark.parametrize(
    ("text", "code"), [("", -14), ("51|Z00000013|", -20), (f"{'51' * 16}|Z1|", -42)]
)
def test_broken_card_information(name: str, text: str, code: int) -> None:
    desk = Desk(2)
    place = [p.name for p in FUNCTIONS[name].parameters].index("pCardInfo")
    given = arguments(desk, name)
    given[place] = text
    assert desk.code(name, *given) == code
    assert desk.contact.exchanges == 0


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_arguments_of_wrong_number_or_type(name: str) -> None:
    desk = Desk(2)
    given = arguments(desk, name)
    assert desk.code(name, *given, 1) == -14
    assert desk.code(name, *given[:-1]) == -14
    given[0] = 1 if isinstance(given[0], str) else "1"
    assert desk.code(name, *given) == -14
