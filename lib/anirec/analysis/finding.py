"""A finding: a question put to the data, answered; an absence: one that the data cannot answer.

Notebooks show findings, and the report is made of them: figures, tables and ``findings.json`` come
out of the same objects. Many are tested at once, so p-values are corrected over a notebook
(Benjamini and Hochberg 1995), and what to do is said by one rule (`action`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anirec.files import read_json, write_text

FALSE_DISCOVERIES = 0.05
"""The expected share of false ones among the effects that a notebook calls clear, at most."""


@dataclass(frozen=True)
class Effect:
    """A number that answers a question.

    Attributes
    ----------
    value, low, high : the estimate and its 95 % interval; the interval is null where the number is
        a count of all there is.
    unit : of the three. n : how many people, anime or entries stand behind it.
    null : the value that would mean "nothing there"; None where nothing is tested.
    p_value : of the test against ``null``; by default that of the interval, taken as a normal one.
    """

    value: float
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    null: float | None = None
    p_value: float | None = None

    @property
    def tested(self) -> bool:
        return self.null is not None and self.p is not None

    @property
    def p(self) -> float | None:
        """The two-sided p-value against ``null``; None where nothing can be tested."""
        from scipy.stats import norm

        if self.p_value is not None or self.null is None or self.low is None or self.high is None:
            return self.p_value
        error = (self.high - self.low) / (2 * norm.ppf(0.975))
        if not np.isfinite(error) or error <= 0:
            return None
        return float(2 * norm.sf(abs(self.value - self.null) / error))

    @property
    def near_end(self) -> float:
        """How far the end of the interval that is nearer to ``null`` lies from it; 0 if across."""
        if self.null is None or self.low is None or self.high is None:
            return 0.0
        return max(self.low - self.null, self.null - self.high, 0.0)


@dataclass(frozen=True)
class Advice:
    """What would follow from an effect, for whom, and how large it has to be to be worth it."""

    audience: str
    words: str
    worth: float


@dataclass(frozen=True)
class Finding:
    """A question of the data, answered.

    Attributes
    ----------
    name : of its files: lower case, digits, underscores.
    question, answer : in plain words, the answer made from the numbers in one to three sentences.
    figure, table : what shows it; either may be None. formats : of the table's columns.
    effect : the number behind the answer, if there is one.
    caveat : what it does not show.
    advice : what would follow from it; said only where the rule of `action` allows it.
    view : what a page shows of the table, where that is more than its first rows, or less; it is
        shown beside a figure too.
    """

    name: str
    question: str
    answer: str
    figure: Figure | None = None
    table: pd.DataFrame | None = None
    effect: Effect | None = None
    caveat: str = ""
    advice: Advice | None = None
    formats: Mapping[str, str] = field(default_factory=dict)
    view: pd.DataFrame | None = None


@dataclass(frozen=True)
class Absence:
    """A question that the dataset cannot answer, and what it lacks."""

    asks: str
    because: str


CALLED = {
    "duration_min": "episode durations",
    "episodes": "episode counts",
    "score": "community scores",
    "members": "member counts",
    "rating": "scores by users",
    "genres": "genres",
    "type": "types of anime",
    "year": "dates on which anime began",
    "favorites": "counts of favourites",
    "source": "sources that anime were adapted from",
    "age_rating": "age ratings",
    "studios": "studios",
    "producers": "producers",
    "season": "seasons",
    "finished": "dates on which people finished anime",
    "birth_date": "birth dates of users",
    "episodes_watched": "episodes watched per entry",
    "status": "list status per entry",
    "gender": "gender of users",
    "age": "age of users",
    "age_band": "age of users",
    "plan_to_watch": "counts of planned anime",
    "country": "country of users",
    "joined": "date that users joined",
    "cohort": "date that users joined",
    "segment": "segments of users (notebook 04 finds them)",
    "mean_score": "mean scores of users",
    "days_watched": "days that users watched",
    "completed": "counts of completed anime",
    "dropped": "counts of dropped anime",
}
"""What people call a column, where its name says it badly."""


def lacking(frame: pd.DataFrame, *columns: str) -> str | None:
    """Return a sentence that names those of ``columns`` that hold nothing; None if all do."""
    empty = [CALLED.get(name, name) for name in columns if not _holds(frame, name)]
    if not empty:
        return None
    names = f"{', '.join(empty[:-1])} and no {empty[-1]}" if empty[1:] else empty[0]
    return f"This dataset has no {names}, so there is nothing to show here."


def _holds(frame: pd.DataFrame, column: str) -> bool:
    if column not in frame:
        return False
    values = frame[column]
    if values.dtype == object:
        return any(v is not None and (not hasattr(v, "__len__") or len(v)) for v in values.dropna())
    return bool(values.notna().any())


def absent(asks: str, frame: pd.DataFrame, *columns: str) -> Absence | None:
    """Return an absence if ``frame`` holds nothing in one of ``columns``; None if it can answer."""
    because = lacking(frame, *columns)
    return Absence(asks, because) if because else None


def corrected(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values corrected for their number (Benjamini and Hochberg 1995)."""
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p_values, dtype=float)
    return multipletests(values, method="fdr_bh")[1] if len(values) else values


