"""Lists and catalogue as they are: the canonical tables with what events changed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.config import InputError, Paths
from anirec.datasets.schema import arrow_schema
from anirec.events.event import as_arrow
from anirec.events.store import EventStore
from anirec.files import written_whole
from anirec.interactions import Interactions

COLUMNS = ["user_id", "anime_id", "rating", "status"]
ADULT_RATING, ADULT_GENRE = "Rx", "Hentai"


class Community:
    """Everybody's lists and the catalogue after any number of events.

    An entry is what the latest event about it says, by the events' own times, else what the table
    says; where the table dates an entry (``updated``), an earlier event does not count. Who was
    deleted has no entries but those of later events.

    Parameters
    ----------
    paths : the dataset's folders, ingested.
    store : its events.

    Raises
    ------
    InputError
        If the dataset was not ingested.
    """

    def __init__(self, paths: Paths, store: EventStore) -> None:
        self.store = store
        self.ratings, self.anime = (
            paths.processed / f"{name}.parquet" for name in ("ratings", "anime")
        )
        for file in (self.ratings, self.anime):
            if not file.is_file():
                raise InputError(f"{file} is missing: run 'anirec ingest {paths.dataset}' first")
        self.schema = pq.read_schema(self.ratings)

    def base_ids(self) -> np.ndarray:
        """Return the anime that the table's lists hold, ascending."""
        column = pq.read_table(self.ratings, columns=["anime_id"]).column(0)
        return np.sort(column.unique().to_numpy())

    def entries(self, until: int, users: Sequence[int] | None = None) -> pd.DataFrame:
        """Return the list entries of some users, or of all, as they are after ``until`` events.

        Columns ``user_id``, ``anime_id``, ``rating`` (NaN: not scored), ``status``.
        """
        base = self._base(users)
        events = self.store.of_users(users, until)
        if events.empty:
            return base[COLUMNS]
        deleted = events[events["op"] == "delete-user"].groupby("user_id")["time"].max()
        base = base[~base["user_id"].isin(deleted.index)]
        events = events[events["op"] != "delete-user"]
        events = events[events["time"] > events["user_id"].map(deleted).fillna(-1)]
        pair = ["user_id", "anime_id"]
        events = events.drop_duplicates(pair, keep="last")
        if "updated" in base:
            dated = base[[*pair, "updated"]].dropna()
            moment = dated["updated"].astype("datetime64[us]").astype("int64")
            known = events[pair].merge(dated[pair].assign(moment=moment), "left", on=pair)
            events = events[~(known["moment"].to_numpy() > events["time"].to_numpy())]
        keys = pd.MultiIndex.from_frame(events[pair].astype("int64"))
        same = pd.MultiIndex.from_frame(base[pair].astype("int64")).isin(keys)
        told = events.loc[events["op"] == "set", COLUMNS]
        merged = pd.concat([base.loc[~same, COLUMNS], told], ignore_index=True)
        return merged.astype({"user_id": "int64", "anime_id": "int64"})

    def lists(
        self,
        until: int,
        anime_ids: np.ndarray,
        users: Sequence[int] | None = None,
        known: np.ndarray | None = None,
    ) -> Interactions:
        """Return lists after ``until`` events on the columns ``anime_ids``; empty ones left out.

        ``known`` : entries of other anime are left out; by default none are.
        """
        frame = self.entries(until, users)
        if known is not None:
            frame = frame[frame["anime_id"].isin(known)]
        lists = Interactions.from_frame(frame, anime_ids=anime_ids)
        return lists.users(lists.lengths > 0)

    def catalogue(self, until: int) -> pa.Table:
        """Return the canonical anime table after ``until`` events."""
        table = pq.read_table(self.anime)
        changes: dict[int, dict[str, object]] = {}
        for anime_id, facts in self.store.facts(until):
            told = {name: as_arrow(name, value) for name, value in json.loads(facts).items()}
            changes.setdefault(anime_id, {}).update(told)
        if not changes:
            return table
        schema = arrow_schema("anime")
        ids = table.column("anime_id").to_numpy()
        touched = np.isin(ids, list(changes))
        rows = {row["anime_id"]: row for row in table.filter(pa.array(touched)).to_pylist()}
        for anime_id, facts in changes.items():
            row = rows.setdefault(anime_id, {"anime_id": anime_id})
            row.update(facts)
            row["title"] = row.get("title") or f"Anime #{anime_id}"
            if row.get("year") is None and row.get("aired_from"):
                row["year"] = row["aired_from"].year
            if row.get("is_adult") is None:
                rated = str(row.get("age_rating") or "").startswith(ADULT_RATING)
                row["is_adult"] = rated or ADULT_GENRE in (row.get("genres") or [])
        told = pa.Table.from_pylist(list(rows.values()), schema=schema)
        kept = table.filter(pa.array(~touched)).select(schema.names).cast(schema)
        return pa.concat_tables([kept, told]).sort_by("anime_id").combine_chunks()

    def write_tables(self, until: int) -> None:
        """Write lists and catalogue after ``until`` events over the canonical tables.

        Made from tables that hold earlier events already, the result is the same.
        """
        schema = arrow_schema("ratings")
        entries = self.entries(until)
        ratings = pq.read_table(self.ratings)
        columns = ["user_id", "anime_id"]
        old = ratings.to_pandas(types_mapper=pd.ArrowDtype).set_index(columns)
        merged = entries.set_index(columns).sort_index()
        rest = [name for name in schema.names if name not in COLUMNS]
        frame = merged.join(old.reindex(columns=rest)).reset_index()
        frame["rating"] = frame["rating"].astype("Int8")
        table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        anime = self.catalogue(until)
        known = set(anime.column("anime_id").to_pylist())
        table = table.filter(pa.array([a in known for a in table.column("anime_id").to_pylist()]))
        for file, written in ((self.ratings, table), (self.anime, anime)):
            with written_whole(file) as beside:
                pq.write_table(written.replace_schema_metadata(None), beside)

    def _base(self, users: Sequence[int] | None) -> pd.DataFrame:
        columns = [*COLUMNS, *(["updated"] if "updated" in self.schema.names else [])]
        wanted = None if users is None else [("user_id", "in", [int(user) for user in users])]
        if users is not None and not len(users):
            wanted = [("user_id", "<", 0)]
        table = pq.read_table(self.ratings, columns=columns, filters=wanted)
        frame = table.to_pandas()
        frame["rating"] = frame["rating"].astype("float64")
        frame["status"] = frame["status"].astype(object)
        return frame
