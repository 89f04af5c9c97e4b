"""The recommenders, by the names used on the command line and in folder names.

Importing this package is cheap: a model imports TensorFlow or scikit-learn when it is fitted.
"""

from __future__ import annotations

from pathlib import Path

from anirec.config import InputError
from anirec.models.base import ColdProfileWarning, Model, read_about
from anirec.models.content import ContentTfidf
from anirec.models.ease import EASE
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.item_knn import ItemKNN
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
    "ColdProfileWarning",
    "ContentTfidf",
    "HybridEASE",
    "ItemKNN",
    "Model",
    "Popularity",
    "PureSVD",
    "RatingNet",
    "TwoStage",
    "load_model",
]


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
