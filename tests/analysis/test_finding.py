"""Findings: the correction, the rule of advice, and every question put to degenerate datasets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from anirec.analysis import exploration, finding, insights
from anirec.analysis.finding import Absence, Advice, Effect, Finding
from anirec.config import Paths
from anirec.datasets.tables import read_table
from anirec.interactions import Interactions, split_users

SNAPSHOT = pd.Timestamp("2023-07-01")


def asked(anime: pd.DataFrame, users: pd.DataFrame, ratings: pd.DataFrame) -> dict:
    """Return every question as a call without arguments, by name."""
    people = insights.audience(users, SNAPSHOT)
    people = people.assign(segment=np.where(people["user_id"] % 2, "Odd", "Even"))
    lists = Interactions.from_frame(ratings)
    split = split_users(lists)
    x, i = exploration, insights
    return {
        "sizes": lambda: x.size_of_tables(anime, users, ratings),
        "gaps": lambda: x.gaps({"anime": anime, "users": users, "ratings": ratings}),
        "repeats": lambda: x.repeats(anime, users, ratings),
        "types": lambda: x.catalogue_types(anime, ratings),
        "years": lambda: x.catalogue_years(anime, SNAPSHOT),
        "seasons": lambda: x.catalogue_seasons(anime),
        "sources": lambda: x.catalogue_sources(anime),
        "age_ratings": lambda: x.age_ratings(anime),
        "studios": lambda: x.studios(anime),
        "producers": lambda: x.producers(anime),
        "genres": lambda: x.commonest_genres(anime, ratings),
        "company": lambda: x.genre_company(anime),
        "growth": lambda: x.genre_growth(anime),
        "scores": lambda: x.community_scores(anime),
        "reach": lambda: x.score_and_reach(anime),
        "most_listed": lambda: x.most_listed(anime, ratings),
        "best": lambda: x.best_scored(anime, ratings),
        "favourites": lambda: x.most_favourited(anime),
        "concentration": lambda: x.concentration_of_lists(ratings),
        "given": lambda: x.scores_given(ratings),
        "harsh": lambda: x.harsh_and_generous(lists),
        "by_length": lambda: x.rating_by_length(lists),
        "unscored": lambda: x.scored_or_watched(ratings, anime),
        "above": lambda: x.genres_above_their_watchers(lists, anime),
        "divisive": lambda: x.most_divisive(ratings, anime),
        "entries": lambda: x.meaning_of_entries(ratings),
        "matrix": lambda: x.matrix_of_lists(lists),
        "lengths": lambda: x.lengths_of_lists(lists, 5),
        "scales": lambda: x.scales_side_by_side(lists),
        "split": lambda: x.who_is_held_out(lists, split),
        "memory": lambda: x.memory_of_tables({"anime": anime, "ratings": ratings}),
        "durations": lambda: i.episode_durations(anime),
        "modes": lambda: i.modes_of_length(anime),
        "length_by_year": lambda: i.lengths_through_the_years(anime),
        "short": lambda: i.short_forms(anime),
        "length_score": lambda: i.length_and_score(anime),
        "hours": lambda: i.hours_to_watch(anime),
        "tells": lambda: i.who_tells(people),
        "silent": lambda: i.how_silent_people_differ(people),
        "birthdays": lambda: i.suspicious_ages(people, SNAPSHOT),
        "pyramid": lambda: i.ages_and_genders(people),
        "genders": lambda: i.shares_of_genders(people),
        "countries": lambda: i.audience_countries(people),
        "per_million": lambda: i.countries_for_their_size(people),
        "joined": lambda: i.when_people_joined(people),
        "status": lambda: i.how_lists_turn_out(people),
        "by_gender": lambda: i.list_status_by(people, "gender", "dropped", "gender"),
        "by_age": lambda: i.list_status_by(people, "age_band", "completed", "age"),
        "effect": lambda: i.what_goes_with(people, "completed", "10 years older"),
        "days": lambda: i.days_by_age(people),
        "stopping": lambda: i.stopping(ratings, anime),
        "given_up": lambda: i.given_up(ratings, anime),
        "scoring": lambda: i.scoring_by_length(ratings),
        "tastes": lambda: i.tastes_by(ratings, anime, people, "gender", "gender"),
        "tastes_age": lambda: i.tastes_by(ratings, anime, people, "age_band", "age"),
        "peaks": lambda: i.claim_peaks(people),
        "fifty": lambda: i.claim_decline_beyond_fifty(people),
        "non_binary": lambda: i.claim_non_binary_drop(people),
        "largest": lambda: i.claim_largest_age(people),
        "notable": lambda: i.claim_countries(people),
        "age_peaks": lambda: i.age_peaks(people),
        "by_cohort": lambda: i.list_status_by(people, "cohort", "completed", "year of joining"),
        "by_segment": lambda: i.list_status_by(people, "segment", "dropped", "segment of taste"),
        "score_by_segment": lambda: i.mean_score_by(people, "segment", "segment of taste"),
        "by_genre": lambda: i.outcomes_by(ratings, anime, "genres"),
        "by_type": lambda: i.outcomes_by(ratings, anime, "type"),
        "by_episodes": lambda: i.outcomes_by(ratings, anime, "episodes"),
        "by_source": lambda: i.outcomes_by(ratings, anime, "source"),
        "short_to_long": lambda: i.short_to_long(ratings, anime),
    }


def emptied(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a frame with columns that hold nothing, their types kept."""
    blank = {name: pd.Series([None] * len(frame), index=frame.index) for name in columns}
    return frame.assign(**{name: blank[name].astype(frame[name].dtype) for name in columns})


