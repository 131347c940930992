# SPDX-License-Identifier: Apache-2.0
"""``sscard shell --reader``: the shell on a card in a PC/SC reader, by contacts and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuance.pytest_plugin import IssueCard
from issuance.roots import RootKeys
from sscard_chip.reader.pcscd import PrivateDaemon
from sscard_cli.main import main
from tests.pcsc.stack import serving

pytestmark = pytest.mark.pcsc

LINES = """
select SSSE =9000
read EF06 姓名 =9000|6982
ea UKSSSE =9000
update EF06 性别 2 =9000
read EF05 7 =9000
verify 123456 =9000
select DF01/EF05 =9000
read =9000
raw on
select SSSE =%s
"""


@pytest.mark.parametrize(
    ("generation", "interface"),
    [(1, "contact"), (2, "contact"), (3, "contact"), (3, "contactless")],
)
def test_the_shell_over_pcsc(
    daemon: PrivateDaemon,
    tmp_path: Path,
    issue_sscard: IssueCard,
    sscard_roots: RootKeys,
    capsys: pytest.CaptureFixture[str],
    generation: int,
    interface: str,
) -> None:
    image, keys, lines = (tmp_path / name for name in ("card.ssc", "roots.json", "lines.txt"))
    issue_sscard(generation, card_number="Y12345679", pin="123456").save(image)
    sscard_roots.save(keys)
    lines.write_text(LINES % ("61xx" if interface == "contact" else "9000"), encoding="utf-8")
    arguments = ["shell", "--reader", "00 00", "--keys", str(keys), "-c", str(lines)]
    with serving(daemon, f"{interface}:{image}"):
        code = main(arguments)
    output = capsys.readouterr()
    assert code == 0, output
    assert f"generation {generation}" in output.out
    assert "卡号 card number: Y12345679" in output.out
    assert "> 0020000003 [3 bytes]  VERIFY" in output.out


def test_an_empty_reader_is_one_line(
    daemon: PrivateDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("atr\n")
    assert main(["shell", "--reader", "00 00", "-c", str(lines)]) == 1
    assert main(["shell", "--reader", "no such", "-c", str(lines)]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("sscard: error: PC/SC reader '00 00':")
    assert second.startswith("sscard: error: PC/SC reader 'no such': 0 of 2 readers")
