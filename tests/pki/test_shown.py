# SPDX-License-Identifier: Apache-2.0
"""The application in words: trace, shell and info, without a secret in any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sscard_chip.card import Card
from sscard_chip.profile.inspect import inspect_card
from sscard_chip.trace import Tracer
from sscard_cli.main import main
from tests.bench.exchange import SUCCESS
from tests.bench.pki_cards import PkiTerminal, new_card, new_memory, pair
from tests.pki.test_issuing import STEPS

WORDS = {
    "SELECT_the_environment": "DDF2 证书环境",
    "SELECT_the_application": "DF01 证书应用",
    "DIGEST_of_the_user_PIN": "COMPUTE DIGEST 计算杂凑",
    "VERIFY_the_user": "VERIFY PIN 校验PIN码",
    "VERIFY_the_administrator": "administrator 管理员",
    "GENERATE_KEY_PAIR": "GENERATE KEY PAIR 生成密钥对: 0012 签名公钥, 0013 签名私钥",
    "EXPORT_PUBLIC_KEY,_which": "EXPORT PUBLIC KEY 导出公钥: 0012 签名公钥, 0013 签名私钥",
    "SELECT_0012": "0012 签名公钥",
    "OPEN_ENVELOPE": "OPEN ENVELOPE 打开数字信封: 0013 签名私钥",
    "SET_SESSION_KEY": "SET SESSION KEY 设置会话密钥",
    "IMPORT_PUBLIC_KEY": "IMPORT PUBLIC KEY 导入公钥: 0014 加密公钥",
    "IMPORT_PRIVATE_KEY": "IMPORT PRIVATE KEY 导入私钥: 0015 加密私钥",
    "SELECT_0018": "0018 签名证书",
    "UPDATE_BINARY,_the_encryption_certificate": "0019 加密证书",
    "CHANGE_PIN,_the_administrator's": "CHANGE PIN 修改PIN码: administrator",
}


def test_the_trace_has_a_name_for_every_step() -> None:
    tracer, seen = Tracer(), set()
    for name, command, answer in STEPS:
        line = tracer.format(bytes.fromhex(command), bytes.fromhex(answer), 0.0)
        if name in WORDS:
            assert WORDS[name] in line, line
            seen.add(name)
        for secret in (command[10:], answer[:-4]):
            assert len(secret) < 34 or name.startswith("SELECT") or secret not in line.upper()
    assert seen == set(WORDS)


def test_a_fid_is_seen_from_where_one_stands() -> None:
    tracer, card = Tracer(), new_card()
    lines = []
    for command in ("00A404000C504B492EC9E7BBE1B1A3D5CF", "00A4000002DF01", "00A4000002DF02"):
        apdu = bytes.fromhex(command)
        lines.append(tracer.format(apdu, card.transmit(apdu), 0.0))
    assert "DF01 证书应用" in lines[1]
    assert "就业" not in lines[2]


def test_the_shell_knows_files_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "card.ssc"
    Card(new_memory()).save(path)
    lines = ("select pki =9000", "select cert =9000", "select 签名证书 =9000", "read 0018 =9000")
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["shell", "--card", str(path), "-c", str(tmp_path / "lines.txt")]) == 0
    shown = capsys.readouterr().out
    assert "in DDF2 证书环境 certificate environment" in shown
    assert "in DF01 证书应用 certificate application" in shown
    assert "> 00B0980000" in shown


def test_info_says_what_is_there() -> None:
    card = new_card()
    terminal = PkiTerminal(card.transmit)

    def pairs() -> list[tuple[str, bool, bool, int]]:
        found = next(d for d in inspect_card(card).directories if d.key_pairs)
        assert (found.fid, found.name) == ("DF01", "证书应用")
        assert [key.kid for key in found.keys] == ["81", "82"]
        return [
            (p.name, bool(p.public_key), p.has_private_key, p.certificate_length)
            for p in found.key_pairs
        ]

    assert pairs() == [("签名", False, False, 0), ("加密", False, False, 0)]
    terminal.ready()
    terminal.generate()
    terminal.update(0x18, bytes.fromhex("30820100") + bytes(256))
    assert pairs() == [("签名", True, True, 260), ("加密", False, False, 0)]
    secret, public = pair()
    assert terminal.import_pair(secret, public) == SUCCESS
    terminal.update(0x19, bytes.fromhex("3082FFFF") + bytes(256))
    assert pairs() == [("签名", True, True, 260), ("加密", True, True, 0)]
    assert secret.hex().upper() not in str(inspect_card(card).to_dict())
