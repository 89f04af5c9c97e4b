"""Fitting without notebooks: what is kept is what would be fitted in memory."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from small_run import catalogue, community, small_run

from anirec.catalogue.features import item_features
from anirec.cli import main
from anirec.config import InputError, Paths
from anirec.engine import InProcess
from anirec.interactions import Interactions
from anirec.models import HybridEASE, load_model
from anirec.pipeline.fitting import fit_and_keep


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = small_run(tmp_path)
    community().to_parquet(paths.processed / "ratings.parquet", index=False)
    return paths


def test_fit_keeps_and_judges_a_model(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    root = paths.processed.parents[1]
    monkeypatch.setenv("ANIREC_DATA_DIR", str(root))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(root / "outputs"))
    monkeypatch.setattr(sys, "argv", ["anirec", "fit", "-p", "hybrid-ease.l2=33.0"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr()
    assert not stopped.value.code, said.err
    assert said.out.startswith("hybrid-ease: NDCG@10 watched 0.")
    kept = load_model(paths.models / "hybrid-ease")
    assert kept.l2 == 33
    judged = json.loads((paths.models / "hybrid-ease" / "judged.json").read_text())
    assert 0.2 < judged["NDCG@10 watched"] < 1
    everybody = Interactions.from_frame(community())
    features = item_features(catalogue(), everybody.anime_ids)
    whole = HybridEASE(**kept.parameters).fit(everybody, features=features)
    np.testing.assert_allclose(kept.score(everybody), whole.score(everybody), rtol=1e-4, atol=1e-4)


def test_too_few_people_to_judge_by(paths: Paths) -> None:
    community().head(12).to_parquet(paths.processed / "ratings.parquet", index=False)
    with pytest.raises(InputError, match="nobody can be held out to judge by"):
        fit_and_keep(paths, ["ease"], InProcess())
    (paths.processed / "ratings.parquet").unlink()
    with pytest.raises(InputError, match=r"ratings\.parquet is missing: run 'anirec ingest' first"):
        fit_and_keep(paths, ["ease"], InProcess())
    with pytest.raises(InputError, match="unknown model 'oracle'"):
        fit_and_keep(paths, ["oracle"], InProcess())