def five_users(anime: pd.DataFrame, users: pd.DataFrame, ratings: pd.DataFrame):
    few = ratings["user_id"].drop_duplicates().head(5)
    return anime, users[users["user_id"].isin(few)], ratings[ratings["user_id"].isin(few)]


def one_genre(anime: pd.DataFrame, users: pd.DataFrame, ratings: pd.DataFrame):
    return anime.assign(genres=[["Drama"]] * len(anime)), users, ratings


DATES = ("aired_from", "aired_to", "year", "season")
DEGENERATE = {
    "whole": lambda a, u, r: (a, u, r),
    "no users": lambda a, u, r: (a, u.head(0), r),
    "no dates": lambda a, u, r: (emptied(a, *DATES), emptied(u, "birth_date", "joined"), r),
    "no scores": lambda a, u, r: (emptied(a, "score", "scored_by"), u, emptied(r, "rating")),
    "no statuses": lambda a, u, r: (a, u, emptied(r, "status", "episodes_watched")),
    "no lists": lambda a, u, r: (a, u, r.head(0)),
    "five users": five_users,
    "one genre": one_genre,
}


@pytest.mark.parametrize("kind", DEGENERATE)
def test_every_question_is_answered_or_said_to_have_no_answer(kind: str, tiny_run: Paths) -> None:
    tables = [read_table(tiny_run, name) for name in ("anime", "users", "ratings")]
    answered = 0
    for name, ask in asked(*DEGENERATE[kind](*tables)).items():
        found = ask()
        assert isinstance(found, Finding | Absence), name
        if isinstance(found, Absence):
            assert found.asks.endswith("?") and found.because.endswith("."), name
            continue
        answered += 1
        assert found.question.endswith("?"), name
        assert found.answer.endswith(".") and "nan" not in found.answer.lower().split(), name
        if found.effect is not None:
            assert np.isfinite(found.effect.value) and found.effect.n > 0, name
        if found.figure is not None:
            assert any(axes.has_data() or axes.patches for axes in found.figure.axes), name
    assert answered >= (40 if kind == "whole" else 15)


def an_effect(value: float, error: float) -> Finding:
    effect = Effect(value, "points", 100, value - 1.96 * error, value + 1.96 * error, null=0.0)
    return Finding("f", "Is it so?", "So it is.", effect=effect)


def test_p_values_are_corrected_over_a_notebook() -> None:
    found = [an_effect(z, 1.0) for z in (0.5, 2.0, 2.1, 4.0)]
    rows = finding.records(found, "05")
    p = [f.effect.p for f in found]
    expected = multipletests(p, method="fdr_bh")[1]
    np.testing.assert_allclose([row["p_corrected"] for row in rows], expected)
    assert [row["verdict"] for row in rows] == ["not clear", "not clear", "not clear", "clear"]


def test_of_nothing_at_most_a_twentieth_of_notebooks_claims_something() -> None:
    rng = np.random.default_rng(0)
    claimed = 0
    for _ in range(400):
        rows = finding.records([an_effect(z, 1.0) for z in rng.normal(size=20)], "05")
        claimed += any(row["verdict"] == "clear" for row in rows)
    assert claimed / 400 < 0.08


def test_advice_needs_an_effect_that_is_clear_and_large() -> None:
    advice = Advice("Marketing", "do it.", worth=2.0)
    large, small = an_effect(5.0, 1.0), an_effect(3.0, 1.0)
    assert finding.action(replace(large, advice=advice), 0.001) == "Marketing: do it."
    assert finding.action(replace(small, advice=advice), 0.001) is None  # near end: 1.04
    assert finding.action(replace(large, advice=advice), 0.2) is None
    assert finding.action(large, 0.001) is None


def test_findings_are_written_with_what_could_not_be_answered(tmp_path) -> None:
    file = tmp_path / "01_findings.json"
    finding.write_findings(file, [an_effect(4.0, 1.0)], [Absence("Why?", "No dates.")], "01")
    content = finding.gather([file, tmp_path / "02_findings.json"])
    (row,) = content["findings"]
    asked_for = {"question", "answer", "effect", "low", "high", "unit", "n", "caveat", "action"}
    assert asked_for | {"figure", "table"} <= set(row)
    assert content["absent"] == [{"notebook": "01", "asks": "Why?", "because": "No dates."}]
    assert json.loads(file.read_text(encoding="utf-8"))["findings"] == content["findings"]


def test_planted_effects_are_found_with_sign_and_covering_interval() -> None:
    from test_insights import members

    people = insights.audience(members(), SNAPSHOT)
    older = insights.what_goes_with(people, "completed", "10 years older").effect
    assert older.low < 0.04 < older.high and older.low > 0
    female = insights.what_goes_with(people, "dropped", "female rather than male").effect
    assert female.low < -0.03 < female.high and female.high < 0
