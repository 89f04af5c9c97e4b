"""What a visitor does with the box, in a page of Playwright's."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

FIELD = ".anirec-search"
FIELD_MS = 90_000
"""Patience for a kernel that was not started ahead of time, on a busy machine."""

SETTLED_MS = 370
"""A click on what has just moved is not meant, and does nothing."""

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
        return self.texts(".anirec-row .anirec-row-name")

    @property
    def cards(self) -> list[str]:
        """The titles recommended, best first."""
        return [text.lstrip("0123456789") for text in self.texts(".anirec-card h3")]

    @property
    def said(self) -> str:
        """What the page says of what was done last."""
        return " ".join(self.texts(".anirec-bar p"))

    def answered(self) -> None:
        """Wait until the kernel has answered all that was said."""
        self.page.wait_for_function(
            "() => document.querySelector('.anirec').dataset.pending === '0'",
            timeout=ANSWER_MS,
        )

    def after(self, action: Callable[[], object], said: str = "") -> None:
        """Do something that the kernel answers; wait until it has, and what moved has settled."""
        sent = "() => Number(document.querySelector('.anirec').dataset.sent || 0)"
        before = self.page.evaluate(sent)
        action()
        self.page.wait_for_function(f"n => ({sent})() > n", arg=before, timeout=ANSWER_MS)
        self.answered()
        if said:
            self.page.wait_for_selector(f".anirec :text('{said}')", timeout=ANSWER_MS)
        self.page.wait_for_timeout(SETTLED_MS)

    def matches(self, text: str) -> list[str]:
        """Type into the search field; return what is offered."""
        self.after(lambda: self.page.fill(FIELD, text))
        return self.texts(".anirec [role=option]")

    def add(self, text: str) -> None:
        """Search, and take the first match."""
        self.matches(text)
        self.after(self.page.locator(".anirec [role=option]").first.click)

    def enter(self, text: str) -> None:
        """Type a title and press Enter."""
        self.page.fill(FIELD, text)
        self.after(lambda: self.page.press(FIELD, "Enter"))

    def press(self, name: str, within=None) -> None:
        """Press a button that the kernel answers."""
        button = (within or self.page).get_by_role("button", name=name)
        self.after(button.click)

    def row(self, title: str):
        return self.page.locator(".anirec-row", has_text=title)

    def card(self, title: str):
        return self.page.locator(".anirec-card", has=self.page.get_by_text(title, exact=True))

    def shelf(self, name: str) -> None:
        self.press(name, self.page.locator(".anirec-shelves"))

    def open(self, tool: str) -> None:
        self.press(tool, self.page.locator(".anirec-tools"))
        self.page.wait_for_selector(".anirec-panel")

    def choose(self, option: str, control) -> None:
        """Choose from a drop-down."""
        self.after(lambda: control.select_option(label=option))

    def field(self, label: str):
        return self.page.locator(".anirec-panel").get_by_label(label, exact=True)
