"""Print the comparison of anirec's models with their peers as markdown.

``python benchmarks/quality/table.py ours.json peers.json``, from what ``ours.py`` and ``peers.py``
wrote. Each peer stands with its best setting for *watched* and its best for *liked*; in brackets,
how a value compares with the best peer's for that target.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

TARGETS = {"watched": "NDCG@10 watched", "liked": "NDCG@10 liked"}


def peer_values(results: dict) -> pd.DataFrame:
    """Return per peer its NDCG@10 of each target, tuned for it, and coverage tuned for watched."""
    rows = {}
    for name, result in results.items():
        tuned = {target: result[f"tuned for {target}"]["test"] for target in TARGETS}
        rows[name] = {title: tuned[target][title] for target, title in TARGETS.items()}
        rows[name]["coverage@20"] = tuned["watched"]["Coverage@20"]
        rows[name]["fed"] = " / ".join(
            result[f"tuned for {target}"]["settings"]["feed"] for target in TARGETS
        )
    return pd.DataFrame(rows).T


def table(ours: pd.DataFrame, peers: pd.DataFrame) -> str:
    best = {title: peers[title].astype(float).max() for title in TARGETS.values()}
    lines = [
        "| model | NDCG@10 watched | NDCG@10 liked | coverage@20 | fed (watched / liked) |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    means = ours.groupby("model", sort=False).mean(numeric_only=True)
    for name, row in pd.concat([peers, means.assign(fed="")]).iterrows():
        cells = [f"{row[title]:.4f} ({row[title] / best[title]:.2f})" for title in best]
        lines.append(f"| {name} | {' | '.join(cells)} | {row['coverage@20']:.3f} | {row['fed']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    mine = pd.DataFrame(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    theirs = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(table(mine, peer_values(theirs)))
