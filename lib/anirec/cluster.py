"""The same work on a Dask cluster that others run, or on processes of this machine.

Parts travel as where they lie, so every worker has to see the same files. Each thread of the
workers sums up a share of the parts in one accumulator of its own; these are added in pairs until
one is left, which comes back. Sums are plain arrays, whose size Dask knows.
"""

from __future__ import annotations

import heapq
import itertools
import os
import pickle
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from anirec.config import InputError
from anirec.engine import Arrays, Engine, InProcess, Part, Result, Sums, Tally

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""The variable of the environment that names a scheduler."""

ANSWERS_WITHIN = 15
"""Seconds in which a scheduler answers and has a worker."""

WITHOUT_WORKERS = 60
"""Seconds that work waits for workers when all are gone: others may start."""

EVERY_S = 0.5
"""Seconds between two looks at how far the work is."""

TILE = 1 << 26
"""Bytes of sums that are fetched at once."""

AHEAD = 3
"""Parts handed out for each thread of the workers, the one at work among them."""


class Cluster(Engine):
    """A Dask cluster, by its client.

    Parameters
    ----------
    client : connected to the scheduler.
    """

    def __init__(self, client) -> None:
        self.client = client
        self._seen = time.monotonic()

    def total(self, sums: Sums, parts: Sequence[Part]) -> Arrays:
        """See `Engine.total`."""
        if not parts:
            return sums.start()
        self._seen = time.monotonic()
        name = f"anirec-{uuid.uuid4().hex}"
        blob = _packed(sums)
        far: dict[int, tuple[int, int]] = {}

        def hear(event: tuple[float, tuple[int, int, int]]) -> None:
            number, *done = event[1]
            far[number] = done[0], done[1]

        with Tally(sums.WHAT, parts) as told, self._heard(name, hear):
            left = [
                self.client.submit(_summed, blob, _packed(share), number, name, pure=False)
                for number, share in enumerate(_shares(parts, self.n_threads))
            ]
            while len(left) > 1:
                joined = [
                    self.client.submit(_joined, blob, *pair, pure=False)
                    for pair in zip(left[::2], left[1::2], strict=False)
                ]
                left = joined + left[len(joined) * 2 :]
            while not self._finished(left):
                told.at(*map(sum, zip(*far.values(), strict=True)) if far else (0, 0))
            return self._fetched(left[0])

    def _fetched(self, total) -> Arrays:
        """Return sums that a worker holds, some rows at a time: one copy of them is made."""
        arrays = {}
        for name, (shape, dtype) in self._made_of(_outline, total).items():
            array = arrays[name] = np.empty(shape, dtype)
            step = max(1, TILE * shape[0] // array.nbytes) if array.nbytes else 1
            for start in range(0, shape[0], step):
                stop = start + step
                array[start:stop] = self._made_of(_tile, total, name, start, stop)
        return arrays

    def _made_of(self, function: Callable, *arguments: object):
        return self._result(self.client.submit(function, *arguments, pure=False))

    def each(
        self,
        work: Callable[[Part], Result],
        parts: Sequence[Part],
        what: str,
        unit: str = "entries",
    ) -> Iterator[tuple[int, Result]]:
        """See `Engine.each`."""
        self._seen = time.monotonic()
        token, blob = uuid.uuid4().hex, _packed(work)
        waiting = iter(enumerate(parts))
        with Tally(what, parts, unit) as told:
            # Made by a task, it can be made again wherever a worker is lost.
            sent = self.client.submit(_itself, blob, key=f"anirec-{token}")
            running: dict[object, int] = {}
            while True:
                free = AHEAD * self.n_threads - len(running)
                for place, part in itertools.islice(waiting, max(free, 0)):
                    task = _packed(part)
                    running[self.client.submit(_made, token, sent, task, pure=False)] = place
                if not running:
                    return
                for future in self._finished(list(running), any_of=True):
                    place = running.pop(future)
                    yield place, self._result(future)
                    told.more(parts[place].size)
                    told.done()
                told.tell()

    @property
    def n_threads(self) -> int:
        """Threads of all workers: so many parts are worked on at once."""
        return max(sum(self.client.nthreads().values()), 1)

    @contextmanager
    def _heard(self, topic: str, hear: Callable) -> Iterator[None]:
        """Listen to what workers say on a topic."""
        self.client.subscribe_topic(topic, hear)
        try:
            yield
        finally:
            if self.client.status == "running":
                self.client.unsubscribe_topic(topic)

    def _finished(self, futures: list, any_of: bool = False) -> list:
        """Return which futures are done, all or none of them unless ``any_of``, after a while."""
        from distributed import wait

        try:
            done = wait(
                futures,
                timeout=EVERY_S,
                return_when="FIRST_COMPLETED" if any_of else "ALL_COMPLETED",
            ).done
        except TimeoutError:
            done = ()
        except CancelledError:
            raise self._lost() from None
        if self.client.status != "running":
            raise self._lost()
        if not done:
            self._see_workers()
        return list(done)

    def _see_workers(self) -> None:
        """Raise InputError if there has been no worker for long."""
        from distributed.comm import CommClosedError

        try:
            there = bool(self.client.nthreads())
        except (CancelledError, CommClosedError, TimeoutError):
            raise self._lost() from None
        now = time.monotonic()
        self._seen = now if there else self._seen
        if now - self._seen > WITHOUT_WORKERS:
            raise InputError(
                f"all workers of {self.client.scheduler.address} are gone: "
                "start some, and run this again"
            )

    def _result(self, future):
        """Return what a task made. Raises InputError if it refused, or what did the work is lost.

        A worker that is lost costs no result: its tasks are done again elsewhere, a few times.
        """
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            result = future.result()
        except KilledWorker:
            raise InputError(
                "workers were lost again and again at the same task: give them more memory, "
                "or fewer threads each"
            ) from None
        except (CancelledError, CommClosedError):
            raise self._lost() from None
        finally:
            future.release()
        if isinstance(result, _Refused):
            raise InputError(result.why)
        return result

    def _lost(self) -> InputError:
        return InputError(
            f"the scheduler at {self.client.scheduler.address} was lost: start it again, "
            "and run this again"
        )


@contextmanager
def engine_of(
    scheduler: str | None = None,
    workers: int | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[Engine]:
    """Yield what does the work: a cluster where one is named, this process otherwise.

    Parameters
    ----------
    scheduler : address of a Dask scheduler; ``$DASK_SCHEDULER_ADDRESS`` if None.
    workers : processes of this machine to start instead.
    say : told where the cluster can be watched.

    Raises
    ------
    InputError
        If both are named, or no scheduler with a worker answers.
    """
    if scheduler and workers:
        raise InputError("name a scheduler or a number of workers, not both")
    scheduler = scheduler or (None if workers else os.environ.get(ADDRESS))
    if not scheduler and not workers:
        yield InProcess()
        return
    with _client(scheduler, workers) as client:
        say(
            f"{len(client.nthreads())} workers at {client.scheduler.address}, "
            f"watched at {client.dashboard_link}"
        )
        yield Cluster(client)


@contextmanager
def _client(scheduler: str | None, workers: int | None) -> Iterator:
    """Yield a client of a cluster that is there, or is started for so long."""
    import logging

    from distributed import Client, LocalCluster

    if workers:
        with warnings.catch_warnings():
            # Where the usual port is taken, it is another, which is told.
            warnings.filterwarnings("ignore", "Port .* is already in use")
            local = LocalCluster(
                n_workers=workers, threads_per_worker=1, silence_logs=logging.CRITICAL
            )
        with local, Client(local, direct_to_workers=True) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=ANSWERS_WITHIN)
    except (OSError, ValueError, TypeError):
        raise InputError(
            f"no scheduler answers at {scheduler}: start one with 'dask scheduler', "
            "or correct the address"
        ) from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWERS_WITHIN)
        except TimeoutError:
            raise InputError(
                f"the scheduler at {scheduler} has no workers: "
                f"start some with 'dask worker {scheduler}'"
            ) from None
        yield client


def _shares(parts: Sequence[Part], n: int) -> list[list[Part]]:
    """Return parts in at most ``n`` shares of about the same size."""
    shares: list[list[Part]] = [[] for _ in range(min(n, len(parts)))]
    smallest = [(0, place) for place in range(len(shares))]
    for part in sorted(parts, key=lambda part: -part.size):
        size, place = heapq.heappop(smallest)
        shares[place].append(part)
        heapq.heappush(smallest, (size + part.size, place))
    return shares


@dataclass(frozen=True)
class _Refused:
    """Why something cannot be done, in place of what it would have made."""

    why: str


def _summed(blob: bytes, parts: bytes, number: int, topic: str) -> Arrays | _Refused:
    """Return the sums over a share of the parts; say how far it is."""
    from distributed import get_worker

    sums, worker, entries = pickle.loads(blob), get_worker(), 0
    total = sums.start()
    try:
        for place, part in enumerate(pickle.loads(parts)):
            for chunk in part.chunks():
                sums.add(total, chunk)
                entries += chunk.nnz
                worker.log_event(topic, (number, entries, place + 1))
    except InputError as error:
        return _Refused(str(error))
    return total


def _joined(blob: bytes, one: Arrays | _Refused, other: Arrays | _Refused) -> Arrays | _Refused:
    """Return the sums of both; in the memory of the first, which nothing else needs."""
    for sums in (one, other):
        if isinstance(sums, _Refused):
            return sums
    one = {name: np.require(array, requirements="WA") for name, array in one.items()}
    pickle.loads(blob).join(one, other)
    return one


def _packed(value: object) -> bytes:
    """Return something as bytes, whose size Dask knows; also what a script or notebook defines."""
    import cloudpickle

    return cloudpickle.dumps(value)


def _outline(total: Arrays | _Refused) -> dict[str, tuple[tuple[int, ...], str]] | _Refused:
    """Return the shapes and kinds of sums."""
    if isinstance(total, _Refused):
        return total
    return {name: (array.shape, array.dtype.str) for name, array in total.items()}


def _tile(total: Arrays, name: str, start: int, stop: int) -> np.ndarray:
    return total[name][start:stop]


def _itself(blob: bytes) -> bytes:
    return blob


def _made(token: str, blob: bytes, part: bytes) -> object:
    """Return what some work makes of a part."""
    try:
        return _work(token, blob)(pickle.loads(part))
    except InputError as error:
        return _Refused(str(error))


_unpacked: dict[str, Callable] = {}
"""The work that this worker did last, by its token."""


def _work(token: str, blob: bytes) -> Callable:
    """Return some work, unpacked once for all its parts."""
    if token not in _unpacked:
        _unpacked.clear()
        _unpacked[token] = pickle.loads(blob)
    return _unpacked[token]
