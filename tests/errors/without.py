# SPDX-License-Identifier: Apache-2.0
"""Run as a program: command lines in a process in which some packages cannot be imported.

Arguments are the names of modules, stdin a JSON list of command lines; stdout gets a JSON list of
code and stderr of each.
"""

from __future__ import annotations

import io
import json
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout


def run(line: str) -> tuple[int, str]:
    """Exit code and stderr of a command line that gets nothing from stdin."""
    from sscard_cli.main import main

    output, error = io.StringIO(), io.StringIO()
    sys.stdin = io.StringIO()
    with redirect_stdout(output), redirect_stderr(error):
        code = main(shlex.split(line))
    return code, error.getvalue()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.modules[name] = None  # type: ignore[assignment]
    lines: list[str] = json.load(sys.stdin)
    print(json.dumps([run(line) for line in lines]))