def verdict(effect: Effect | None, q_value: float | None) -> str:
    """Return "described", "clear" or "not clear", from a p-value corrected over the notebook."""
    if effect is None or q_value is None:
        return "described"
    return "clear" if q_value <= FALSE_DISCOVERIES else "not clear"


def action(finding: Finding, q_value: float | None) -> str | None:
    """Return what to do and who should, or None.

    The rule: the effect is clear after correction, and even the end of its interval that is nearer
    to nothing is as large as is worth acting on (`Advice.worth`).
    """
    advice, effect = finding.advice, finding.effect
    if advice is None or effect is None or verdict(effect, q_value) != "clear":
        return None
    if effect.near_end < advice.worth:
        return None
    return f"{advice.audience}: {advice.words}"


def records(findings: Sequence[Finding], notebook: str) -> list[dict]:
    """Return findings as ``findings.json`` holds them, p-values corrected over all given."""
    effects = [f.effect for f in findings if f.effect and f.effect.tested]
    tested = [effect.p for effect in effects if effect.p is not None]
    q_values = iter(corrected(tested).tolist())
    rows = []
    for finding in findings:
        effect = finding.effect
        q = next(q_values) if effect and effect.tested else None
        stem = f"{notebook}_{finding.name}"
        rows.append(
            {
                "notebook": notebook,
                "name": finding.name,
                "question": finding.question,
                "answer": finding.answer,
                "effect": _plain(effect.value) if effect else None,
                "low": _plain(effect.low) if effect else None,
                "high": _plain(effect.high) if effect else None,
                "unit": effect.unit if effect else None,
                "n": int(effect.n) if effect else None,
                "p": _plain(effect.p) if effect else None,
                "p_corrected": _plain(q),
                "verdict": verdict(effect, q),
                "caveat": finding.caveat,
                "action": action(finding, q),
                "figure": f"figures/{stem}.png" if finding.figure is not None else None,
                "table": f"tables/{stem}.csv" if finding.table is not None else None,
            }
        )
    return rows


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def write_findings(
    file: Path, findings: Sequence[Finding], absences: Sequence[Absence], notebook: str
) -> list[dict]:
    """Write a notebook's findings and absences as JSON; return the findings' records."""
    rows = records(findings, notebook)
    absent = [{"notebook": notebook, "asks": a.asks, "because": a.because} for a in absences]
    content = {"findings": rows, "absent": absent}
    write_text(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return rows


def gather(files: Sequence[Path]) -> dict[str, list[dict]]:
    """Return the ``findings`` and ``absent`` of all notebooks whose files there are, in order."""
    contents = [read_json(file) for file in files]
    return {
        name: [row for content in contents for row in content.get(name, ())]
        for name in ("findings", "absent")
    }
