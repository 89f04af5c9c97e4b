"""The pages of a run: executed notebooks as offline HTML, their index, ``run.json``."""

from __future__ import annotations

import base64
import csv
import json
import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from importlib import metadata
from io import BytesIO
from pathlib import Path

from anirec.config import IN_CHECKOUT, ROOT, InputError, Paths, RunParameters
from anirec.files import read_json, write_text, written_whole
from anirec.pipeline.formulas import put_back, set_aside

TEMPLATE_DIR = Path(__file__).resolve().parent / "templates"
WIDGET = "application/vnd.jupyter.widget-view+json"
CODE_STYLES = ("xcode", "native")
"""Pygments' styles for light and dark pages whose colours have a contrast of 4.5 on them."""

GALLERY = (
    "01_score_and_reach", "01_genre_growth", "03_quality_and_time", "03_reliability", "04_users",
    "04_genres", "05_completed_by_age_band", "04_truth",
)  # fmt: skip
"""Figures of the sample's run that the README shows."""

RECORDED_PACKAGES = (
    "duckdb", "ipywidgets", "jupyterlab", "keras", "matplotlib", "nbconvert", "numpy", "pandas",
    "papermill", "pyarrow", "rapidfuzz", "scikit-learn", "scipy", "seaborn", "tensorflow",
    "xgboost-cpu" if sys.platform != "darwin" else "xgboost",
)  # fmt: skip
"""Those whose version may change what a run computes or shows."""


def export_page(notebook: Path, page: Path, names: Sequence[str]) -> None:
    """Write an executed notebook as one self-contained HTML file.

    nbconvert's own page asks CDNs for scripts; here only its cells are used, inside a page without
    any script. A live widget has no meaning there: a link to the page to try stands in for it.

    Parameters
    ----------
    notebook : the executed notebook.
    page : the file to write.
    names : the names of all notebooks, for the links on top.
    """
    import nbformat
    from nbconvert import HTMLExporter

    content = nbformat.read(notebook, as_version=4)
    formulas: list[str] = []
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.outputs = [_without_widget(output) for output in cell.outputs if _shown(output)]
        elif cell.cell_type == "markdown":
            cell.source = set_aside(cell.source, formulas)
    content.metadata.pop("widgets", None)
    exporter = HTMLExporter(
        template_name="report", extra_template_basedirs=[str(TEMPLATE_DIR)], sanitize_html=False
    )
    body, _ = exporter.from_notebook_node(content)
    body = put_back(reachable(linked_pages(body, names)), formulas)
    write_text(page, _page(label(page.stem), page.stem, names, body, _code_colours()))


def _code_colours() -> str:
    """Return the style sheet of code: colours that can be read on light and on dark pages."""
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in CODE_STYLES)
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}"


def reachable(html: str) -> str:
    """Return HTML whose parts that scroll sideways can be scrolled without a mouse."""
    html = html.replace("<pre>", '<pre tabindex="0">')
    return re.sub(r'(<div class="[^"]*output_html[^"]*")', r'\1 tabindex="0"', html)


def linked_pages(html: str, names: Sequence[str]) -> str:
    """Return HTML whose links to notebooks lead to their pages."""
    for name in names:
        html = html.replace(f'href="{name}.ipynb"', f'href="{name}.html"')
    return html


def _shown(output) -> bool:
    """Return whether an output holds anything: a progress line that is done is empty."""
    return set(output.get("data", {"text": ""})) != {"text/plain"} or bool(
        output["data"]["text/plain"].strip()
    )


def _without_widget(output):
    """Return an output without its live widget: its figure, or a word on where it is alive."""
    data = output.get("data", {})
    if WIDGET in data and "image/png" in data:
        del data[WIDGET]
    elif WIDGET in data:
        note = (
            "<p>An interactive box stands here. <a href='try.html'>Try one in this browser</a>, or "
            "open it with <code>make lab</code>.</p>"
        )
        output.data = {"text/html": note}
    return output


def write_gallery(paths: Paths, folder: Path) -> list[Path]:
    """Write a run's `GALLERY` to ``folder`` as WebP, as the README shows it; return the files.

    Raises
    ------
    InputError
        If a figure is missing: the dataset was not run, or is not the sample.
    """
    from matplotlib.image import imread, imsave

    missing = [name for name in GALLERY if not (paths.figures / f"{name}.png").is_file()]
    if missing:
        raise InputError(
            f"{paths.figures} lacks {', '.join(missing)}: "
            f"run 'anirec run --dataset {paths.dataset}' first"
        )
    files = [folder / f"{name}.webp" for name in GALLERY]
    for file in files:
        with written_whole(file) as beside:
            picture = imread(paths.figures / f"{file.stem}.png")
            imsave(beside, picture, format="webp", pil_kwargs={"quality": 88})
    return files


def label(name: str) -> str:
    """Return a notebook's name for people: ``03 Model training`` for ``03_model_training``."""
    number, _, words = name.partition("_")
    return f"{number} {words.replace('_', ' ').capitalize()}"


def _page(title: str, current: str, names: Sequence[str], body: str, css: str = "") -> str:
    from markupsafe import Markup

    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            title=f"{title} · anirec",
            current=current,
            links=[(name, label(name)) for name in names],
            body=Markup(body),
            highlight_css=Markup(css),
        )
    )


def _templates():
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(TEMPLATE_DIR), autoescape=True)


HEADLINES = (
    "04_segments", "04_how_many", "01_score_and_reach", "01_rating_scales", "01_concentration",
    "05_effect_completed_10_years_older", "05_stopping", "05_length_and_score", "05_genders",
    "01_genre_growth", "01_ratings", "01_types", "05_scoring", "01_genres",
)  # fmt: skip
"""Findings that open the report, the first `N_HEADLINES` of those that the dataset has."""

