"""Killed at random moments, the command loses nothing that it acknowledged (the short form)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from anirec.config import ROOT, InputError
from anirec.events.event import Event
from anirec.events.store import EventStore


def test_nothing_acknowledged_is_lost_and_nothing_counted_twice(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("ANIREC_DATA_DIR", "")  # so that both are as before in the end
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", "")
    file = ROOT / "benchmarks" / "real_time" / "kill.py"
    spec = importlib.util.spec_from_file_location("kill", file)
    kill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kill)
    counted = kill.run(tmp_path, n_events=1000, kills=2, full=0)
    assert counted["events"] > 800
    assert counted["scores apart at most"] < 1e-3


def test_a_full_disk_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "events.sqlite")
    events = [Event("set", time, user=time, anime=5) for time in range(20_000)]
    assert store.append(events[:100]) == 100
    pages = store._one("PRAGMA page_count")[0]
    store._one(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(InputError, match="database or disk is full"):
        store.append(events)
    assert store.last == 100
    store._one("PRAGMA max_page_count = 1000000")
    assert store.append(events) == 19_900
