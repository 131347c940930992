# SPDX-License-Identifier: Apache-2.0
"""The worked project in C: built as its head says, with a card and without."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.bench.desk import Desk
from tests.native.native import Images, Native, environment

EXAMPLE = Path(__file__).parents[2] / "examples" / "c" / "counter.c"


def test_the_project_in_c(native: Native, tmp_path: Path) -> None:
    folder = str(native.directory)
    program = tmp_path / "counter"
    line = ["cc", str(EXAMPLE), f"-I{folder}", f"-L{folder}", "-lSSCardDriver"]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([*line, *warnings, f"-Wl,-rpath,{folder}", "-o", str(program)], check=True)
    images = Images.of(Desk(2), tmp_path)

    def run(**options: str) -> tuple[int, str]:
        done = subprocess.run(
            [program], env=environment(options), capture_output=True, timeout=60, check=False
        )
        return done.returncode, done.stdout.decode("gb18030")

    assert run(**images.options) == (0, "card number Z00000013\nname 林知夏\n")
    assert run(card=str(tmp_path / "none.ssc")) == (1, "refused -12\n")
