"""How fast and how small serving is, on a catalogue of 16,500 anime.

In anirec's environment, from the repository:

    python benchmarks/serving/serving.py prepare <work>
    python benchmarks/serving/serving.py run <work>

``prepare`` simulates a catalogue of the 2023 dataset's size, ingests it, and writes models of the
size and shape that are served there: as many weights per anime, trees and factors as models have
by default. The weights are random, since how long a product takes does not depend on its values.
``run`` prints the tables of README.md: each load in a process of its own, a search per keystroke,
an answer per model and length of list, private memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from anirec.config import Paths

if TYPE_CHECKING:
    from anirec.interactions import Interactions
    from anirec.models import HybridEASE

N_USERS = 3000
LENGTHS = (3, 50, 500)
REPEATS = 30
N_NAMES = 25_000


def located(work: Path) -> Paths:
    return Paths.of(
        "sample",
        raw_dir=work / "raw",
        processed_dir=work / "processed",
        output_dir=work / "outputs",
    )


def prepare(work: Path) -> None:
    """Simulate and ingest a catalogue; write models as a run would leave them."""
    from anirec.catalogue.features import item_features
    from anirec.datasets import sample
    from anirec.datasets.ingest import ingest
    from anirec.models import (
        HybridEASE,
        LikedEASE,
        Popularity,
        RatingNet,
        TwoStage,
    )
    from anirec.models.anime_facts import AnimeFacts
    from anirec.models.first_stage import FirstStage

    paths = located(work)
    sample.SIZES["serving"] = replace(
        sample.SIZES["tiny"], n_anime=sample.SIZES["full"].n_anime, orphans=0
    )
    sample.generate(paths.raw, size="serving")
    ingest(paths)
    anime = pd.read_parquet(paths.processed / "anime.parquet")
    lists = random_lists(anime)
    Popularity().fit(lists).save(paths.models / "popularity")
    retriever, second = random_model(HybridEASE(), lists), random_model(LikedEASE(), lists)
    retriever.save(paths.models / "hybrid-ease")
    two = TwoStage(retriever=retriever, second=second, max_users=1000, n_draws=1)
    facts = AnimeFacts.of(lists, item_features(anime, lists.anime_ids), two.least_liked(lists))
    two.stage_ = FirstStage(
        retriever, second, two.neighbours.fit(lists), two.latent.fit(lists), facts
    )
    two.anime_ids_, two.popularity_ = retriever.anime_ids_, retriever.popularity_
    two._learn(two.sample(two.stage_, lists.users(np.arange(600))))
    two.save(paths.models / "two-stage")
    RatingNet(epochs=1).fit(lists).save(paths.models / "rating-net")


def random_lists(anime: pd.DataFrame) -> Interactions:
    """Return lists of about 80 anime each, the popular ones on most."""
    from anirec.interactions import Interactions

    rng = np.random.default_rng(0)
    members = anime["members"].fillna(0).to_numpy(dtype=float) + 1
    drawn = rng.choice(len(anime), (N_USERS, 100), p=members / members.sum())
    lists = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(N_USERS), 100),
            "anime_id": anime["anime_id"].to_numpy()[drawn.ravel()],
            "rating": rng.integers(4, 11, drawn.size),
        }
    ).drop_duplicates(["user_id", "anime_id"])
    return Interactions.from_frame(lists, anime_ids=np.sort(anime["anime_id"].to_numpy()))


def random_model(model: HybridEASE, lists: Interactions) -> HybridEASE:
    """Return a model with ``n_neighbours`` weights per anime, the popular ones of each."""
    from scipy import sparse

    rng = np.random.default_rng(1)
    n = lists.shape[1]
    counts = np.bincount(lists.indices, minlength=n)
    rows = rng.choice(n, (n, model.setting("n_neighbours")), p=(counts + 1) / (counts + 1).sum())
    values = rng.normal(0.01, 0.02, rows.size).astype(np.float32)
    columns = np.repeat(np.arange(n, dtype=np.int32), model.setting("n_neighbours"))
    weights = sparse.csr_array((values, (rows.ravel(), columns)), shape=(n, n))
    weights.indices, weights.indptr = (
        a.astype(np.int32) for a in (weights.indices, weights.indptr)
    )
    model.weights_ = weights
    model.anime_ids_ = lists.anime_ids
    model.popularity_ = (counts / lists.shape[0]).astype(np.float32)
    model.precision_, model.scale_ = np.ones(n, np.float32), np.float32([7.6, 1.7, 10])
    return model


# --- what is measured, each in a fresh process


def load(work: Path) -> dict[str, float]:
    """Return seconds of importing, of loading, and private memory before and after serving."""
    start = time.perf_counter()
    from anirec.recommender import AnimeRecommender

    imported = time.perf_counter()
    recommender = AnimeRecommender.load(located(work))
    loaded = time.perf_counter()
    profile = profiles_of(recommender, (50,))[50]
    recommender.recommend(profile, k=10)
    first = time.perf_counter()
    recommender.explain(profile, int(recommender.anime.index[0]))
    recommender.knowledge(profile)
    recommender.to_rate(profile)
    recommender.similar(next(iter(profile)))
    return {
        "n_anime": len(recommender.anime),
        "import_s": imported - start,
        "load_s": loaded - imported,
        "first_answer_s": first - loaded,
        "private_mb": private_mb(),
    }


def kernel(work: Path) -> dict[str, float]:
    """Return the private memory of an IPython kernel's process that has served the box's needs."""
    import ipykernel.ipkernel  # noqa: F401
    import ipywidgets  # noqa: F401

    return {"kernel_private_mb": load(work)["private_mb"]}


def answers(work: Path) -> list[dict[str, object]]:
    """Return the median and 95th percentile of an answer: resolved, scored, filtered, explained."""
    from anirec.catalogue import Filters
    from anirec.recommender import AnimeRecommender

    recommender = AnimeRecommender.load(located(work))
    rows = []
    for model in ("hybrid-ease", "two-stage"):
        for length, profile in profiles_of(recommender, LENGTHS).items():
            titles = [recommender.anime.at[anime_id, "title"] for anime_id in list(profile)[:3]]
            usual = Filters(types=("TV",), without_genres=("Horror",), variety=0.3)

            def answer(profile=profile, titles=titles, usual=usual, model=model) -> None:
                for title in titles:
                    recommender.resolve(title)
                recommender.recommend(profile, k=10, model=model, filters=usual)

            best = int(recommender.recommend(profile, k=1, model=model)["anime_id"].iloc[0])

            def reason(profile=profile, model=model, best=best) -> None:
                recommender.explain(profile, best, model=model)

            rows += [
                {"what": f"answer, {model}", "titles on the list": length, **timed(answer)},
                {"what": f"explanation, {model}", "titles on the list": length, **timed(reason)},
            ]
    for length, profile in profiles_of(recommender, LENGTHS).items():
        others = {
            "similar to one": lambda p=profile: recommender.similar(next(iter(p))),
            "surprise me": lambda p=profile: recommender.surprise(p),
            "how well it knows you": lambda p=profile: recommender.knowledge(p),
            "what to rate next": lambda p=profile: recommender.to_rate(p),
        }
        for what, call in others.items():
            rows.append({"what": what, "titles on the list": length, **timed(call)})
    return rows


def keystrokes(work: Path) -> list[dict[str, object]]:
    """Return the time of a search per keystroke: names typed letter by letter, some misspelt."""
    from anirec.catalogue import Catalogue
    from anirec.catalogue.titles import TitleIndex
    from anirec.datasets.sample import read_tables

    anime = pd.read_parquet(located(work).processed / "anime.parquet")
    spare = read_tables(N_NAMES).anime
    japanese = anime["title_japanese"].dropna().sample(len(spare), replace=True, random_state=0)
    more = pd.DataFrame(
        {
            "anime_id": np.arange(len(spare)) + 10**7,
            "title": spare["Name"],
            "title_english": spare["Name"].str.replace("o", "ou"),
            "title_japanese": japanese.to_numpy(),
            "members": np.arange(len(spare)),
        }
    )
    start = time.perf_counter()
    large = TitleIndex(more)
    built = time.perf_counter() - start
    rng = np.random.default_rng(0)
    typed = []
    for name in more["title"].sample(60, random_state=1):
        place = int(rng.integers(1, len(name)))
        for text in (name, name[:place] + name[place + 1 :]):
            typed += [text[:end] for end in range(1, min(len(text), 20) + 1)]
    rows = []
    kept = Catalogue.load(located(work).processed / "anime.parquet")
    for what, index in ((f"{len(more):,} anime", large), (f"{len(kept):,} anime", kept.titles)):
        took = np.array([seconds(lambda i=index, t=text: i.search(t, 8)) for text in typed])
        rows.append(
            {
                "what": what,
                "names": len(index._names),
                "keystrokes": len(typed),
                "median_ms": 1000 * np.median(took),
                "p95_ms": 1000 * np.quantile(took, 0.95),
                "greatest_ms": 1000 * took.max(),
            }
        )
    print(f"index of {len(more):,} anime built in {built:.2f} s", file=sys.stderr)
    return rows


def imports(work: Path) -> list[dict[str, object]]:
    """Return the time of importing and keeping an export of 500 entries."""
    import tempfile

    from anirec.catalogue import Catalogue
    from anirec.lists import read_list, to_csv, to_xml
    from anirec.profiles import Entry, Profile, ProfileStore

    catalogue = Catalogue.load(located(work).processed / "anime.parquet")
    profile = Profile({int(a): Entry(8, "completed") for a in catalogue.anime.index[:500]})
    misspelt = to_csv(profile, catalogue).replace("a", "aa").encode().replace(b"aanime_id", b"x")
    rows = []
    for what, content in (
        ("MyAnimeList export", to_xml(profile, catalogue).encode()),
        ("CSV", to_csv(profile, catalogue).encode()),
        ("CSV, every title misspelt", misspelt),
    ):
        with tempfile.TemporaryDirectory() as folder:
            store = ProfileStore(Path(folder) / "profiles.sqlite")

            def keep(content=content, store=store) -> None:
                imported = read_list(content, catalogue)
                stored, _ = store.create()
                stored.update(imported.profile.entries, imported.profile.unresolved)

            rows.append({"what": what, "entries": 500, **timed(keep, 5)})
    return rows


# --- how it is measured


def profiles_of(recommender, lengths: tuple[int, ...]) -> dict[int, dict[int, float]]:
    """Return lists of so many popular anime, rated 5 to 10."""
    rng = np.random.default_rng(0)
    popular = recommender.anime["members"].nlargest(3000).index.to_numpy()
    return {
        n: {int(a): float(rng.integers(5, 11)) for a in rng.choice(popular, n, replace=False)}
        for n in lengths
    }


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def timed(call: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    call()
    took = 1000 * np.array([seconds(call) for _ in range(repeats)])
    return {"median_ms": float(np.median(took)), "p95_ms": float(np.quantile(took, 0.95))}


def private_mb() -> float:
    """Return the memory that this process alone has written to, MB: mapped files are not in it."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


PARTS = {f.__name__: f for f in (load, kernel, answers, keystrokes, imports)}


def measured(part: str, work: Path) -> object:
    command = [sys.executable, __file__, part, str(work)]
    # One thread, as for one of many kernels: the products are too small for more to help.
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **one}
    )
    return json.loads(ran.stdout)


def run(work: Path) -> None:
    """Print the tables."""
    (located(work).processed / "catalogue.npz").unlink(missing_ok=True)
    first = measured("load", work)
    table([{"load": "first, indices made", **first}, {"load": "later", **measured("load", work)}])
    table([measured("kernel", work)])
    for part in ("answers", "keystrokes", "imports"):
        table(measured(part, work))


def table(rows: list[dict[str, object]]) -> None:
    """Print rows as a Markdown table."""
    names = list(rows[0])
    print("\n| " + " | ".join(names) + " |\n|" + " --- |" * len(names))
    for row in rows:
        cells = [f"{v:,.2f}" if isinstance(v, float) else f"{v}" for v in row.values()]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    if what in PARTS:
        print(json.dumps(PARTS[what](folder), default=float))
    else:
        {"prepare": prepare, "run": run}[what](folder)
