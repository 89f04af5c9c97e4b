"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from anirec.config import ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real input, ``$ANIREC_REAL_DATA`` or ``../shared/data``; skips where absent."""
    folder = Path(os.environ.get("ANIREC_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: set ANIREC_REAL_DATA")
    return folder
