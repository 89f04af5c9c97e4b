"""What notebook 03 asks of its models, on a small community: numbers made another way."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from small_run import catalogue, community

from anirec import evaluation
from anirec.analysis import comparison, training
from anirec.analysis.finding import Absence, Finding
from anirec.catalogue.features import item_features
from anirec.config import Paths
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import made

SETTINGS = {"ease.l2": 20.0, "hybrid-ease.l2": 20.0}


@pytest.fixture(scope="module")
def trial() -> training.Trial:
    """A trial of models that are fitted in a moment."""
    anime = catalogue()
    everybody = Interactions.from_frame(community())
    roles = split_users(everybody)["role"]
    held = {
        role: hold_out(everybody.users((roles == role).to_numpy()), 0.6)
        for role in ("test", "validation")
    }
    train = everybody.users((roles == "train").to_numpy())
    features = item_features(anime, train.anime_ids)
    models = {name: made(name, SETTINGS) for name in training.LEARNERS}
    made_trial = training.Trial(
        anime, everybody, train, **held, features=features, models=models, seed=3
    )
    made_trial.fit()
    return made_trial


def test_the_learning_curve_ends_at_the_model_fitted_to_everybody(trial) -> None:
    found = training.learning_curve(trial)
    assert found.table["users"].is_monotonic_increasing
    last = found.table[found.table["users"] == trial.train.shape[0]].set_index("model")["value"]
    watched = trial.table.query("target == 'watched' and metric == 'ndcg' and k == 10")
    expected = watched.set_index("model")["value"]
    for name in training.LEARNERS:
        assert last[name] == pytest.approx(expected[name], abs=1e-6), name
    assert found.effect.low <= found.effect.value <= found.effect.high
    assert found.effect.tested


def test_too_few_people_have_no_learning_curve(trial) -> None:
    few = training.Trial(
        trial.anime, trial.everybody, trial.train.users(np.arange(12)), trial.test,
        trial.validation, trial.features, trial.models,
    )  # fmt: skip
    assert isinstance(training.learning_curve(few), Absence)


def test_a_penalty_is_judged_as_ease_fitted_with_it(trial) -> None:
    penalised = training.Regularisation(trial)
    for l2 in (1.0, 300.0):
        model = made("ease", {"ease.l2": l2}).fit(trial.train)
        table = evaluation.evaluate({"ease": model}, *trial.validation)
        expected = table.query("metric == 'ndcg' and k == 10").set_index("target")["value"]
        here = penalised.at(l2).set_index("target")["value"]
        assert here["watched"] == pytest.approx(expected["watched"], abs=1e-6)
        assert here["liked"] == pytest.approx(expected["liked"], abs=1e-6)
    found = training.penalty_and_quality(penalised, 300.0)
    assert found.effect.value == pytest.approx(here["watched"])
    assert "l2 = 300" in found.answer
    assert set(found.table["l2"]) == set(training.PENALTIES)


def test_the_lead_of_the_best_is_paired_and_tested(trial) -> None:
    found = comparison.is_best_surely_better(trial)
    best, second = trial.best_first[:2]
    values = trial.measured.per_user.query("target == 'watched' and metric == 'ndcg' and k == 10")
    by_person = values.pivot_table(index="row", columns="model", values="value")
    assert found.effect.value == pytest.approx((by_person[best] - by_person[second]).mean())
    assert found.effect.value >= 0 and found.effect.null == 0


QUESTIONS = (
    training.who_teaches, training.seconds_to_fit, comparison.which_model_finds_most,
    comparison.lists_beyond_accuracy, comparison.what_quality_costs, comparison.where_models_win,
    comparison.winners_by_group, comparison.parts_of_hybrid,
)  # fmt: skip


@pytest.mark.parametrize("ask", QUESTIONS, ids=lambda ask: ask.__name__)
def test_every_question_of_the_comparison_is_answered(ask, trial) -> None:
    found = ask(trial)
    assert isinstance(found, Finding)
    assert found.question.endswith("?") and found.answer.endswith(".")
    assert np.isfinite(found.effect.value) and found.effect.n > 0
    assert found.figure is not None or found.table is not None or ask is training.who_teaches


def test_without_a_ranker_nothing_is_said_of_one(trial) -> None:
    models = {**trial.models, "two-stage": trial.models["ease"]}
    other = training.Trial(
        trial.anime, trial.everybody, trial.train, trial.test, trial.validation, trial.features,
        models,
    )  # fmt: skip
    assert isinstance(comparison.what_the_ranker_weighs(other), Absence)


def test_metrics_are_kept_for_the_report(trial, tmp_path) -> None:
    paths = Paths.of("sample", output_dir=tmp_path)
    trial.keep_metrics(paths)
    kept = json.loads((paths.tables / "03_metrics.json").read_text(encoding="utf-8"))
    assert kept == trial.headline and set(kept) == set(training.LEARNERS)


def test_weights_are_drawn_row_for_column() -> None:
    weights = pd.DataFrame([[0, 0.5], [-0.2, 0]], index=["a", "b"], columns=["a", "b"])
    figure = training.weights_figure(weights)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == ["", "+0.50", "-0.20", ""]
