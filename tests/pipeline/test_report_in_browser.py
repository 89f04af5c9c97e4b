"""The report and its pages in a real browser, on a desk and on a phone."""

from __future__ import annotations

import pytest

from anirec.config import Paths
from anirec.pipeline.stages import STAGES

PAGES = ("index", *(stage.name for stage in STAGES))
GRAVE = {"serious", "critical"}


@pytest.fixture(scope="module")
def visit(browser, tiny_run: Paths):
    """Opens a page of the report at a width; returns it, and what went wrong on it."""
    contexts = []

    def opened(name: str, width: int, scheme: str = "light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
        )
        contexts.append(context)
        page, wrong = context.new_page(), []
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url)
            ),
        )
        page.goto((tiny_run.report / f"{name}.html").as_uri())
        return page, wrong

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_and_can_be_read_by_everybody(name: str, visit) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for width, scheme in ((1280, "light"), (390, "dark")):
        page, wrong = visit(name, width, scheme)
        across = page.evaluate("document.documentElement.scrollWidth")
        assert across <= width, (name, width, across)
        found = Axe().run(page).response["violations"]
        grave = [
            (violation["id"], node["target"])
            for violation in found
            if violation["impact"] in GRAVE
            for node in violation["nodes"]
        ]
        assert grave == [], (name, scheme)
        assert wrong == [], (name, width)
        page.close()


def test_a_newcomers_links_lead_to_what_they_ask_for(visit) -> None:
    page, wrong = visit("index", 390)
    links = page.locator("#questions + ul a")
    assert links.count() == 10
    for place in range(links.count()):
        page, _ = visit("index", 390)
        page.locator("#questions + ul a").nth(place).click()
        page.wait_for_function(
            "location.hash && document.getElementById(location.hash.slice(1)) !== null"
        )
        page.close()
    assert wrong == []
