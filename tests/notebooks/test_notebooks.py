"""The six notebooks, executed on small datasets: their numbers, sentences, figures and pages."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from PIL import Image

from anirec.config import InputError, Paths
from anirec.datasets.sample import EFFECTS
from anirec.pipeline.report import write_gallery
from anirec.pipeline.run import run as run_stages
from anirec.pipeline.stages import STAGES, Selection, Stage, parse_parameters
from anirec.recommender import AnimeRecommender

REMOTE = re.compile(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(\s*["']?https?:""")


def sentences(paths: Paths, number: str) -> str:
    """Return what a notebook said, in one text."""
    stage = next(stage for stage in STAGES if stage.number == number)
    cells = nbformat.read(stage.executed(paths), as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "\n".join(
        output["data"]["text/plain"]
        for output in outputs
        if output["output_type"] == "display_data"
    )


def run(paths: Paths, *selections: Selection, epochs: int = 1) -> None:
    folders = [f"processed_dir={paths.processed}", f"output_dir={paths.outputs}"]
    parameters = parse_parameters(
        paths.dataset, str(paths.raw), [*folders, f"epochs={epochs}", "ranker_rounds=10"]
    )
    for selection in selections or (Selection(),):
        run_stages(parameters, selection)


@pytest.fixture(scope="session")
def plain_run(tiny_run: Paths, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A run in the format of 2016, which knows neither users nor dates nor durations."""
    folder = tmp_path_factory.mktemp("plain")
    anime = pd.read_parquet(tiny_run.processed / "anime.parquet")
    ratings = pd.read_parquet(tiny_run.processed / "ratings.parquet")
    genres = [", ".join(names) if names is not None else "" for names in anime["genres"]]
    old = pd.DataFrame(
        {
            "anime_id": anime["anime_id"],
            "name": anime["title"],
            "genre": genres,
            "type": anime["type"],
            "episodes": anime["episodes"].astype("Int16"),
            "rating": anime["score"],
            "members": anime["members"].astype("Int32"),
        }
    )
    (folder / "raw").mkdir()
    old.to_csv(folder / "raw" / "anime.csv", index=False)
    scores = ratings[["user_id", "anime_id", "rating"]].astype("Int32")
    scores.loc[::5, "rating"] = -1
    scores.to_csv(folder / "raw" / "rating.csv", index=False)
    paths = Paths.of("mal-2016", folder / "raw", folder / "processed", folder / "outputs")
    run(paths)
    return paths


@pytest.fixture(scope="session")
def dateless_run(tiny_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Notebooks 01 and 05 on users and anime without any date."""
    folder = tmp_path_factory.mktemp("dateless")
    (folder / "raw").mkdir()
    blanks = {
        "anime-dataset-2023.csv": {"Aired": "Not available", "Premiered": "UNKNOWN"},
        "users-details-2023.csv": {"Birthday": "", "Joined": ""},
        "users-score-2023.csv": {},
    }
    for name, blank in blanks.items():
        frame = pd.read_csv(tiny_raw / name, dtype="str", keep_default_na=False)
        frame.assign(**blank).to_csv(folder / "raw" / name, index=False)
    paths = Paths.of("mal-2023", folder / "raw", folder / "processed", folder / "outputs")
    run(paths, Selection(only="00"), Selection(only="01"), Selection(only="05"))
    return paths


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_cell_ran_without_error_or_noise(stage: Stage, tiny_run: Paths) -> None:
    notebook = nbformat.read(stage.executed(tiny_run), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count, cell.source
            kinds = {output["output_type"] for output in cell.outputs}
            assert kinds <= {"display_data", "execute_result"}, (cell.source, cell.outputs)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_pages_work_offline(stage: Stage, tiny_run: Paths) -> None:
    page = stage.page(tiny_run).read_text(encoding="utf-8")
    assert not REMOTE.search(page)
    assert "<script" not in page
    assert page.count("<img") == len(list(tiny_run.figures.glob(f"{stage.number}_*.png")))
    index = (tiny_run.report / "index.html").read_text(encoding="utf-8")
    assert f'href="{stage.name}.html"' in index


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_simulated_community_is_called_so(stage: Stage, tiny_run: Paths) -> None:
    assert "its community is simulated" in sentences(tiny_run, stage.number)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_section_is_a_question_with_a_sentence(stage: Stage, tiny_run: Paths) -> None:
    cells = nbformat.read(stage.executed(tiny_run), as_version=4).cells
    for heading, code in pairwise(cells):
        titles = re.findall(r"^#+ (.*)$", heading.source, flags=re.MULTILINE)
        outputs = (o for o in code.get("outputs", ()) if o["output_type"] == "display_data")
        shown = [o for o in outputs if any(o["data"].values())]  # progress that is done is empty
        if heading.cell_type == "markdown" and titles and shown and "## " in heading.source:
            assert titles[-1].endswith("?") or ": are " in titles[-1], titles[-1]
            said = [o["data"]["text/plain"] for o in shown if "text/plain" in o["data"]]
            assert any(text.rstrip().endswith((".", ":")) for text in said), titles[-1]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_notebooks_are_valid_and_name_each_cell_once(stage: Stage) -> None:
    content = json.loads(stage.notebook.read_text(encoding="utf-8"))
    nbformat.validate(content)
    names = [cell["id"] for cell in content["cells"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_functions_in_notebooks_are_short(stage: Stage) -> None:
    notebook = nbformat.read(stage.notebook, as_version=4)
    for cell in notebook.cells:
        assert cell.cell_type != "code" or not cell.outputs
        for body in re.findall(r"^def .*\n((?:[ \t]+.*\n?)+)", cell.source, flags=re.MULTILINE):
            assert len(body.splitlines()) <= 5


def test_figures_are_wide_enough_to_read(tiny_run: Paths) -> None:
    figures = sorted(tiny_run.figures.glob("*.png"))
    assert len(figures) >= 25
    for file in figures:
        with Image.open(file) as image:
            assert image.width == 1280 and image.height >= 300, file.name


def test_01_describes_the_catalogue(tiny_run: Paths) -> None:
    anime = pd.read_parquet(tiny_run.processed / "anime.parquet")
    missing = pd.read_csv(tiny_run.tables / "01_missing_values.csv").set_index(["table", "column"])
    assert missing.loc[("anime", "image_url"), "missing"] == 1
    assert missing.loc[("anime", "anime_id"), "missing"] == 0
    genres = pd.read_csv(tiny_run.tables / "01_genres.csv").set_index("genre")["anime"]
    assert genres["Sports"] == sum("Sports" in row for row in anime["genres"].dropna())
    assert f"{len(anime):,} anime, of which" in sentences(tiny_run, "01")


def test_02_accounts_for_every_row(tiny_run: Paths) -> None:
    account = pd.read_csv(tiny_run.tables / "02_funnel.csv").set_index("file")
    assert set(account["adds_up"]) == {"yes"}
    assert (account["kept"] + account["rejected"] == account["read"]).all()
    assert account.loc["users-score-2023.csv", "rejected"] > 0
    assert "rejected = " in sentences(tiny_run, "02")
    split = pd.read_parquet(tiny_run.processed / "split.parquet")["role"].value_counts()
    assert split["test"] > 30 and split["train"] > split["test"] > split["validation"]


def test_03_personal_models_beat_popularity(tiny_run: Paths) -> None:
    metrics = json.loads((tiny_run.tables / "03_metrics.json").read_text())
    ndcg = {name: values["NDCG@10 watched"] for name, values in metrics.items()}
    assert ndcg["ease"] > 1.3 * ndcg["popularity"]
    assert ndcg["hybrid-ease"] > 1.1 * ndcg["ease"] > 1.1 * ndcg["content"]
    table = pd.read_csv(tiny_run.tables / "03_model_comparison.csv")
    accurate = table[table["metric"].isin(["ndcg", "recall"])]
    assert (accurate["low"] <= accurate["value"]).all()
    assert (accurate["value"] <= accurate["high"]).all()
    losses = pd.read_csv(tiny_run.tables / "03_losses.csv")
    assert losses["loss"].iloc[-1] < losses["loss"].iloc[0]
    errors = pd.read_csv(tiny_run.tables / "03_rating_errors.csv").set_index("model")["rmse"]
    assert errors["rating-net"] < 1.6
    record = json.loads((tiny_run.outputs / "run.json").read_text())
    assert record["metrics"] == metrics


def test_04_segments_part_the_users_and_meet_the_truth(tiny_run: Paths) -> None:
    table = pd.read_csv(tiny_run.tables / "04_segments.csv")
    assert len(table) == 10 and table["segment"].is_unique
    split = pd.read_parquet(tiny_run.processed / "split.parquet")["role"]
    assert table["users"].sum() == (split != "short").sum()
    assert table["share"].sum() == pytest.approx(1)
    index = re.search(r"the adjusted Rand index is (\d\.\d\d)", sentences(tiny_run, "04"))
    assert float(index[1]) > 0.15  # 300 users say little
    recommender = AnimeRecommender.load(tiny_run)
    first = recommender.segments[table["segment"].iloc[0]]
    told = recommender.segment_mixture(dict.fromkeys(first))
    assert set(told.shares["segment"]) == set(table["segment"])
    assert told.shares["segment"].iloc[0] == table["segment"].iloc[0]
    kinds = pd.read_csv(tiny_run.tables / "04_anime_map.csv")
    assert kinds["anime"].sum() == len(recommender.anime) and kinds["kind"].is_unique
    assert (tiny_run.report / "anime_map.html").is_file()
    for name in ("index", "04_clustering"):
        page = (tiny_run.report / f"{name}.html").read_text("utf-8")
        assert re.search(r"<a href=['\"]anime_map.html['\"]>", page)


def test_05_shares_are_of_everybody(tiny_run: Paths) -> None:
    shares = pd.read_csv(tiny_run.tables / "05_genders.csv").set_index("gender")["share"]
    assert 0.4 < shares["Male"] < 0.75
    status = pd.read_csv(tiny_run.tables / "05_status.csv").set_index("status")["share"]
    assert status.sum() == pytest.approx(1)
    assert (status["completed"] > status.drop("completed")).all()


@pytest.mark.parametrize(
    ("status", "predictor", "planted"),
    [
        ("completed", "10 years older", EFFECTS["completed_by_age"].value),
        ("dropped", "female rather than male", -EFFECTS["dropped_by_gender"].value),
    ],
)
def test_05_finds_the_planted_effects_direction(
    tiny_run: Paths, status: str, predictor: str, planted: float
) -> None:
    name = f"05_effect_{status}_{predictor.replace(' ', '_')}.csv"
    found = pd.read_csv(tiny_run.tables / name).set_index("predictor").loc[predictor]
    assert found["effect"] * planted > 0
    assert found["low"] <= planted <= found["high"]


def test_06_recommends_what_is_not_on_the_list(tiny_run: Paths) -> None:
    table = pd.read_csv(tiny_run.tables / "06_recommendations.csv")
    assert table.groupby("liked")["rank"].agg(list).tolist() == [list(range(1, 11))] * 3
    assert not (table["title"] == table["liked"]).any()
    leads = pd.read_csv(tiny_run.tables / "06_well_known.csv").set_index("liked")["recommended"]
    assert len(leads) == 20
    assert "Haikyuu!! Second Season" in leads["Haikyuu!!"].split(" · ")
    page = (tiny_run.report / "06_recommender.html").read_text(encoding="utf-8")
    assert page.count("<th>Match</th>") == 3
    assert "An interactive box stands here" in page


def test_gallery_is_small(tiny_run: Paths, tmp_path: Path) -> None:
    files = write_gallery(tiny_run, tmp_path / "gallery")
    assert len(files) == 8
    for file in files:
        with Image.open(file) as image:
            assert image.format == "WEBP" and image.width == 1280
        assert file.stat().st_size < 150_000, file.name


def test_gallery_of_a_dataset_not_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks .*03_quality_and_time.*run 'anirec run"):
        write_gallery(Paths.of("sample", output_dir=tmp_path), tmp_path / "gallery")


def test_dataset_without_users_dates_and_durations_says_so(plain_run: Paths) -> None:
    assert "does not say when its anime began" in sentences(plain_run, "01")
    said = sentences(plain_run, "05")
    assert "This dataset says nothing of its users" in said
    assert "This dataset has no episode durations, so there is nothing to show here." in said
    assert "This dataset has no gender of users and no age of users" in said
    drawn = {file.name for file in plain_run.figures.glob("05_*.png")}
    assert drawn == {"05_episodes.png", "05_scoring.png"}
    assert "is real data" in sentences(plain_run, "04")
    assert "simulated" not in sentences(plain_run, "01")
    assert all(stage.page(plain_run).is_file() for stage in STAGES)


def test_dataset_without_dates_still_shows_its_users(dateless_run: Paths) -> None:
    said = sentences(dateless_run, "05")
    assert "This dataset has no age of users, so there is nothing to show here." in said
    assert "This dataset has no date that users joined" in said
    drawn = {file.name for file in dateless_run.figures.glob("*.png")}
    assert {"05_durations.png", "05_dropped_by_gender.png"} <= drawn
    assert not {"01_years.png", "05_pyramid.png", "05_durations_by_year.png"} & drawn


def places_of_newcomers(paths: Paths) -> list[tuple[str, str]]:
    """Return the page and anchor that the report leads a newcomer to, by question; all there."""
    index = (paths.report / "index.html").read_text(encoding="utf-8")
    questions = index.split('id="questions"')[1].split("</ul>")[0]
    places = re.findall(r'<a href="([\w.]*)#(\w+)">([^<]+\?)</a>', questions)
    for page, anchor, question in places:
        text = (paths.report / (page or "index.html")).read_text(encoding="utf-8")
        assert text.count(f'id="{anchor}"') == 1, question
    assert len({question for _, _, question in places}) == len(places) == 10
    return [(page, anchor) for page, anchor, _ in places]


def test_places_that_answer_a_newcomer_are_there(tiny_run: Paths, plain_run: Paths) -> None:
    *others, age = places_of_newcomers(tiny_run)
    assert age == ("05_insights.html", "05_pyramid")
    assert places_of_newcomers(plain_run) == [*others, ("", "absent")]


@pytest.mark.long
def test_places_that_answer_a_newcomer_are_there_on_real_data(
    real_data: Path, tmp_path: Path
) -> None:
    raw = real_data / "mal-2016"
    if not (raw / "anime.csv").is_file():
        pytest.skip(f"{raw} is not there")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "anime.csv").symlink_to(raw / "anime.csv")
    ratings = pd.read_csv(raw / "rating.csv")
    ratings[ratings["user_id"] % 20 == 0].to_csv(tmp_path / "raw" / "rating.csv", index=False)
    paths = Paths.of("mal-2016", tmp_path / "raw", tmp_path / "processed", tmp_path / "outputs")
    run(paths)
    assert places_of_newcomers(paths)[-1] == ("", "absent")


def test_report_opens_with_findings_segments_and_what_could_not_be_answered(
    tiny_run: Paths, plain_run: Paths
) -> None:
    for paths, least in ((tiny_run, 40), (plain_run, 25)):
        found = json.loads((paths.outputs / "findings.json").read_text(encoding="utf-8"))
        assert len(found["findings"]) >= least
        assert all(
            (paths.outputs / r["figure"]).is_file() for r in found["findings"] if r["figure"]
        )
        page = (paths.report / "index.html").read_text(encoding="utf-8")
        assert not REMOTE.search(page) and "<script" not in page
        assert page.count('class="card"') == 10
        assert page.count("<article id=") >= 6
        assert all(f'alt="{words}"' not in page for words in ("", "None"))
        assert "What this dataset cannot answer" in page
