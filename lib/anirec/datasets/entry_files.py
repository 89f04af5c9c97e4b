"""Several files of list entries in one dataset: what they hold becomes one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anirec.datasets.entries import BATCH_SIZE, NO_STATUS, OPTIONAL, UNSCORED, Batch
from anirec.datasets.entry_table import EntryWriter
from anirec.datasets.file_reader import FileReader
from anirec.datasets.parsing import STATUSES
from anirec.datasets.schema import arrow_schema


def join_entries(
    readers: Sequence[FileReader], connection: duckdb.DuckDBPyConnection, target: Path
) -> None:
    """Make one table of what files of list entries were read into.

    Of the entries of the same user and anime the last file's is kept; those of the files before it
    are rejected there.

    Parameters
    ----------
    readers : of the files, read, in the order of the dataset's files.
    target : the table to write; where there is one file, its entries as they are.
    """
    if len(readers) == 1:
        readers[0].entries_file.replace(target)
        return
    cursor = connection.cursor()
    parts = []
    for number, reader in enumerate(readers):
        later = " UNION ALL ".join(f"FROM {_parquet(other)}" for other in readers[number + 1 :])
        part = f"FROM {_parquet(reader)}"
        if later:
            again = f"(SELECT user_id, anime_id FROM ({later})) USING (user_id, anime_id)"
            given_up = f"SELECT user_id, anime_id {part} SEMI JOIN {again}"
            reader.give_up(cursor.sql(given_up).to_arrow_table())
            part += f" ANTI JOIN {again}"
        parts.append(part)
    query = f"FROM ({' UNION ALL '.join(parts)}) ORDER BY user_id, anime_id"
    with EntryWriter(target, None) as writer:
        for arrow in cursor.sql(query).to_arrow_reader(BATCH_SIZE):
            writer.add(_batch(arrow))


def _batch(arrow: pa.RecordBatch) -> Batch:
    """Return rows of the ratings table as a batch."""
    status = pc.index_in(arrow["status"], pa.array(STATUSES)).fill_null(NO_STATUS)
    schema = arrow_schema("ratings")
    optional = {
        name: arrow[name].cast(schema.field(name).type).cast(kind.dtype).fill_null(kind.unknown)
        for name, kind in OPTIONAL.items()
    }
    return Batch(
        position=np.zeros(arrow.num_rows, "uint32"),
        user_id=arrow["user_id"].to_numpy(),
        anime_id=arrow["anime_id"].to_numpy(),
        rating=arrow["rating"].fill_null(UNSCORED).to_numpy(),
        status=status.to_numpy().astype("int8"),
        **{name: values.to_numpy() for name, values in optional.items()},
    )


def _parquet(reader: FileReader) -> str:
    name = str(reader.entries_file).replace("'", "''")
    return f"read_parquet('{name}')"
