# SPDX-License-Identifier: Apache-2.0
"""Each function of LD/T 33 on each generation and suite, against strings built from the holder."""

from __future__ import annotations

import pytest

from sscard_chip.memory import load_image
from sscard_chip.terminal.driver import PinPrompt, Settings
from tests.bench.desk import (
    CARDS,
    LONG_NAME,
    NAME,
    PAY,
    SERIAL,
    TERMINAL,
    Desk,
)
from tests.bench.issued import GENERATIONS

NUMBER = "990000200102030012"
VERSIONS = {1: "1.00", 2: "2.00", 3: "3.00"}
KINDS = {1: (1, 3, 4), 2: (1, 3, 4), 3: (1, 2, 3, 4)}
"""The types by which a card with these interfaces is reached."""


def basics(
    desk: Desk, terminal: str = TERMINAL, *, name: str = NAME, device: str = "0" * 12
) -> str:
    """What iReadCardBas must say."""
    historical = desk.card.historical_bytes.hex().upper()
    return (
        f"510100|{NUMBER}|Z00000013|{desk.identification}|{name}|{historical}|"
        f"{VERSIONS[desk.generation]}|20250102|20350102|{terminal}|{device}|"
    )


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_read_card_bas_by_every_interface(generation: int, algorithm: str, level: int) -> None:
    desk = Desk(generation, algorithm, psam_level=level)
    assert desk.identification.startswith("510100D156000005" + SERIAL.hex().upper())
    for kind in KINDS[generation]:
        assert desk.call("iReadCardBas", kind) == (0, basics(desk))


@pytest.mark.parametrize("generation", [2, 3])
def test_a_name_that_goes_on_in_its_extension(generation: int) -> None:
    desk = Desk(generation, name=LONG_NAME)
    assert len(LONG_NAME.encode("gbk")) > 30
    assert desk.call("iReadCardBas", 1) == (0, basics(desk, name=LONG_NAME))


def test_the_device_number_is_the_terminals() -> None:
    desk = Desk(2, settings=Settings(device_number="T-0001"))
    assert desk.call("iReadCardBas", 1) == (0, basics(desk, device="T-0001"))


@pytest.mark.parametrize("generation", [1, 2])
def test_read_card_bas_without_psam(generation: int) -> None:
    """Generations 1 and 2 give it freely; the terminal has no number then."""
    desk = Desk(generation, psam_level=None)
    assert desk.call("iReadCardBas", 3) == (0, basics(desk, "0" * 12))


def test_a_closed_card_of_generation_3_leaves_fields_empty() -> None:
    desk = Desk(3, psam_level=None)
    code, text = desk.call("iReadCardBas", 1)
    assert code == -2201
    fields = basics(desk, "0" * 12).split("|")
    fields[1] = fields[2] = fields[4] = ""
    assert text == "|".join(fields)


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_read_card_bas_with_the_hsm(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm, psam_level=None)
    for kind in KINDS[generation]:
        result = desk.with_hsm("iReadCardBas", kind)
        assert (result.code, result.output) == (0, basics(desk, "0" * 12))


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_step_1_of_read_card_bas(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm)
    code, text = desk.call("iReadCardBas_HSM_Step1", 1)
    fields = text.split("|")
    assert (code, len(fields)) == (0, 9)
    assert fields[:4] == [
        "510100",
        desk.card.historical_bytes.hex().upper(),
        "03" if algorithm == "sm4" else "01",
        desk.identification,
    ]
    external = 16 if generation == 3 else 0
    assert [len(field) for field in fields[4:]] == [16, 16, external, external, 0]


# --- files ---------------------------------------------------------------------------------------

