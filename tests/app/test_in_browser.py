"""The page in a real browser: what a fan does, from the first title to a kernel that dies."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from serving import ARTIFACTS, HOSTILE, Site
from visitor import FIELD, Visitor

from anirec.catalogue.filters import ALL, UNKNOWN, Filters
from anirec.lists import to_xml
from anirec.profiles import Entry, Profile, ProfileStore
from anirec.recommender import AnimeRecommender

LIKED = ("fulmetal alchemist", "steins gate", "one peice")
"""As somebody types them: two with a typo, one without its semicolon."""

TITLES = ("Fullmetal Alchemist", "Steins;Gate", "One Piece")


@pytest.fixture(scope="module")
def recommender(site: Site) -> AnimeRecommender:
    """The engine behind the page, to compare with."""
    return AnimeRecommender.load(site.paths)


@pytest.fixture
def visitor(new_visitor) -> Visitor:
    return Visitor(new_visitor())


@pytest.fixture
def fan(new_visitor, site: Site, recommender: AnimeRecommender) -> Visitor:
    """A visitor who comes back to a list of three titles."""
    entries = {recommender.resolve(title): Entry(liked=True) for title in TITLES}
    _, token = ProfileStore(site.profiles).create(Profile(entries))
    return Visitor(new_visitor(f"{site.url}?profile={token}"))


def shot(visitor: Visitor, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    visitor.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


def titles(frame) -> list[str]:
    return frame["title"].tolist()


def test_search_with_a_typo_add_three_rate_one_get_ten(visitor, recommender):
    assert visitor.cards == []
    assert visitor.matches("one peice")[0].startswith("One Piece")
    for text in LIKED:
        visitor.add(text)
    assert visitor.list == ["One Piece", "Steins;Gate", "Fullmetal Alchemist"]
    visitor.choose("★ 10", visitor.row("Steins;Gate").get_by_label("Your rating of Steins;Gate"))
    ids = [recommender.resolve(title) for title in reversed(visitor.list)]
    wanted = Profile({ids[0]: Entry(liked=True), ids[1]: Entry(10), ids[2]: Entry(liked=True)})
    assert len(visitor.cards) == 10
    assert visitor.cards == titles(recommender.new_to_you(wanted, k=10))
    visitor.shelf("For you, all parts")
    assert visitor.cards == titles(recommender.recommend(wanted, k=10))
    assert not set(visitor.cards) & set(visitor.list)
    first = visitor.page.locator(".anirec-card").first
    assert "Because you liked" in first.inner_text()
    assert re.search(r"★ \d\.\d\d", first.inner_text())
    visitor.after(first.locator("summary").click)
    assert first.locator("details table").first.is_visible()
    assert "community that the recommendations come from is simulated" in visitor.page.content()
    shot(visitor, "desktop")


def test_more_shows_ten_more_and_keeps_the_first(fan):
    before = fan.cards
    fan.press("Show more")
    assert fan.cards[:10] == before
    assert len(fan.cards) == 20


def test_a_disliked_title_changes_the_list_and_undo_brings_it_back(fan):
    before = fan.cards
    fan.press("Less like this", fan.card(before[0]))
    assert before[0] not in fan.cards
    assert len(fan.cards) == 10
    assert fan.list[0] == before[0]
    fan.press("Undo")
    assert fan.cards == before


def test_seen_and_add_put_a_card_on_the_list_at_once(fan):
    seen, planned = fan.cards[:2]
    fan.press("Seen it", fan.card(seen))
    fan.press("Plan", fan.card(planned))
    assert fan.list[:2] == [planned, seen]
    assert not {seen, planned} & set(fan.cards)
    chosen = "select => select.selectedOptions[0].label"
    status = fan.row(planned).locator(".anirec-status")
    assert status.evaluate(chosen) == "Planned"


def test_sequels_are_hidden_unless_asked_for(visitor, recommender):
    visitor.add("fulmetal alchemist")
    visitor.shelf("For you, all parts")
    profile = {recommender.resolve("Fullmetal Alchemist"): Entry(liked=True)}
    assert visitor.cards == titles(recommender.recommend(profile, k=10))
    visitor.open("Filters")
    rule = visitor.field("Sequels and franchises")
    visitor.choose("hide franchises already known", rule)
    unknown = titles(recommender.recommend(profile, k=10, filters=Filters(franchises=UNKNOWN)))
    assert visitor.cards == unknown
    assert not any("Fullmetal" in title for title in unknown)
    visitor.choose("show every part", rule)
    assert visitor.cards == titles(
        recommender.recommend(profile, k=10, filters=Filters(franchises=ALL))
    )
    shot(visitor, "filters")


def test_keyboard_alone_is_enough(visitor):
    keyboard = visitor.page.keyboard
    visitor.page.focus(FIELD)
    visitor.after(lambda: keyboard.type("steins gate", delay=30))
    visitor.after(lambda: keyboard.press("Enter"))
    assert visitor.list == ["Steins;Gate"]
    assert visitor.page.evaluate("document.activeElement.matches('.anirec-search')")
    visitor.after(lambda: keyboard.type("one pie", delay=30))
    keyboard.press("ArrowDown")
    chosen = visitor.page.locator("[role=option][aria-selected=true]")
    assert chosen.inner_text().startswith("One Piece")
    visitor.after(lambda: keyboard.press("Enter"))
    assert visitor.list == ["One Piece", "Steins;Gate"]
    visitor.after(lambda: keyboard.type("nar", delay=30))
    keyboard.press("Escape")
    assert visitor.page.input_value(FIELD) == ""
    assert not visitor.page.locator("[role=listbox]").is_visible()
    assert len(visitor.cards) == 10


def upload(visitor: Visitor, name: str, content: bytes) -> None:
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.get_by_label("Import a list").click()
    chooser.value.set_files({"name": name, "mimeType": "text/xml", "buffer": content})


def test_import_of_an_export_of_500_entries(visitor, recommender):
    known = recommender.model("popularity").anime_ids_[:500]
    entries = {int(a): Entry(rating=5 + i % 6, status="completed") for i, a in enumerate(known)}
    visitor.open("Import and save")
    export = to_xml(Profile(entries), recommender.catalogue).encode()
    visitor.after(lambda: upload(visitor, "list.xml", export), said="500 titles")
    assert len(visitor.list) == 5
    visitor.press("more of 500")
    assert len(visitor.list) == 25
    assert visitor.cards == titles(recommender.new_to_you(entries, k=10))


def test_a_file_that_is_no_list_is_refused_in_one_line(fan):
    before = fan.list
    fan.open("Import and save")
    fan.after(
        lambda: upload(fan, "list.xml", b"<html><body>not found</body></html>"), said="export"
    )
    alert = fan.page.locator(".anirec [role=alert]")
    assert "Traceback" not in alert.inner_text()
    assert fan.list == before


def test_what_is_saved_can_be_imported_again(fan, new_visitor):
    fan.open("Import and save")
    with fan.page.expect_download() as download:
        fan.page.get_by_text("Save list (CSV)").click()
    content = Path(download.value.path()).read_bytes()
    other = Visitor(new_visitor())
    other.open("Import and save")
    other.after(lambda: upload(other, "list.csv", content), said="3 titles")
    assert sorted(other.list) == sorted(fan.list)
    with fan.page.expect_download() as download:
        fan.page.get_by_text("Save recommendations (CSV)").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 11


def test_the_link_restores_the_list_and_nobody_else_sees_it(fan, new_visitor):
    mine = fan.list
    stranger = Visitor(new_visitor())
    assert stranger.token != fan.token
    assert stranger.list == []
    again = Visitor(new_visitor(fan.page.url))
    assert again.list == mine
    fan.page.reload()
    assert Visitor(fan.page).list == mine


def test_delete_everything_leaves_nothing(fan, new_visitor):
    address = fan.page.url
    fan.open("Import and save")
    fan.press("Delete everything")
    assert len(fan.list) == 3
    fan.press("Yes, delete it")
    assert fan.list == []
    assert "This list was deleted" not in fan.page.inner_text(".anirec-keep")
    assert "The list was deleted" in fan.page.inner_text(".anirec-keep")
    fan.press("Undo")
    assert len(fan.list) == 3
    fan.press("Delete everything")
    fan.press("Yes, delete it")
    page = new_visitor(address)
    page.wait_for_selector("text=This address opens no list")
    page.get_by_text("Start a new list").click()
    assert Visitor(page).list == []


def test_tokens_are_neither_logged_nor_handed_to_other_kernels(fan, site):
    with pytest.raises(AssertionError, match="refused"):
        assert fan.page.request.get(f"{site.url}nowhere?profile={fan.token}").ok, "refused"
    assert fan.token not in site.log.read_text()
    holders = 0
    for process in site.kernels().values():
        environment = Path(f"/proc/{process}/environ").read_bytes()
        holders += fan.token.encode() in environment
    assert holders <= 1  # that of the visitor, where it was not started ahead of time


def test_text_from_data_is_shown_as_text(visitor):
    visitor.add("img src x onerror")
    assert visitor.list == [HOSTILE]
    reasons = visitor.texts(".anirec-because")
    visitor.shelf("For you, all parts")
    assert any(HOSTILE in reason for reason in visitor.texts(".anirec-because")), reasons
    assert visitor.page.evaluate("window.hacked") is None
    assert visitor.page.locator(".anirec img").count() == 0


def test_links_out_and_headers_give_nothing_away(fan, site):
    link = fan.page.locator(".anirec-card h3 a").first
    assert link.get_attribute("href").startswith("https://myanimelist.net/anime/")
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert link.get_attribute("target") == "_blank"
    headers = fan.page.request.get(fan.page.url).headers
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "https:" not in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    blocked = """async () => {
        try { await fetch('https://example.org/'); return false; } catch { return true; }
    }"""
    assert fan.page.evaluate(blocked)


def test_cover_images_are_shown_only_where_switched_on(fan):
    assert fan.page.locator("img.anirec-cover").count() == 0
    fan.open("Import and save")
    asked = []

    def answer(route):
        asked.append(route.request)
        route.fulfill(status=200, content_type="image/svg+xml", body=COVER)

    fan.page.context.route("https://cdn.myanimelist.net/**", answer)
    fan.page.get_by_role("link", name="Show cover images").click()
    fan.page.wait_for_url("**images=1**")
    shown = Visitor(fan.page)
    assert shown.list == fan.list
    assert shown.page.locator("img.anirec-cover").count() == 10
    policy = fan.page.request.get(fan.page.url).headers["content-security-policy"]
    assert "img-src 'self' data: https://cdn.myanimelist.net;" in policy
    assert all("referer" not in request.headers for request in asked)


COVER = "<svg xmlns='http://www.w3.org/2000/svg' width='2' height='3'/>"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_scrolling_sideways(new_visitor, scheme):
    phone = Visitor(new_visitor(width=380, color_scheme=scheme, has_touch=True))
    for text in LIKED[:2]:
        phone.add(text)
    first = phone.page.locator(".anirec-card").first.bounding_box()
    assert first["y"] < 500, "what is recommended comes first, the list is folded below"
    assert not phone.page.locator(".anirec-rows").is_visible()
    phone.page.get_by_role("heading", name="Your list").click()
    phone.open("Filters")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 380
    wide = """() => [...document.querySelectorAll('.anirec *')].filter(
        e => e.getClientRects().length && e.getBoundingClientRect().right > 380.5 &&
        !e.closest(".anirec-shelves")).length"""
    assert phone.page.evaluate(wide) == 0
    shot(phone, f"phone-{scheme}")


def test_a_dead_kernel_is_told_and_one_click_brings_the_list_back(fan, site):
    before = fan.list, fan.cards
    config = fan.page.locator("#jupyter-config-data").text_content()
    kernel = re.search(r'"kernelId": "([0-9a-f-]+)"', config)[1]
    os.kill(site.kernels()[kernel], signal.SIGKILL)
    fan.page.wait_for_selector("#lost", timeout=5_000)
    shot(fan, "dead-kernel")
    fan.page.get_by_role("button", name="Bring it back").click()
    fan.page.wait_for_selector("#lost", state="hidden")
    again = Visitor(fan.page)
    assert (again.list, again.cards) == before


def test_several_visitors_at_once_are_all_served(new_visitor):
    pages = [new_visitor() for _ in range(5)]
    visitors = [Visitor(page) for page in pages]
    assert len({visitor.token for visitor in visitors}) == 5
    for number, visitor in enumerate(visitors):
        visitor.add(LIKED[number % 3])
        assert len(visitor.cards) == 10


@pytest.mark.parametrize(("ms", "n"), [(60, 10), (150, 5)])
def test_titles_typed_one_after_another_are_all_taken(visitor, recommender, ms, n):
    """Nothing is overtaken: the field is the browser's, and Enter says the whole text."""
    known = recommender.anime.nlargest(60, "members")["title"]
    wanted = [t for t in known if t.isascii() and len(t) < 22 and "img" not in t][:n]
    visitor.page.focus(FIELD)
    keyboard = visitor.page.keyboard

    def type_all() -> None:
        for title in wanted:
            keyboard.type(title, delay=ms)
            keyboard.press("Enter")

    visitor.after(type_all)
    if n > 5:
        visitor.press("more of 10")
    assert sorted(visitor.list) == sorted(wanted)


