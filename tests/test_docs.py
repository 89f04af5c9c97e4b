"""The pages in ``docs/`` and the links of all pages: examples work word for word, drawings are
fresh, links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import drawings
import pytest
from checkout import copy_of_checkout, plain, with_commands

from anirec.config import ROOT, Paths

TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
BLOCK = re.compile(
    r"^```(?P<kind>\w+) ?(?P<file>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/*.md", "data/*.md", "benchmarks/*/*.md")
    for file in ROOT.glob(pattern)
)


@pytest.fixture(scope="module")
def copy(tiny_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which examples are followed, one after the other."""
    return with_commands(copy_of_checkout(tmp_path_factory.mktemp("docs") / "anirec"))


@pytest.fixture
def followed(copy: Path, tiny_run: Paths) -> Path:
    for kind, source in (("data/processed", tiny_run.processed), ("outputs", tiny_run.outputs)):
        target = copy / kind / "sample"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target)
    return copy


def run(command: list[str], folder: Path, **options: str) -> str:
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=plain() | {"PATH": path},
        capture_output=True,
        encoding="utf-8",
        **options,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_there_are_five_examples() -> None:
    assert [heading for heading, _ in EXAMPLES] == [
        "A dataset",
        "A format of lists",
        "A model",
        "A finding",
        "A filter",
    ]


@pytest.mark.parametrize(("heading", "text"), EXAMPLES, ids=[h for h, _ in EXAMPLES])
def test_example_works_word_for_word(heading: str, text: str, followed: Path) -> None:
    said = ""
    for block in BLOCK.finditer(text):
        if block["file"]:
            file = followed / block["file"]
            assert not file.exists(), "the example would write over a file"
            file.write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "diff":
            run(["git", "apply", "--recount", "-"], followed, input=block["text"])
        elif block["kind"] == "sh":
            said = run(["sh", "-ec", block["text"]], followed)
        else:
            assert block["kind"] == "text"
            assert block["text"].strip() in said


@pytest.mark.parametrize("file", [drawings.README, drawings.ARCHITECTURE], ids=lambda f: f.stem)
def test_drawings_are_what_the_code_says(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == drawings.drawn(file), "run 'make architecture'"


def anchors(file: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link
