# SPDX-License-Identifier: Apache-2.0
"""What many threads ask at once is done together: one commit for all that wait.

There is no thread of its own. Who comes while nobody is at it does what waits, its own first; who
comes meanwhile waits, and the first of them does the next group. So one alone never waits for
others, and the more wait, the more share a commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Generic, TypeVar

GROUP: Final = 64
"""What is done together at most: so nobody waits long for the others."""

_Asked = TypeVar("_Asked")
_Done = TypeVar("_Done")


class _Waiting(Generic[_Asked, _Done]):
    """One that waits: until it is done, or has failed, or is to do the next group."""

    __slots__ = ("asked", "done", "error", "leads", "turn")

    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.done: _Done | None = None
        self.error: Exception | None = None
        self.leads = False
        self.turn = Lock()
        self.turn.acquire()


class GroupCommit(Generic[_Asked, _Done]):
    """Does what is asked in groups; every thread may ask."""

    def __init__(
        self,
        commit: Callable[[Sequence[_Asked]], Sequence[_Done | Exception]],
        *,
        most: int = GROUP,
    ) -> None:
        """``commit`` does a group; each has a result or an error of its own, in their order.

        What it raises is raised for all of the group.
        """
        self.begun = 0
        """How many have asked."""
        self._commit = commit
        self._most = most
        self._lock = Lock()
        self._busy = False
        self._queue: deque[_Waiting[_Asked, _Done]] = deque()

    def do(self, asked: _Asked) -> _Done:
        """The result of what is asked, after the commit. Raises its error."""
        (done,) = self.do_all([asked])
        if isinstance(done, Exception):
            raise done
        return done

    def do_all(self, asked: Sequence[_Asked]) -> list[_Done | Exception]:
        """The results of what one thread asks at once, or their errors, in their order."""
        own: list[_Waiting[_Asked, _Done]] = [_Waiting(one) for one in asked]
        if not own:
            return []
        with self._lock:
            self.begun += len(own)
            self._queue += own
            leads = own[0].leads = not self._busy
            self._busy = True
        for one in own:
            if not leads:  # as it was under the lock: who is made to lead since has a turn to take
                one.turn.acquire()
            if one.leads:
                self._lead()
            leads = False
        return [one.done if one.error is None else one.error for one in own]  # type: ignore[misc]

    def _lead(self) -> None:
        with self._lock:
            group = [self._queue.popleft() for _ in range(min(self._most, len(self._queue)))]
        try:
            results = self._commit([one.asked for one in group])
            if len(results) != len(group):
                raise RuntimeError("a group has another number of results")
        except Exception as error:
            results = [error] * len(group)
        finally:
            self._next()
        for one, result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                one.error = result
            else:
                one.done = result
            one.turn.release()

    def _next(self) -> None:
        """Let the first that waits do the next group."""
        with self._lock:
            self._busy = bool(self._queue)
            if self._busy:
                self._queue[0].leads = True
                self._queue[0].turn.release()