def test_a_second_click_never_hits_another_title(fan):
    first = fan.card(fan.cards[0])
    button = first.get_by_role("button", name="Less like this")
    place = button.bounding_box()
    before = fan.cards[0]

    def twice() -> None:
        fan.page.mouse.click(place["x"] + 8, place["y"] + 8)
        fan.page.wait_for_timeout(250)
        fan.page.mouse.click(place["x"] + 8, place["y"] + 8)

    fan.after(twice)
    fan.page.wait_for_timeout(400)
    fan.answered()
    assert len(fan.list) == 4
    assert fan.list[0] == before


def test_a_weak_match_is_offered_and_not_taken(visitor):
    visitor.enter("the alchemist of steel")
    assert visitor.list == []
    offer = visitor.page.locator(".anirec-offer")
    assert "Nothing is called exactly" in offer.inner_text()
    visitor.press("None of these", offer)
    assert offer.count() == 0


def test_a_list_is_offered_to_be_kept_and_found_again(visitor, site):
    assert visitor.page.locator(".anirec-keep").count() == 0
    visitor.add("steins gate")
    keep = visitor.page.locator(".anirec-keep")
    assert "kept under this page's address" in keep.inner_text()
    keep.get_by_role("button", name="Remember it in this browser").click()
    token = visitor.token
    visitor.page.goto(site.url, wait_until="commit")
    visitor.page.wait_for_url(f"**profile={token}*")
    again = Visitor(visitor.page)
    assert again.list == ["Steins;Gate"]
    again.page.get_by_role("button", name="Forget it in this browser").click()
    again.page.goto(site.url, wait_until="commit")
    assert Visitor(again.page).list == []


