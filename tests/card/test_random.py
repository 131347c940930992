# SPDX-License-Identifier: Apache-2.0
"""Challenges: never the same twice, not even in two processes that share a card by fork."""

from __future__ import annotations

import os

from tests.bench.issued import Bench


def test_after_a_fork_both_processes_draw_other_challenges() -> None:
    bench = Bench(2)
    bench.ok("0084000008")  # the pool is drawn
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.write(theirs, bench.ok("0084000008"))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ours, 8) != bench.ok("0084000008")
    for end in (ours, theirs):
        os.close(end)
