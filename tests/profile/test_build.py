# SPDX-License-Identifier: Apache-2.0
"""The words of a declaration: what they make, and that a mistyped one does not pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

from sscard_chip.profile import build
from sscard_chip.profile.build import an, cited, external, key_of, maintenance, pin_and, variable
from sscard_chip.profile.model import FREE, FileDeclaration

ROOT = Path(__file__).parents[2]
MISTYPED = {
    "an": 'build.an(0x20, 0x01, "a", "a", confidance=build.M)',
    "cn": 'build.cn(0x20, 0x01, "a", "a", inital=b"1")',
    "btlv": 'build.btlv(0x20, "a", "a", spare=3)',
    "variable": 'build.variable(0xEF05, "a", "a", FREE, FREE, clauses="x")',
    "fixed": 'build.fixed(0xEF05, "a", "a", FREE, FREE, provison=None)',
    "cyclic": 'build.cyclic(0xEF05, "a", "a", FREE, FREE, 4, secure_mesaging=True)',
    "transparent": 'build.transparent(0xEF05, "a", "a", FREE, FREE, 16, spares=3)',
    "external": 'build.external("BK", "x", version=1)',
}


def test_a_mistyped_keyword_is_a_type_error(tmp_path: Path) -> None:
    """mypy names each planted line, and none of the right ones."""
    planted = tmp_path / "planted.py"
    lines = [
        "from sscard_chip.profile import build",
        "from sscard_chip.profile.model import FREE",
        'build.an(0x20, 0x01, "a", "a", confidence=build.M, initial=b"1")',
        'build.variable(0xEF05, "a", "a", FREE, FREE, spare=3, clause="x", confidence=build.L)',
        *MISTYPED.values(),
        'build.an(0x20, 0x01, "a", "a", initial="1")',  # a text for bytes
    ]
    planted.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = [
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
    ]
    said, problems, code = api.run([*options, "--no-error-summary", str(planted)])
    assert (code, problems) == (1, "")
    found = {int(number) for number in re.findall(r"planted\.py:(\d+): error:", said)}
    assert found == set(range(5, len(lines) + 1)), said
    assert said.count("Unexpected keyword argument") == len(MISTYPED)


@pytest.mark.parametrize("name", MISTYPED)
def test_a_mistyped_keyword_does_not_run(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        eval(MISTYPED[name], {"build": build, "FREE": FREE})


def test_keys_and_rights_are_found_by_the_name_of_the_root() -> None:
    assert str(key_of("UKSSSE")) == "key 04"
    assert str(pin_and("RK1DF04")) == "PIN and key 84"
    assert external("RKSSSE", "read").kid == 0x0A
    assert external("UKOWN", "write", kid=0x8E).kid == 0x8E
    assert (maintenance("STKSSSE").kid, maintenance("STKDF0A").kid) == (0x02, 0x82)
    for word in (lambda: key_of("UKX"), lambda: external("UKX", "write")):
        with pytest.raises(KeyError):
            word()


def test_a_file_has_the_clause_of_its_directory_unless_it_says_its_own() -> None:
    def file(fid: int, clause: str) -> FileDeclaration:
        return variable(fid, "a", "a", FREE, FREE, an(0x20, 1, "a", "a"), clause=clause)

    clauses = [f.clause for f in cited("LD/T 99", file(0xEF05, ""), file(0xEF06, "letter 1"))]
    assert clauses == ["LD/T 99 EF05", "letter 1"]
