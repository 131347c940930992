# SPDX-License-Identifier: Apache-2.0
"""Files that the commands work on, in a scratch folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from issuance.roots import RootKeys
from sscard_cli.main import main

Issue = Callable[..., Path]


@pytest.fixture
def roots_path(tmp_path: Path, sscard_roots: RootKeys) -> Path:
    path = tmp_path / "roots.json"
    sscard_roots.save(path)
    return path


@pytest.fixture
def write_holder(tmp_path: Path, sscard_holder: dict[str, Any]) -> Callable[..., Path]:
    """A holder file; arguments replace fields."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "holder.json"
        path.write_text(json.dumps({**sscard_holder, **changes}), encoding="utf-8")
        return path

    return write


@pytest.fixture
def issue(
    tmp_path: Path,
    roots_path: Path,
    write_holder: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> Issue:
    """Issue a card by the command line; positional arguments are further options."""

    def run(generation: int, *options: str, **changes: Any) -> Path:
        card = tmp_path / f"card{generation}.ssc"
        arguments = ["issue", "--generation", str(generation), "--keys", str(roots_path)]
        arguments += ["--holder", str(write_holder(**changes)), "--out", str(card), *options]
        assert main(arguments) == 0, capsys.readouterr().err
        capsys.readouterr()
        return card

    return run
