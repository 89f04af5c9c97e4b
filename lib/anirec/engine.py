"""Work over the parts of something large, one at a time: sums over all, and results of each.

In: parts that are read when their turn comes. Out: plain arrays, whatever did the work: this
process (`InProcess`) or a cluster (`anirec.cluster`). Only one part is in memory at a time.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from anirec.progress import progress

Arrays = dict[str, np.ndarray]
"""Sums by name: plain arrays, which travel without a copy and whose size is known."""

Result = TypeVar("Result")


class Part(Protocol):
    """A part of something large, read in chunks; it travels to where it is read."""

    @property
    def size(self) -> int:
        """How much it holds, in entries."""
        ...

    def chunks(self) -> Iterator:
        """Yield what it holds, some at a time."""
        ...


class Sums(ABC):
    """Something that is summed over chunks: where it starts, and what a chunk adds.

    It travels to where the parts are read, so it holds little itself.
    """

    WHAT: ClassVar[str]
    """What is summed, for people."""

    @abstractmethod
    def start(self) -> Arrays:
        """Return the sums over nothing."""

    @abstractmethod
    def add(self, sums: Arrays, chunk) -> None:
        """Add a chunk, in place."""

    def join(self, sums: Arrays, others: Arrays) -> None:
        """Add the sums over other chunks, in place."""
        for name, array in sums.items():
            array += others[name]


class Engine(ABC):
    """What does the work: the results do not depend on it, but for the order of additions."""

    @abstractmethod
    def total(self, sums: Sums, parts: Sequence[Part]) -> Arrays:
        """Return the sums over all parts."""

    @abstractmethod
    def each(
        self,
        work: Callable[[Part], Result],
        parts: Sequence[Part],
        what: str,
        unit: str = "entries",
    ) -> Iterator[tuple[int, Result]]:
        """Yield the place of each part and what ``work`` makes of it, in the order of finishing.

        Parameters
        ----------
        work : a function, or a `functools.partial` of one, that can travel to where it is called.
        what : what is done, for people.
        unit : what the size of a part is counted in.
        """


class InProcess(Engine):
    """One part after the other, in this process."""

    def total(self, sums: Sums, parts: Sequence[Part]) -> Arrays:
        """See `Engine.total`."""
        total = sums.start()
        with Tally(sums.WHAT, parts) as told:
            for part in parts:
                for chunk in part.chunks():
                    sums.add(total, chunk)
                    told.more(chunk.nnz)
                told.done()
        return total

    def each(
        self,
        work: Callable[[Part], Result],
        parts: Sequence[Part],
        what: str,
        unit: str = "entries",
    ) -> Iterator[tuple[int, Result]]:
        """See `Engine.each`."""
        with Tally(what, parts, unit) as told:
            for place, part in enumerate(parts):
                yield place, work(part)
                told.more(part.size)
                told.done()


class Tally:
    """How far work over parts is: parts done, entries a second, the time left.

    Parameters
    ----------
    what : what is done.
    parts : what it is done with.
    unit : what their size is counted in.
    """

    def __init__(self, what: str, parts: Sequence[Part], unit: str = "entries") -> None:
        self._unit = unit
        self._progress = progress(what)
        self._size = max(sum(part.size for part in parts), 1)
        self._n_parts = len(parts)
        self._parts = self._done = 0
        self._start = time.monotonic()

    def __enter__(self) -> Tally:
        self._task = self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def more(self, size: int) -> None:
        """Count what was worked on."""
        self._done += size
        self.tell()

    def done(self, parts: int = 1) -> None:
        """Count parts that are done."""
        self._parts += parts
        self.tell()

    def at(self, size: int, parts: int) -> None:
        """Tell how much was worked on in all, and at how many parts."""
        self._done, self._parts = size, parts
        self.tell()

    def tell(self) -> None:
        """Say it, where it is time to."""
        rate = self._done / max(time.monotonic() - self._start, 1e-9)
        share = min(self._done / self._size, 1.0)
        of = f"part {min(self._parts + 1, self._n_parts)} of {self._n_parts}, "
        self._task.at(share, f"{of if self._n_parts > 1 else ''}{rate:,.0f} {self._unit} a second")
