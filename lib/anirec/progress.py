"""How far a long task is: what it does, how far, how long still; in the notebook and the terminal.

In: steps done. Out: one line that is renewed in place, from the fifth second on; nothing stays of
it in a notebook that was executed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

SILENT_S = 5.0
"""A task that is over sooner says nothing."""

EVERY_S = 1.0
"""Seconds between two lines."""


class Progress:
    """One task's line.

    Parameters
    ----------
    what : what is done, such as ``rating-net: learning``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._told = self._start + SILENT_S - EVERY_S
        self._line = _Line()

    def at(self, share: float, doing: str = "") -> None:
        """Tell that a share of the task is done, from 0 to 1, and what is done now."""
        now = time.monotonic()
        if now - self._told < EVERY_S:
            return
        self._told = now
        self._line.show(told(self._what, share, now - self._start, doing))

    def end(self) -> None:
        """Take the line away."""
        self._line.clear()


def told(what: str, share: float, seconds: float, doing: str = "") -> str:
    """Return the line: ``rating-net: learning (epoch 3): 24 %, about 2 min still``."""
    task = f"{what} ({doing})" if doing else what
    if share <= 0:
        return f"{task}: {seconds:.0f} s so far"
    still = seconds / share - seconds
    rest = f"{still:.0f} s" if still < 90 else f"{still / 60:.0f} min"
    return f"{task}: {share:.0%}, about {rest} still"


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Tell how far a task is while the block runs."""
    task = Progress(what)
    try:
        yield task
    finally:
        task.end()


class _Line:
    """A line renewed in place: on the terminal, and in the notebook's output."""

    def __init__(self) -> None:
        self._shown = 0
        self._display = None

    def show(self, text: str) -> None:
        # A kernel's own stderr is the terminal that the notebook is run from.
        stream = sys.__stderr__
        if stream is not None and stream.isatty():
            stream.write("\r" + text.ljust(self._shown))
            stream.flush()
        if _in_notebook():
            from IPython.display import display

            content = {"text/plain": text}
            if self._display is None:
                self._display = display(content, raw=True, display_id=True)
            else:
                self._display.update(content, raw=True)
        self._shown = len(text)

    def clear(self) -> None:
        if not self._shown:
            return
        stream = sys.__stderr__
        if stream is not None and stream.isatty():
            stream.write("\r" + " " * self._shown + "\r")
            stream.flush()
        if self._display is not None:
            self._display.update({"text/plain": ""}, raw=True)


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and hasattr(shell, "kernel")
