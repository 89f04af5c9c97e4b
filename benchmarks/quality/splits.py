"""Write the users and draws that every model of this benchmark is judged by, as ``.npz`` files.

Run in anirec's environment: ``python benchmarks/quality/splits.py <folder of mal-2016> <out>``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from anirec.interactions import Interactions, hold_out, split_users

TUNING_SEEDS = (100, 101)
"""Draws of the validation users' lists that settings are chosen by."""

TEST_SEEDS = (0, 1, 2)
"""Draws of the test users' lists that are reported."""


def read_ratings(folder: Path) -> Interactions:
    """Return the lists of mal-2016's ``rating.csv``; -1 there means watched and not scored."""
    ratings = pd.read_csv(folder / "rating.csv")
    ratings["rating"] = ratings["rating"].where(ratings["rating"] > 0)
    return Interactions.from_frame(ratings)


def write_splits(folder: Path, out: Path) -> None:
    """Write ``train.npz`` and, per role and draw, ``<role>-<seed>-given.npz`` and ``-hidden.npz``.

    The users are those of the design's protocol: 800 test and 400 validation users drawn once with
    seed 0 from those with at least 5 entries, the other such users for training.
    """
    everyone = read_ratings(folder)
    roles = split_users(everyone)["role"].to_numpy()
    everyone.users(roles == "train").save(out / "train.npz")
    for role, seeds in (("validation", TUNING_SEEDS), ("test", TEST_SEEDS)):
        for seed in seeds:
            given, hidden = hold_out(everyone.users(roles == role), 0.8, seed)
            given.save(out / f"{role}-{seed}-given.npz")
            hidden.save(out / f"{role}-{seed}-hidden.npz")


if __name__ == "__main__":
    write_splits(Path(sys.argv[1]), Path(sys.argv[2]))
