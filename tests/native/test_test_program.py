# SPDX-License-Identifier: Apache-2.0
"""A C program that reads cards through the library, and pays: what Python's driver says, it says.

The program also watches the bytes behind each of its buffers.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.desk import CARDS, LONG_NAME, NAME, PAY, Desk
from tests.bench.issued import roots
from tests.native.native import FILES, Images, Native, environment, execute


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_a_card_is_read_and_pays(
    native: Native, tmp_path: Path, generation: int, algorithm: str
) -> None:
    images = Images.of(Desk(generation, algorithm), tmp_path)
    desk, info = images.desk, images.desk.card_info
    assert native.run("-f", FILES, "-p", PAY, options=images.options) == [
        ("iReadCardBas", *desk.call("iReadCardBas", 1)),
        ("iVerifyPIN", 0, ""),
        ("iReadCard", *desk.call("iReadCard", 1, 1, info, FILES)),
        ("iDoDebit", *desk.call("iDoDebit", 1, info, PAY)),
        ("iReadDebitRecord", *desk.call("iReadDebitRecord", 1)),
    ]
    assert NAME in desk.call("iReadCardBas", 1)[1]


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_the_hsm_steps(native: Native, tmp_path: Path, generation: int, algorithm: str) -> None:
    images = Images.of(Desk(generation, algorithm), tmp_path)
    keys = tmp_path / "roots.json"
    roots().save(keys)
    file = "DF01EF15|2A|$" if generation > 1 else "DF02EF05|$"
    options = {**images.options, "keys": str(keys), "psam": ""}
    calls = native.run("-k", "-f", file, "-p", PAY, options=options)
    assert [name for name, _, _ in calls] == [
        name
        for function in ("iReadCardBas", "iReadCard", "iDoDebit")
        for name in (f"{function}_HSM_Step1", "iHSM_Answer", f"{function}_HSM_Step2")
    ]
    assert {code for _, code, _ in calls} == {0}
    desk = Desk(generation, algorithm, psam_level=None)
    assert calls[2][2] == desk.with_hsm("iReadCardBas", 1).output
    assert calls[5][2] == desk.with_hsm("iReadCard", 1, desk.card_info, file).output
    hsm = desk.hsm.card("510100", desk.card.historical_bytes.hex())
    assert hsm.check_debit(calls[6][2], calls[8][2])


def test_an_hsm_without_keys(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    calls = native.run("-k", code=1, options=images.options)
    assert calls[1] == ("iHSM_Answer", -12, "no root keys are configured for the HSM")


@pytest.mark.parametrize(
    ("encoding", "codec"), [("gbk", "gb18030"), ("utf-8", "utf-8")], ids=["gbk", "utf-8"]
)
def test_text_goes_in_and_out_in_the_coding_of_the_configuration(
    native: Native, tmp_path: Path, encoding: str, codec: str
) -> None:
    images = Images.of(Desk(2, name=LONG_NAME), tmp_path)
    file, data = "DF01EF05|21|$", "样本路2号|$"
    images.options["encoding"] = encoding
    calls = native.run("-w", file, data, "-f", file, codec=codec, options=images.options)
    assert calls[0][2].split("|")[4] == LONG_NAME
    assert calls[2:4] == [("iWriteCard", 0, ""), ("iReadCard", 0, "DF01EF05|样本路2号|$")]


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"pin": "999999"}, -51, ""),
        ({"pin": ""}, -31, "PIN entry was cancelled"),
        ({"pin": "12"}, -33, "a PIN has 4 to 12 digits"),
        ({"interface": "contactless"}, -12, "the terminal has no slot of this kind"),
    ],
)
def test_return_codes(
    native: Native, tmp_path: Path, options: dict[str, str], code: int, text: str
) -> None:
    images = Images.of(Desk(2), tmp_path)
    calls = native.run(code=1, options=images.options | options)
    name, found, said = calls[1]
    assert (name, found) == ("iVerifyPIN", code)
    assert text in said
    assert "999999" not in said


def test_contactless(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(3), tmp_path)
    options = {**images.options, "interface": "contactless"}
    assert native.run("-t", "2", options=options)[0] == (
        "iReadCardBas",
        *images.desk.call("iReadCardBas", 2),
    )
    assert native.run("-t", "1", code=1, options=options)[0][1] == -12


def test_without_a_configuration(native: Native) -> None:
    name, code, text = native.run(code=1)[0]
    assert (name, code) == ("iReadCardBas", -12)
    assert "SSCARD_DRIVER_CARD" in text


def test_an_image_that_is_not_there(native: Native, tmp_path: Path) -> None:
    name, code, text = native.run(code=1, options={"card": str(tmp_path / "none.ssc")})[0]
    assert (name, code) == ("iReadCardBas", -12)
    assert "none.ssc" in text


def test_threads(native: Native, tmp_path: Path) -> None:
    images = Images.of(Desk(2), tmp_path)
    assert native.output("-j", "4", options=images.options) == "4 of 4 threads\n"


def test_a_python_side_that_does_not_load(native: Native, tmp_path: Path) -> None:
    package = tmp_path / "sscard_driver"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('broken')\n")
    done = subprocess.run(
        [native.directory / "driver_test"],
        env={**environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("iReadCardBas -5\n\niVerifyPIN -5\n\n")


def test_the_interpreter_is_that_of_the_virtual_environment(native: Native, tmp_path: Path) -> None:
    """By default the one that built the library; another by SSCARD_DRIVER_PYTHON."""
    images = Images.of(Desk(2), tmp_path)
    execute([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "v")], environment())
    (packages,) = (tmp_path / "v" / "lib").glob("python*/site-packages")
    mark = tmp_path / "mark"
    (packages / "mark.pth").write_text(f"import sys; open({str(mark)!r}, 'w').write(sys.prefix)\n")
    native.run(options=images.options)
    assert not mark.exists()
    native.run(options=images.options | {"python": str(tmp_path / "v" / "bin" / "python")})
    assert mark.read_text() == str(tmp_path / "v")
