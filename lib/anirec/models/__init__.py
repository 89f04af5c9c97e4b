"""The recommenders, by the names used on the command line and in folder names.

In flow lists (`Interactions`) and what is known of the anime (`ItemFeatures`); out flow fitted
models that score any list, tell why, and are kept in folders without pickle. What decides which
anime may be shown, who is held out and how good a model is does not belong here.

Importing this package is cheap: a model imports TensorFlow or scikit-learn when it is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anirec.config import InputError
from anirec.models.base import Ability, ColdProfileWarning, Model, read_about
from anirec.models.content import ContentTfidf
from anirec.models.ease import EASE
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.item_knn import ItemKNN
from anirec.models.liked_ease import LikedEASE
from anirec.models.popularity import Popularity
from anirec.models.pure_svd import PureSVD
from anirec.models.rating_net import RatingNet
from anirec.models.two_stage import TwoStage

MODELS: dict[str, type[Model]] = {
    model.NAME: model
    for model in (
        Popularity,
        ContentTfidf,
        ItemKNN,
        PureSVD,
        EASE,
        HybridEASE,
        RatingNet,
        TwoStage,
    )
}

__all__ = [
    "EASE",
    "MODELS",
    "Ability",
    "ColdProfileWarning",
    "ContentTfidf",
    "HybridEASE",
    "ItemKNN",
    "LikedEASE",
    "Model",
    "Popularity",
    "PureSVD",
    "RatingNet",
    "TwoStage",
    "check_settings",
    "load_model",
    "made",
]


def made(name: str, settings: Mapping[str, object] | None = None) -> Model:
    """Return an unfitted model by name.

    Parameters
    ----------
    settings : what differs from its defaults, by name: of any model as ``model.setting``, of one
        that is part of another as ``model.part.setting``. Those of other models are skipped.

    Raises
    ------
    InputError
        If there is no such model or setting, or a value is of another kind than the setting.
    """
    if name not in MODELS:
        raise InputError(f"unknown model {name!r}: choose one of {', '.join(MODELS)}")
    own = [
        (rest, value)
        for key, value in (settings or {}).items()
        for model, _, rest in [key.partition(".")]
        if model == name
    ]
    return MODELS[name]().with_settings(dict(own))


def check_settings(settings: Mapping[str, object]) -> None:
    """Raise InputError for settings of no model, or that `made` would refuse."""
    for name in sorted({key.partition(".")[0] for key in settings}):
        made(name, settings)


def load_model(folder: Path) -> Model:
    """Load the fitted model in a folder, of whatever class its ``model.json`` names.

    Raises
    ------
    InputError
        If there is none, or it is of a class or format unknown here.
    """
    name = read_about(folder)["model"]
    if name not in MODELS:
        raise InputError(
            f"{folder} holds an unknown model {name!r}: this version knows {', '.join(MODELS)}"
        )
    return MODELS[name].load(folder)