def test_what_somebody_prefers_is_kept_by_their_browser(fan):
    fan.open("Import and save")
    fan.after(fan.page.get_by_label("English titles first").check)
    fan.page.reload()
    again = Visitor(fan.page)
    again.page.wait_for_function("() => document.querySelector('.anirec').dataset.pending === '0'")
    again.open("Import and save")
    assert again.page.get_by_label("English titles first").is_checked()


def test_tabs_follow_each_other(fan):
    page = fan.page.context.new_page()
    page.goto(fan.page.url, wait_until="commit")
    other = Visitor(page)
    other.add("one punch man")
    fan.page.wait_for_selector(".anirec-row-name:has-text('One Punch Man')")
    assert fan.list == other.list
    fan.press("Remove One Punch Man")
    page.wait_for_selector(".anirec-row-name:has-text('One Punch Man')", state="detached")


def test_a_file_that_is_too_large_is_refused_in_the_browser(fan, tmp_path):
    fan.open("Import and save")
    with fan.page.expect_file_chooser() as chooser:
        fan.page.get_by_label("Import a list").click()
    big = tmp_path / "big.xml"
    big.write_bytes(b"x" * 40_000_000)
    chooser.value.set_files(big)
    fan.page.wait_for_selector("[role=alert]:has-text('40 MB')")
    export = b"title,rating\nOne Punch Man,9\n"
    fan.after(lambda: upload(fan, "list.csv", export))
    fan.press("Merge it into your list")
    assert "One Punch Man" in fan.list


