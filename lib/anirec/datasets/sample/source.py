"""What the sample's raw files mean: the 2023 dataset's, with the lists' progress beside scores."""

from __future__ import annotations

from dataclasses import replace

from anirec.config import Dataset
from anirec.datasets import mal_2018, mal_2023
from anirec.datasets.source import Entries, RawFile, Source

SAMPLE_IDS_FROM = 80_001
"""The sample's ids below are MyAnimeList's; those from here on are its own."""

PROGRESS = ("my_status", "my_watched_episodes", "my_rewatching", "my_start_date", "my_finish_date")
UPDATED = "my_last_updated"
"""Columns that the scores file has beside the 2023 dataset's, in the 2018 dataset's form."""


def _with_progress(scores: RawFile) -> RawFile:
    status, episodes, again, started, finished = PROGRESS
    (lists,) = (raw_file.entries for raw_file in mal_2018.SOURCE.files if raw_file.entries)
    return replace(
        scores,
        columns=(*scores.columns, *PROGRESS, UPDATED),
        entries=Entries(
            title=scores.entries.title,
            status=status,
            statuses=lists.statuses,
            episodes_watched=episodes,
            times_watched=again,
            started=started,
            finished=finished,
            updated=UPDATED,
        ),
    )


SOURCE = Source(
    dataset=Dataset.SAMPLE,
    files=tuple(
        _with_progress(raw_file) if raw_file.entries else raw_file for raw_file in mal_2023.FILES
    ),
    snapshot_date=mal_2023.SNAPSHOT,
    simulated=True,
    own_ids_from=SAMPLE_IDS_FROM,
)