READS = {
    1: [
        ("DF01EF05|20|21|$", "DF01EF05|1|示例路1号|$"),
        ("DF02EF05|40|$", "DF02EF05|3^080600^示例大学^|$"),
        ("DF03EF07|6C|$", "DF03EF07|20591231|$"),
        ("DF04EF05|8A|$DF04EF06|90|$", "DF04EF05|YL0012|$DF04EF06|00012345|$"),
        ("SSSEEF06|08|0A|$", f"SSSEEF06|{NUMBER}|1|$"),
    ],
    2: [
        ("DF01EF05|20|21|0E|$", "DF01EF05|11|示例路1号|510104|$"),
        ("DF01EF05|$", "DF01EF05|11|示例路1号|510104|$"),
        ("DF01EF15|2A|40:2|$", "DF01EF15|21|2^080601^样本大学^|$"),
        ("DF01EF15|40|40:1|$", "DF01EF15|3^080600^示例大学^|3^080600^示例大学^|$"),
        ("DF02EF07|1|$", "DF02EF07|2020100^20150301^20180630^示例机械厂^|$"),
        ("DF02EF07|$", "DF02EF07|2020100^20150301^20180630^示例机械厂^|$"),
        ("DF03EF07|70|6C|$DF01EF05|20|$", "DF03EF07|110|20591231|$DF01EF05|11|$"),
        ("DF04EF06|90|92|93|$", "DF04EF06|1|00012345|03|$"),
        ("SSSEEF06|08|4E|0A|$", f"SSSEEF06|{NUMBER}||1|$"),
        ("SSSEEF05|07|$", "SSSEEF05|Z00000013|$"),
    ],
}


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("authentication", [1, 2])
def test_read_card(generation: int, algorithm: str, authentication: int) -> None:
    desk = Desk(generation, algorithm)
    for address, expected in READS[min(generation, 2)]:
        assert desk.read(address, authentication) == (0, expected)


def test_read_card_by_every_interface() -> None:
    desk = Desk(3)
    address, expected = READS[2][0]
    for kind in KINDS[3]:
        for authentication in (1, 2):
            result = desk.call("iReadCard", kind, authentication, desk.card_info, address)
            assert result == (0, expected)


def test_the_pin_is_asked_once_and_only_where_it_is_wanted() -> None:
    desk = Desk(2)
    desk.read("SSSEEF05|07|$DF01EF05|20|$DF03EF07|70|$DF04EF06|90|$")
    assert desk.prompts == [PinPrompt.CURRENT]
    desk.prompts.clear()
    desk.read("SSSEEF05|07|$DF01EF05|20|$DF03EF07|70|$", 2)
    assert desk.prompts == []
    desk.read("DF04EF06|90|$", 2)  # PIN and key, whatever the caller chooses
    assert desk.prompts == [PinPrompt.CURRENT]


def test_a_card_without_pin_asks_for_none() -> None:
    desk = Desk(2, pin=None)
    desk.call("iVerifyPIN", 1)
    assert desk.call("iDoDebit", 1, desk.card_info, PAY)[0] == 0
    assert desk.prompts == []


def test_a_transparent_file_is_hex() -> None:
    desk = Desk(2)
    code, text = desk.read("DF01EF16|$")
    assert (code, text) == (0, "DF01EF16|" + "A1B2C3".ljust(2 * 0x128, "0") + "|$")
    desk.write("DF01EF16|$", "0102030405|$")
    assert desk.read("DF01EF16|$")[1].startswith("DF01EF16|0102030405000000")
    whole = "5A" * 0x128
    assert desk.write("DF01EF16|$", whole + "|$") == (0, "")
    assert desk.read("DF01EF16|$") == (0, f"DF01EF16|{whole}|$")


