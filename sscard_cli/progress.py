# SPDX-License-Identifier: Apache-2.0
"""Long work before people's eyes: a bar on stderr with the rate and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressUpdate(Protocol):
    """What moves a bar."""

    def __call__(self, done: int, total: int | None, label: str = "") -> None:
        """``done`` of ``total`` items; another ``label`` for another step."""


@contextmanager
def progress_bar(label: str, *, quiet: bool, resumed: bool = False) -> Iterator[ProgressUpdate]:
    """A bar if stderr is a terminal and not ``quiet``.

    With ``resumed`` what is done at the first update is an earlier run's and not this one's speed.
    """
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    started, before = time.monotonic(), None if resumed else 0

    def update(done: int, total: int | None, label: str = label) -> None:
        nonlocal before
        before = done if before is None else before
        rate = (done - before) / max(time.monotonic() - started, 1e-9)
        bar.update(
            task, description=label, completed=done, total=total, rate=f"{rate:,.0f} a second"
        )

    with bar:
        task = bar.add_task(label, total=None, rate="")
        yield update
