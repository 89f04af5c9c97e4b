"""What a visitor does with the box, in a page of Playwright's."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

FIELD = ".anirec-search input"
FIELD_MS = 90_000
"""Patience for a kernel that was not started ahead of time, on a busy machine."""

QUIET_MS = 350
"""The box has said all when it said nothing for so long."""

ANSWER_MS = 15_000


class Visitor:
    """A page with the box on it, from the moment its search field can be used."""

    def __init__(self, page) -> None:
        self.page = page
        page.wait_for_selector(FIELD, timeout=FIELD_MS)

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.page.url).query)["profile"][0]

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]

    @property
    def list(self) -> list[str]:
        """The titles of the list, the latest first."""
        return self.texts(".anirec-row:visible .anirec-row-name")

    @property
    def cards(self) -> list[str]:
        """The titles recommended, best first."""
        return [text.lstrip("0123456789") for text in self.texts(".anirec-card:visible h3")]

    def after(self, action: Callable[[], object], said: str = "") -> None:
        """Do something that changes what the box says; wait until it has said that, and all."""
        self.page.evaluate(
            """() => {
                window.said = 0;
                window.watching?.disconnect();
                window.watching = new MutationObserver(() => { window.said = performance.now(); });
                window.watching.observe(document.querySelector(".anirec"), {
                    subtree: true, childList: true, characterData: true,
                });
            }"""
        )
        action()
        if said:
            self.page.wait_for_selector(f".anirec :text('{said}')", timeout=ANSWER_MS)
        self.page.wait_for_function(
            f"() => window.said && performance.now() - window.said > {QUIET_MS} "
            "&& !document.querySelector('.anirec-busy')",
            timeout=ANSWER_MS,
        )

    def matches(self, text: str) -> list[str]:
        """Type into the search field; return what is offered."""
        self.after(lambda: self.page.fill(FIELD, text))
        return self.texts(".anirec-matches button")

    def add(self, text: str) -> None:
        """Search, and take the first match."""
        self.matches(text)
        self.after(self.page.locator(".anirec-matches button").first.click)

    def press(self, name: str, within=None) -> None:
        """Press a button that changes what the box says."""
        button = (within or self.page).get_by_role("button", name=name)
        self.after(button.click)

    def row(self, title: str):
        return self.page.locator(".anirec-row", has_text=title)

    def card(self, title: str):
        return self.page.locator(".anirec-card", has=self.page.get_by_text(title, exact=True))

    def open(self, panel: str) -> None:
        self.page.get_by_role("button", name=panel).click()
        self.page.wait_for_selector(".anirec-panel:visible")

    def choose(self, option: str, within) -> None:
        """Choose from a drop-down."""
        self.after(lambda: within.locator("select").select_option(label=option))

    def field(self, label: str):
        return self.page.locator(".anirec-field", has_text=label)
