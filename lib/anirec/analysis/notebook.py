"""What the notebooks share: reading the tables, and showing sentences, tables and figures."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure

from anirec.config import InputError, Paths
from anirec.files import read_json, write_table, written_whole

DPI = 200
SHOWN_WIDTH = 680
"""Width of a figure on the page, in CSS pixels."""


def opening(paths: Paths) -> dict:
    """Say what is looked at, and plainly so where its community is simulated.

    Returns the content of ``ingest.json``.

    Raises
    ------
    InputError
        If the dataset was not ingested yet.
    """
    file = paths.processed / "ingest.json"
    ingested = read_json(file)
    if not ingested:
        raise InputError(f"{file} is missing: run 'anirec run --dataset {paths.dataset}' first")
    rows = {name: f"{table['rows']:,} {name}" for name, table in ingested["tables"].items()}
    say(f"Dataset {paths.dataset}: {', '.join(rows.values())}.")
    if ingested["simulated"]:
        say(
            "The anime of this dataset are real, its community is simulated: what follows shows "
            "how the analysis works, not what people watch.",
            strong=True,
        )
    return ingested


CALLED = {
    "duration_min": "episode durations",
    "episodes": "episode counts",
    "score": "community scores",
    "members": "member counts",
    "rating": "scores by users",
    "status": "list status per entry",
    "gender": "gender of users",
    "age": "age of users",
    "country": "country of users",
    "joined": "date that users joined",
    "days_watched": "days that users watched",
    "completed": "counts of completed anime",
    "dropped": "counts of dropped anime",
}
"""What people call a column, where its name says it badly."""


def lacking(frame: pd.DataFrame, *columns: str) -> str | None:
    """Return a sentence that names those of ``columns`` that hold nothing; None if all do."""
    empty = [CALLED.get(name, name) for name in columns if not frame[name].notna().any()]
    if not empty:
        return None
    names = f"{', '.join(empty[:-1])} and no {empty[-1]}" if empty[1:] else empty[0]
    return f"This dataset has no {names}, so there is nothing to show here."


@contextmanager
def native_noise_hidden() -> Iterator[None]:
    """Drop what native libraries write to the process's standard error meanwhile.

    TensorFlow reports there, whatever its settings, that it found no GPU. Python's own warnings
    and errors do not go that way and are shown.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def say(text: str, strong: bool = False) -> None:
    """Show a sentence; text in it is shown as it is, never as markup."""
    words = escape(text)
    html = f"<p><strong>{words}</strong></p>" if strong else f"<p>{words}</p>"
    display({"text/html": html, "text/plain": text}, raw=True)


def show(figure: Figure, file: Path, sentence: str) -> None:
    """Save a figure as a PNG file, show it, and say what it shows."""
    image = BytesIO()
    figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
    with written_whole(file) as beside:
        beside.write_bytes(image.getvalue())
    display(
        {"image/png": base64.b64encode(image.getvalue()).decode(), "text/plain": sentence},
        metadata={"image/png": {"alt": sentence, "width": SHOWN_WIDTH}},
        raw=True,
    )
    say(sentence)


def show_table(
    frame: pd.DataFrame,
    file: Path | None = None,
    formats: Mapping[str, str] | None = None,
) -> None:
    """Show a frame without its index, and save it as CSV if ``file`` is given.

    Parameters
    ----------
    formats : format string by column, such as ``{"share": "{:.1%}"}``; by default whole numbers
        get thousands separators and others two decimals.
    """
    if file is not None:
        write_table(frame, file)
    html = html_table(frame, formats or {})
    display({"text/html": html, "text/plain": frame.to_string(index=False)}, raw=True)


def html_table(frame: pd.DataFrame, formats: Mapping[str, str]) -> str:
    """Return a frame as an HTML table, text escaped, numbers right-aligned."""
    numeric = {name: pd.api.types.is_numeric_dtype(frame[name]) for name in frame}

    def cell(tag: str, name: str, text: str) -> str:
        return f"<{tag}{' class=number' if numeric[name] else ''}>{escape(text)}</{tag}>"

    def row(values: Sequence[object]) -> str:
        named = zip(frame, values, strict=True)
        return "".join(cell("td", name, _formatted(v, formats.get(name))) for name, v in named)

    header = "".join(cell("th", name, name.replace("_", " ")) for name in frame)
    rows = "".join(f"<tr>{row(values)}</tr>" for values in frame.itertuples(index=False))
    return f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"


def _formatted(value: object, form: str | None) -> str:
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return ""
    if form is None:
        form = "{:,.2f}" if isinstance(value, float) else "{:,}" if _whole(value) else "{}"
    return form.format(value)


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
