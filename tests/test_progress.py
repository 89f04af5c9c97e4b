"""The line that tells how far a long task is."""

from __future__ import annotations

import io
import sys

import pytest

from anirec import progress as module
from anirec.progress import progress, told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_line_says_what_how_far_and_how_long_still() -> None:
    assert told("rating-net", 0.25, 20, "epoch 3") == "rating-net (epoch 3): 25%, about 60 s still"
    assert told("rating-net", 0.1, 60) == "rating-net: 10%, about 9 min still"
    assert told("solving", 0, 7) == "solving: 7 s so far"


def test_long_task_is_told_and_its_line_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, now = Terminal(), [0.0]
    monkeypatch.setattr(sys, "__stderr__", terminal)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("learning") as task:
        task.at(0.1)
        assert terminal.getvalue() == ""  # it may be over at once
        now[0] = 6.0
        task.at(0.5)
        task.at(0.6)  # too soon after
    assert terminal.getvalue() == "\rlearning: 50%, about 6 s still\r" + " " * 30 + "\r"


def test_nothing_is_written_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, now = io.StringIO(), [0.0]
    monkeypatch.setattr(sys, "__stderr__", stream)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("learning") as task:
        now[0] = 9.0
        task.at(0.5)
    assert stream.getvalue() == ""