def test_offline_for_seconds_recovers_by_itself(fan):
    before = fan.list
    fan.page.context.set_offline(True)
    fan.page.wait_for_timeout(1_500)
    fan.page.context.set_offline(False)
    fan.add("one punch man")
    assert fan.list == ["One Punch Man", *before]
    assert not fan.page.locator("#lost").is_visible()


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (390, "dark")], ids=["desktop", "phone"]
)
def test_nothing_serious_stands_in_anybodys_way(new_visitor, width, scheme):
    """axe finds no serious violation in any state."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visitor = Visitor(new_visitor(width=width, color_scheme=scheme))

    def check(state: str) -> None:
        violations = axe.run(visitor.page, context=".anirec").response["violations"]
        serious = [
            (state, one["id"], one["nodes"][0]["html"][:120])
            for one in violations
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []

    check("empty")
    visitor.matches("steins")
    check("searching")
    visitor.enter("steins gate")
    visitor.enter("the alchemist of steel")
    if width < 700:
        visitor.page.get_by_role("heading", name="Your list").click()
    check("a list")
    for tool in ("Filters", "Import and save", "How well it", "Where is", "For two or more"):
        visitor.open(tool)
        check(tool)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    small = """() => [...document.querySelectorAll('.anirec button')].filter(b =>
        b.getClientRects().length && b.getBoundingClientRect().height < 43.5).length"""
    assert width > 700 or visitor.page.evaluate(small) == 0
    shot(visitor, f"tools-{width}")
