"""Countries from free text, on strings labelled by hand."""

from __future__ import annotations

import csv

import pytest

from anirec.config import ROOT
from anirec.datasets.countries import country_of

with (ROOT / "tests" / "data" / "locations.csv").open(encoding="utf-8", newline="") as stream:
    LABELLED = list(csv.DictReader(stream))


@pytest.mark.parametrize("half", ["tuning", "held-out"])
def test_precision_and_recall_on_labelled_strings(half: str) -> None:
    """The held-out half was labelled before the rules were written and not looked at since."""
    rows = [row for row in LABELLED if row["half"] == half]
    assert len(rows) == 100
    found = [(row["country"] or None, country_of(row["location"])) for row in rows]
    named = [(label, country) for label, country in found if country]
    precision = sum(label == country for label, country in named) / len(named)
    recall = sum(label == country for label, country in found if label) / sum(
        bool(label) for label, _ in found
    )
    assert precision >= 0.95, [(r, c) for r, (_, c) in zip(rows, found, strict=True) if c]
    assert recall >= 0.80


@pytest.mark.parametrize(
    ("location", "country"),
    [
        ("Ontario", "CA"),  # the province before the city in California
        ("Paris, Texas", "US"),
        ("London, Ontario", "CA"),
        ("Cambridge, MA", "US"),
        ("Toronto, CA", "CA"),
        ("Los Angeles, CA", "US"),
        ("Atlanta, Georgia", "US"),
        ("Tbilisi, Georgia", "GE"),
        ("Birmingham", "GB"),  # the most populous of that name
        ("Southern California", "US"),
        ("I live in Brazil", "BR"),
        ("\U0001f1e7\U0001f1f7", "BR"),
        ("OSLO,NORWAY", "NO"),
        ("in your closet", None),
        ("Nice", None),
        ("", None),
        (None, None),
    ],
)
def test_the_rules(location: str | None, country: str | None) -> None:
    assert country_of(location) == country


def test_every_code_is_a_country_of_iso_3166() -> None:
    import pycountry

    codes = {country.alpha_2 for country in pycountry.countries}
    assert {country_of(row["location"]) for row in LABELLED} - {None} <= codes


def test_ingested_users_have_countries(small) -> None:
    data = small("mal-2023")
    data.ingest()
    assert data.table("users")["country"].tolist() == ["US", "NO", "AU"]
