"""What the notebooks share: reading the tables, and showing findings, tables and figures."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display
from ipywidgets import DOMWidget
from matplotlib.figure import Figure

from anirec.analysis.finding import Absence, Finding, write_findings
from anirec.config import InputError, Paths, shown_path
from anirec.datasets.tables import read_table
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


def say(text: str, strong: bool = False, anchor: str = "") -> None:
    """Show a sentence; text in it is shown as it is, never as markup.

    ``anchor`` is the name by which a link leads to it.
    """
    words = f"<strong>{escape(text)}</strong>" if strong else escape(text)
    html = f'<p id="{escape(anchor)}">{words}</p>' if anchor else f"<p>{words}</p>"
    display({"text/html": html, "text/plain": text}, raw=True)


def offer(file: Path | None, words: str) -> None:
    """Show a link to a page that lies in the report's folder; nothing if there is none."""
    if file is not None:
        link = f"<a href='{escape(file.name)}'>{escape(words)}</a>"
        shown = escape(shown_path(file))
        display(
            {"text/html": f"<p>{link}: {shown}</p>", "text/plain": f"{words}: {shown}"}, raw=True
        )


COLUMNS = {"ratings": ["user_id", "anime_id", "rating", "status", "episodes_watched", "finished"]}


@dataclass
class Page:
    """A notebook's findings: shows each as it comes, and sums up at the end.

    Attributes
    ----------
    number : the notebook's, such as ``01``. paths, ingested : of the dataset looked at.
    shown, absences : what was answered and what could not be, in order.
    """

    number: str
    paths: Paths
    ingested: dict
    shown: list[Finding] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)

    @classmethod
    def open(cls, number: str, dataset: str, processed_dir=None, output_dir=None, raw_dir=None):
        """Say what is looked at (`opening`) and return the page."""
        paths = Paths.of(dataset, raw_dir, processed_dir, output_dir)
        return cls(number, paths, opening(paths))

    @property
    def snapshot(self) -> pd.Timestamp:
        """The day on which the dataset was taken: ages are counted to it."""
        return pd.Timestamp(self.ingested["snapshot_date"])

    def read(self, *tables: str) -> Sequence[pd.DataFrame]:
        """Return canonical tables, of long ones the columns that questions are put to."""
        return [read_table(self.paths, table, COLUMNS.get(table)) for table in tables]

    def show(self, finding: Finding | Absence, handle: DOMWidget | None = None) -> None:
        """Show a finding, and keep its figure and table as files; or say what is lacking.

        Where a kernel is at work behind the page, ``handle`` stands for the figure (see
        `anirec.analysis.handles`); everywhere else the figure does.
        """
        if isinstance(finding, Absence):
            self.absences.append(finding)
            say(finding.because)
            return
        self.shown.append(finding)
        stem = f"{self.number}_{finding.name}"
        say(finding.answer, anchor=stem)
        if finding.figure is not None:
            show(finding.figure, self.paths.figures / f"{stem}.png", finding.answer, handle)
        if finding.table is not None:
            write_table(finding.table, self.paths.tables / f"{stem}.csv")
        view = finding.view if finding.figure is not None else _first_of(finding)
        if view is not None:
            show_table(view, formats=finding.formats)
        if finding.caveat:
            say(f"What it does not show: {finding.caveat}")

    def illustrate(self, name: str, figure: Figure, sentence: str) -> None:
        """Show and keep the figure of an example, which is no finding about the data."""
        say(sentence)
        show(figure, self.paths.figures / f"{self.number}_{name}.png", sentence)

    def conclude(self) -> None:
        """Show what was found, corrected for the number of questions, and write it as JSON."""
        file = self.paths.tables / f"{self.number}_findings.json"
        rows = write_findings(file, self.shown, self.absences, self.number)
        tested = [row for row in rows if row["verdict"] != "described"]
        clear = [row for row in tested if row["verdict"] == "clear"]
        say(
            f"{len(rows)} questions were answered and {len(self.absences)} could not be. "
            f"{len(tested)} of the answers are tested against 'nothing there'; {len(clear)} stay "
            "clear once their number is allowed for (Benjamini and Hochberg, 5 %)."
        )
        shown = pd.DataFrame([[r["question"], r["answer"], r["verdict"]] for r in rows])
        if len(shown):
            show_table(shown.set_axis(["question", "answer", "verdict"], axis=1))
        advice = [row["action"] for row in rows if row["action"]]
        for words in advice:
            say(words)
        if tested and not advice:
            say("No effect is both clear and large enough to advise anything.")


def _first_of(finding: Finding) -> pd.DataFrame | None:
    if finding.view is None and finding.table is not None:
        return finding.table.head(20)
    return finding.view


def png_of(figure: Figure) -> bytes:
    """Return a figure as a PNG image."""
    image = BytesIO()
    figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
    return image.getvalue()


def show(figure: Figure, file: Path, sentence: str, handle: DOMWidget | None = None) -> None:
    """Save a figure as a PNG and an SVG file, and show it, or the widget that moves it.

    Who cannot see it is told the ``sentence``.
    """
    image = png_of(figure)
    with written_whole(file) as beside:
        beside.write_bytes(image)
    with written_whole(file.with_suffix(".svg")) as beside:
        figure.savefig(beside, format="svg", metadata={"Date": None})
    shown = {"image/png": base64.b64encode(image).decode(), "text/plain": sentence}
    if handle is not None:
        shown = handle._repr_mimebundle_() | shown
    display(shown, metadata={"image/png": {"alt": sentence, "width": SHOWN_WIDTH}}, raw=True)


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