WRITES = {
    1: [
        ("DF01EF05|20|21|$", "2|新地址|$", "DF01EF05|2|新地址|$"),
        ("SSSEEF06|0A|$", "2|$", "SSSEEF06|2|$"),
        ("DF04EF06|90|$", "00000100|$", "DF04EF06|00000100|$"),
    ],
    2: [
        ("DF01EF05|20|21|$", "21|新地址|$", "DF01EF05|21|新地址|$"),
        ("DF01EF05|$", "22|又一地址|510105|$", "DF01EF05|22|又一地址|510105|$"),
        ("DF01EF15|40:2|$", "1^080602^新大学^|$", "DF01EF15|1^080602^新大学^|$"),
        ("SSSEEF06|0A|$", "2|$", "SSSEEF06|2|$"),
        ("DF04EF06|92|93|$", "00000100|04|$", "DF04EF06|00000100|04|$"),
        ("DF03EF07|70|$DF01EF07|29|$", "120|$3|$", "DF03EF07|120|$DF01EF07|3|$"),
    ],
}


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_write_card_and_read_back(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm)
    for address, data, expected in WRITES[min(generation, 2)]:
        assert desk.write(address, data) == (0, "")
        assert desk.read(address) == (0, expected)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_cyclic_file_gets_a_new_newest_record(generation: int) -> None:
    desk = Desk(generation)
    assert desk.write("DF02EF07|$", "1010100^20200101^20201231^新单位^|$") == (0, "")
    assert desk.read("DF02EF07|1|$") == (0, "DF02EF07|1010100^20200101^20201231^新单位^|$")
    if generation > 1:
        assert desk.read("DF02EF07|2|$")[1].startswith("DF02EF07|2020100^")


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_read_and_write_with_the_hsm(generation: int, algorithm: str) -> None:
    desk = Desk(generation, algorithm, psam_level=None)
    info = desk.card_info
    address = "DF03EF07|6C|$"
    written = desk.with_hsm("iWriteCard", 1, info, address, "20600101|$")
    assert (written.code, written.output) == (0, "")
    read = desk.with_hsm("iReadCard", 1, info, address)
    assert (read.code, read.output) == (0, "DF03EF07|20600101|$")


def test_the_hsm_steps_of_files_in_several_directories() -> None:
    """One key, the free and the PIN's files beside it, answered in the order asked."""
    desk = Desk(2, psam_level=None)
    address = "SSSEEF05|07|$DF01EF05|20|$SSSEEF06|0A|$"
    read = desk.with_hsm("iReadCard", 1, desk.card_info, address)
    assert read.output == "SSSEEF05|Z00000013|$DF01EF05|11|$SSSEEF06|1|$"
    closed = Desk(3, psam_level=None)
    read = closed.with_hsm("iReadCard", 1, closed.card_info, "SSSEEF06|09|$SSSEEF05|07|$")
    assert read.output == f"SSSEEF06|{NAME}|$SSSEEF05|Z00000013|$"
    both = Desk(2, psam_level=None)
    read = both.with_hsm("iReadCard", 1, both.card_info, "DF04EF06|90|$DF04EF05|8A|$")
    assert read.output == "DF04EF06|1|$DF04EF05|YL0012|$"
    assert both.prompts == [PinPrompt.CURRENT]


def test_step_1_names_the_key_by_its_address() -> None:
    desk = Desk(3)
    info = desk.card_info
    wanted = {"SSSEEF06|09|$": "004C", "DF01EF05|20|$": "004F", "DF02EF06|4C|$": "0064"}
    for address, key in wanted.items():
        code, text = desk.call("iReadCard_HSM_Step1", 1, info, address)
        fields = text.split("|")
        assert (code, fields[:2], [len(f) for f in fields[2:]]) == (0, ["03", key], [16, 16, 0])
    _, text = desk.call("iWriteCard_HSM_Step1", 1, info, "SSSEEF06|09|$")
    assert text.startswith("03|0094|")


# --- items of 1.0 that letter 37 uses anew --------------------------------------------------------


def test_a_1_0_card_with_values_of_2_0() -> None:
    desk = Desk(1, settings=Settings(new_meanings=True))
    address = "DF01EF09|32|$DF01EF0A|37|38|39|$"
    assert desk.write(address, "80|$CHN|13|20100701|$") == (0, "")
    assert desk.read(address) == (0, "DF01EF09|80|$DF01EF0A|CHN|13|20100701|$")
    raw = Desk(1, memory=load_image(desk.card.image()))
    assert raw.read(address) == (0, "DF01EF09|80|$DF01EF0A|CHN|13|20100701|$")
    assert raw.write("DF01EF0A|38|$", "00350000|$") == (0, "")
    # 39 means the day of joining as long as 38 ends in EE: its judge is a wage again
    assert raw.read("DF01EF0A|37|38|39|$") == (0, "DF01EF0A|CHN|00350000|20100701|$")
