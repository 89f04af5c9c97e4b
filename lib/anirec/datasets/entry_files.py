"""Several files of list entries in one dataset: what they hold becomes one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from anirec.datasets.entries import BATCH_SIZE, NO_EPISODES, NO_STATUS, UNSCORED, Batch, EntryWriter
from anirec.datasets.file_reader import FileReader
from anirec.datasets.parsing import STATUSES


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
    query = f"""
        SELECT 0::UINTEGER AS position, user_id, anime_id,
            coalesce(rating, {UNSCORED})::TINYINT AS rating,
            coalesce(list_position({list(STATUSES)}, status) - 1, {NO_STATUS})::TINYINT AS status,
            coalesce(episodes_watched, {NO_EPISODES})::SMALLINT AS episodes_watched
        FROM ({" UNION ALL ".join(parts)}) ORDER BY user_id, anime_id
    """
    with EntryWriter(target, None) as writer:
        for arrow in cursor.sql(query).to_arrow_reader(BATCH_SIZE):
            columns = {name: arrow.column(name).to_numpy() for name in arrow.schema.names}
            writer.add(Batch(**columns, repairs=None))


def _parquet(reader: FileReader) -> str:
    name = str(reader.entries_file).replace("'", "''")
    return f"read_parquet('{name}')"
