# SPDX-License-Identifier: Apache-2.0
"""Run as a program: command lines one after the other, each in a folder that is as it was at first.

The argument is the folder, stdin a JSON list of lists of arguments; stdout gets a JSON list of what
each did: code, stdout, stderr and the names that are new in the folder.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

_SECONDS: Final = 120
"""After which a command is interrupted: it waits for something that does not come."""

_State = dict[str, tuple[int, int]]


def state(folder: Path) -> _State:
    """Size and time of all that is below a folder."""
    found: _State = {}
    for above, folders, names in os.walk(folder):
        for name in folders:
            found[os.path.relpath(os.path.join(above, name), folder)] = (-1, 0)
        for name in names:
            path = os.path.join(above, name)
            one = os.lstat(path)
            found[os.path.relpath(path, folder)] = (one.st_size, one.st_mtime_ns)
    return found


def restore(folder: Path, kept: Path, was: _State, now: _State) -> None:
    for name in sorted(now.keys() - was.keys()):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name, one in was.items():
        if now.get(name) != one and one[0] >= 0:
            shutil.copy2(kept / name, folder / name)


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that gets nothing from stdin."""
    from sscard_cli.main import main

    output, error = io.StringIO(), io.StringIO()
    sys.stdin = io.StringIO()
    signal.alarm(_SECONDS)
    with redirect_stdout(output), redirect_stderr(error):
        code = main(arguments)
    signal.alarm(0)
    return code, output.getvalue(), error.getvalue()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    place = Path(sys.argv[1])
    copy = place.with_name(f"{place.name} kept")
    shutil.copytree(place, copy)
    before = state(place)
    signal.signal(signal.SIGALRM, _interrupt)
    os.chdir(place)
    done = []
    for one in json.load(sys.stdin):
        code, output, error = run(one)
        after = state(place)
        done.append((code, output[:2000], error, sorted(after.keys() - before.keys())))
        if after != before:
            restore(place, copy, before, after)
            before = state(place)
    print(json.dumps(done))
