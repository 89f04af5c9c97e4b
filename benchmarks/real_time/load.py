"""Events at a steady rate into ``anirec update --follow``, through a pipe: what it keeps up with.

    python benchmarks/real_time/load.py <work> [--rate 2000] [--seconds 600]

A community is simulated and fitted below <work>. Printed are the events taken in, the longest that
one waited between being offered to the pipe and being acknowledged, and the versions served.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from kill import lines, places, prepare

from anirec.events.store import EventStore
from anirec.events.versions import Versions

TICK_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=600)
    asked = parser.parse_args()
    paths = prepare(asked.work, "default")
    offered = lines(paths, asked.rate * asked.seconds, 0)
    command = [sys.executable, "-m", "anirec.cli", "update", "--follow", "--events", "-"]
    process = subprocess.Popen(
        command,
        env=os.environ | places(asked.work),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    sent: list[float] = []
    waits: list[float] = []

    def hear() -> None:
        acknowledged = 0
        for text in process.stdout:
            if text.startswith("acknowledged -:"):
                acknowledged, before = int(text.rpartition(":")[2]), acknowledged
                if before < min(acknowledged, len(sent)):
                    waits.append(time.monotonic() - sent[before])
            elif text.startswith("serving"):
                print(text.strip(), flush=True)

    hearing = threading.Thread(target=hear)
    hearing.start()
    step = int(asked.rate * TICK_S)
    start = time.monotonic()
    for number, first in enumerate(range(0, len(offered), step)):
        time.sleep(max(0.0, start + number * TICK_S - time.monotonic()))
        some = offered[first : first + step]
        sent += [time.monotonic()] * len(some)
        process.stdin.write("".join(f"{line}\n" for line in some))
        process.stdin.flush()
    behind = time.monotonic() - start - asked.seconds
    process.stdin.close()
    status = process.wait()
    hearing.join()
    store = EventStore.of("sample")
    waits.sort()
    print(f"status {status}; {len(offered):,} lines offered at {asked.rate:,} a second")
    print(f"the last was offered {behind:+.1f} s beside the plan (back-pressure)")
    print(
        f"{store.last:,} events kept; lines waited {waits[len(waits) // 2]:.2f} s (median), ",
        end="",
    )
    print(f"{waits[int(len(waits) * 0.95)]:.2f} s (95th percentile), {waits[-1]:.2f} s at most")
    print(f"served: {Versions(paths).current()}")


if __name__ == "__main__":
    main()