N_HEADLINES = 8

SECTIONS = ("segments", "models", "absent")
"""Sections of ``index.html`` that a newcomer may be led to."""


def write_findings_of(paths: Paths, names: Sequence[str]) -> dict:
    """Write and return ``findings.json``: the findings and absences of all notebooks."""
    from anirec.analysis.finding import gather

    found = gather([paths.tables / f"{name[:2]}_findings.json" for name in names])
    text = json.dumps(found, indent=1, ensure_ascii=False)
    write_text(paths.outputs / "findings.json", text + "\n")
    return found


def write_index(record: dict, paths: Paths, names: Sequence[str]) -> None:
    """Write ``index.html``, the page that people open first, and ``findings.json`` beside it.

    Parameters
    ----------
    record : the run's. names : of the notebooks that have a page.
    """
    found = write_findings_of(paths, names)
    by_name = {f"{row['notebook']}_{row['name']}": row for row in found["findings"]}
    first = [by_name[name] for name in HEADLINES if name in by_name][:N_HEADLINES]
    metrics = record["metrics"] or {}
    body = (
        _templates()
        .get_template("index.html.j2")
        .render(
            record=record,
            simulated=record["simulated"],
            findings=found["findings"],
            absent=found["absent"],
            headlines=[row | {"image": _embedded(paths, row["figure"])} for row in first],
            newcomers=newcomers_questions(by_name, names),
            pages={name[:2]: name for name in names},
            segments=_segment_cards(paths) if "04_segments" in by_name else [],
            actions=[row["action"] for row in found["findings"] if row["action"]],
            model_sentence=_model_sentence(metrics),
            model_image=_embedded(paths, "figures/03_model_comparison.png"),
            can_be_tried=(paths.report / "try.html").is_file(),
            has_map=(paths.report / "anime_map.html").is_file(),
            links=[(name, label(name)) for name in names],
            metric_names=list(dict.fromkeys(name for m in metrics.values() for name in m)),
        )
    )
    write_text(paths.report / "index.html", _page(record["dataset"], "index", names, body))


def newcomers_questions(found: Collection[str], names: Sequence[str]) -> list[dict[str, str]]:
    """Return what a newcomer asks, with the ``page`` and ``anchor`` of the run that answer it.

    Of a question's places, in the order of ``templates/questions.csv``, the first there is.

    Parameters
    ----------
    found : full names of the findings. names : of the notebooks that have a page.
    """
    with (TEMPLATE_DIR / "questions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    answered: dict[str, dict[str, str]] = {}
    for row in rows:
        there = row["anchor"] in found or row["anchor"] in SECTIONS
        if there and row["page"] in ("index", *names):
            answered.setdefault(row["question"], row)
    return list(answered.values())


def _embedded(paths: Paths, figure: str | None) -> str | None:
    """Return a figure of the run as a data address (WebP), or None if there is none."""
    from matplotlib.image import imread, imsave

    if figure is None or not (paths.outputs / figure).is_file():
        return None
    picture = BytesIO()
    imsave(picture, imread(paths.outputs / figure), format="webp", pil_kwargs={"quality": 80})
    return f"data:image/webp;base64,{base64.b64encode(picture.getvalue()).decode()}"


def _segment_cards(paths: Paths) -> list[dict]:
    with (paths.tables / "04_segments.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    images = [_embedded(paths, f"figures/04_card_{place}.png") for place in range(1, len(rows) + 1)]
    return [row | {"image": image} for row, image in zip(rows, images, strict=True)]


def _model_sentence(metrics: dict[str, dict[str, float]]) -> str:
    """Return a sentence that compares the best model with recommending what is popular."""
    name = "NDCG@10 watched"
    scores = {model: values[name] for model, values in metrics.items() if name in values}
    if not scores:
        return ""
    best = max(scores, key=lambda model: scores[model])
    text = (
        f"Of {len(scores)} models {best} finds best what held-out people went on to watch: NDCG@10 "
        f"of {scores[best]:.3f}, where 1 would be every hidden title on top"
    )
    if scores.get("popularity"):
        times = scores[best] / scores["popularity"]
        text += f", {times:.1f} times that of recommending the most popular to everybody"
    return f"{text}."


def write_record(parameters: RunParameters, paths: Paths, executed: Sequence[Path]) -> dict:
    """Write and return ``run.json``: what was run, on what, how long it took, how good it was.

    Parameters
    ----------
    parameters, paths : the run's.
    executed : the executed notebooks there are.
    """
    ingested = read_json(paths.processed / "ingest.json")
    record = {
        "dataset": parameters.dataset,
        "simulated": ingested.get("simulated", False),
        "parameters": asdict(parameters),
        "inputs": {name: f["sha256"] for name, f in ingested.get("files", {}).items()},
        "packages": {name: metadata.version(name) for name in RECORDED_PACKAGES},
        "python": sys.version.split()[0],
        "git_revision": _git_revision(),
        "notebook_seconds": {file.stem: _duration(file) for file in executed},
        "metrics": read_json(paths.tables / "03_metrics.json") or None,
    }
    write_text(paths.outputs / "run.json", json.dumps(record, indent=2) + "\n")
    return record


def _duration(executed: Path) -> float:
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    return round(notebook["metadata"]["papermill"]["duration"], 1)


def _git_revision() -> str | None:
    """Return the commit checked out, with ``+`` if files differ from it; None outside git."""
    if not IN_CHECKOUT:  # the package may lie in an environment inside another's repository
        return None
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
