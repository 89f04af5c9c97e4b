// What the visitor sees and does. The list is a Map of rows of the catalogue to entries, in the
// order they were added; this browser keeps it by id.

const MATCHES = 7;
const [SHOWN, LATEST, MORE_ROWS] = [10, 5, 20];
const MOST_BYTES = 8 * 2 ** 20;
const MOST_UNPACKED = 32 * 2 ** 20;
const MOST_ENTRIES = 20000;
const MAL_STATUSES = {
  watching: "watching", 1: "watching", completed: "completed", 2: "completed",
  "on-hold": "on_hold", onhold: "on_hold", "on hold": "on_hold", 3: "on_hold",
  dropped: "dropped", 4: "dropped",
  "plan to watch": "plan_to_watch", plantowatch: "plan_to_watch", 6: "plan_to_watch",
};
const NOTHING = { rating: null, liked: null, status: null };
const part = (id) => document.getElementById(id);

// An element with a text and children; text never becomes markup.
function made(kind, { text = "", name = "", ...attributes } = {}, ...children) {
  const element = document.createElement(kind);
  element.textContent = text;
  element.className = name;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function pressable(text, action, pressed = null) {
  const element = made("button", { text, type: "button" });
  if (pressed !== null) element.setAttribute("aria-pressed", pressed);
  element.addEventListener("click", action);
  return element;
}

class Page {
  constructor(recommender) {
    this.recommender = recommender;
    this.anime = recommender.anime;
    this.search = new Search(this.anime);
    this.key = `anirec:${recommender.dataset}`;
    this.profile = this.kept();
    [this.wanted, this.rowsWanted, this.active] = [SHOWN, LATEST, 0];
    this.listen();
    this.refresh();
    this.say("");
    part("search").disabled = false;
    part("search").focus();
    part("foot").textContent = recommender.simulated
      ? "The anime here are real; the community that the recommendations come from is simulated."
      : "";
  }

  // --- the list, and where it is kept

  kept() {
    try {
      const entries = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      const known = entries.filter(([id]) => this.recommender.rowOf.has(id));
      return new Map(known.map(([id, entry]) => [this.recommender.rowOf.get(id), { ...NOTHING, ...entry }]));
    } catch {
      return new Map(); // nothing was kept, or this browser keeps nothing for files
    }
  }

  keep() {
    try {
      const entries = [...this.profile].map(([row, entry]) => [this.anime.id[row], entry]);
      localStorage.setItem(this.key, JSON.stringify(entries));
    } catch {
      this.say("This browser keeps nothing for this page: your list lasts as long as it is open.");
    }
  }

  set(row, changes) {
    this.profile.set(row, { ...(this.profile.get(row) ?? NOTHING), ...changes });
    this.changed();
  }

  remove(row) {
    this.profile.delete(row);
    this.changed();
  }

  changed() {
    this.say("");
    this.keep();
    this.wanted = SHOWN;
    this.refresh();
  }

  say(text, isError = false) {
    part("said").textContent = text;
    part("said").className = isError ? "error" : "";
  }

  // --- searching

  listen() {
    const field = part("search");
    field.addEventListener("input", () => this.showMatches());
    field.addEventListener("keydown", (event) => this.pressed(event));
    part("more").addEventListener("click", () => this.showMore());
    part("more-rows").addEventListener("click", () => {
      this.rowsWanted += MORE_ROWS;
      this.showList();
    });
    part("import").addEventListener("change", (event) => this.import(event.target.files[0]));
    part("delete").addEventListener("click", () => this.deleteAll());
  }

  showMatches() {
    const text = part("search").value;
    this.found = this.search.find(text, MATCHES);
    this.active = 0;
    part("matches").replaceChildren(
      ...this.found.map((row, place) => {
        const option = made("li", { text: this.matchName(row), role: "option", id: `match-${place}` });
        option.addEventListener("click", () => this.pick(place));
        return option;
      }),
    );
    this.mark();
    this.say(text.trim() && !this.found.length ? `No anime is called anything like “${text}”.` : "");
  }

  mark() {
    const options = [...part("matches").children];
    part("matches").hidden = !options.length;
    part("search").setAttribute("aria-expanded", options.length > 0);
    part("search").removeAttribute("aria-activedescendant");
    options.forEach((option, place) => {
      option.setAttribute("aria-selected", place === this.active);
      if (place === this.active) part("search").setAttribute("aria-activedescendant", option.id);
    });
  }

  pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found?.length) {
      event.preventDefault();
      this.active = (this.active + step + this.found.length) % this.found.length;
      this.mark();
    } else if (event.key === "Enter" && this.found?.length) {
      event.preventDefault();
      this.pick(this.active);
    } else if (event.key === "Escape") {
      this.clear();
    }
  }

  pick(place) {
    const row = this.found[place];
    this.clear();
    if (this.profile.has(row)) this.say(`${this.anime.title[row]} is on your list.`);
    else this.set(row, { liked: true });
    part("search").focus();
  }

  clear() {
    part("search").value = "";
    this.found = [];
    part("matches").replaceChildren();
    this.mark();
  }

  matchName(row) {
    const { title, english, type, year } = this.anime;
    const other = english[row] && english[row] !== title[row] ? ` / ${english[row]}` : "";
    const facts = [type[row], year[row]].filter(Boolean).join(", ");
    return `${title[row]}${other}${facts ? ` (${facts})` : ""}${this.profile.has(row) ? " ✓" : ""}`;
  }

  // --- showing

  refresh() {
    this.showList();
    this.showResults();
  }

  showList() {
    const latest = [...this.profile].reverse();
    part("list").hidden = !latest.length;
    part("count").textContent = latest.length === 1 ? "1 title" : `${latest.length} titles`;
    part("rows").replaceChildren(...latest.slice(0, this.rowsWanted).map(([row, entry]) => this.listRow(row, entry)));
    const left = latest.length - this.rowsWanted;
    part("more-rows").hidden = left <= 0;
    part("more-rows").textContent = `Show ${Math.min(left, MORE_ROWS)} more of ${latest.length}`;
  }

  listRow(row, entry) {
    const title = this.anime.title[row];
    const rating = made("select", { "aria-label": `Your rating of ${title}` });
    rating.append(made("option", { text: "Rate", value: "" }));
    for (let value = 10; value > 0; value--) rating.append(made("option", { text: `★ ${value}`, value }));
    rating.value = entry.rating === null ? "" : String(Math.round(entry.rating));
    rating.addEventListener("change", () => this.set(row, { rating: Number(rating.value) || null, liked: null }));
    const thumb = (liked) => this.set(row, { liked: entry.liked === liked ? null : liked });
    const planned = entry.status === "plan_to_watch" ? " (planned)" : "";
    return made("li", {},
      made("span", { text: title + planned, name: "name" }),
      rating,
      pressable("♥ Like", () => thumb(true), entry.liked === true),
      pressable("Not for me", () => thumb(false), entry.liked === false),
      pressable("Remove", () => this.remove(row)));
  }

  showResults() {
    const found = this.recommender.recommend(this.profile, this.wanted);
    part("results").hidden = !found.length;
    part("more").hidden = found.length < this.wanted;
    const best = found[0]?.match || 1;
    part("cards").replaceChildren(...found.map((one, place) => this.card(one, place, best)));
    if (this.profile.size && !found.length) this.say("Add a title that you have seen and like.");
  }

  showMore() {
    const before = part("cards").children.length;
    this.wanted += SHOWN;
    this.showResults();
    part("cards").children[before]?.querySelector("summary, button")?.focus();
  }

  card({ row, match, because, terms }, place, best) {
    const { title, english, type, year, episodes, score, genreNames } = this.anime;
    const other = english[row] && english[row] !== title[row] ? [made("p", { text: english[row], name: "soft" })] : [];
    const facts = [type[row], year[row], episodes[row] && `${episodes[row]} ep.`].filter(Boolean).join(" · ");
    const signed = (term) => `${term < 0 ? "−" : "+"}${Math.abs(term).toFixed(2)}`;
    const why = because ? `${because[0].toUpperCase()}${because.slice(1)}.` : "";
    const rows = terms.filter(([, term]) => term !== 0).map(([from, term]) =>
      made("tr", {}, made("td", { text: title[from] }), made("td", { text: signed(term) })));
    const details = made("details", {},
      made("summary", { text: `All that counts: ${signed(match)}, ${Math.round((100 * match) / best)} % of the best` }),
      made("table", {}, made("tbody", {}, ...rows)));
    return made("li", {},
      made("h3", { text: `${place + 1}. ${title[row]}` }),
      ...other,
      made("p", { text: facts, name: "soft" }),
      made("div", { name: "genres" }, ...this.anime.genres[row].map((g) => made("span", { text: genreNames[g] }))),
      made("p", { text: score[row] ? `★ ${score[row].toFixed(2)}` : "", name: "numbers" }),
      made("p", { text: why, name: "because" }),
      ...(rows.length ? [details] : []),
      made("div", { name: "actions" },
        pressable("Seen it", () => this.set(row, { status: "completed" })),
        pressable("Plan", () => this.set(row, { status: "plan_to_watch" })),
        pressable("Not for me", () => this.set(row, { liked: false }))));
  }

  // --- importing and deleting

  async import(file) {
    if (!file) return;
    try {
      const { entries, unknown } = this.entriesOf(await textOf(file));
      for (const [row, entry] of entries) this.profile.set(row, entry);
      this.changed();
      this.say(`${entries.length} titles taken from ${file.name}; ${unknown} are not in this catalogue.`);
    } catch (error) {
      this.say(`${file.name}: ${error.message}`, true);
    }
    part("import").value = "";
  }

  entriesOf(text) {
    const list = new DOMParser().parseFromString(text, "text/xml");
    if (list.querySelector("parsererror") || list.documentElement.tagName !== "myanimelist") {
      throw new Error("this is no MyAnimeList export: choose the .xml or .xml.gz file that it saves");
    }
    const nodes = [...list.getElementsByTagName("anime")];
    if (nodes.length > MOST_ENTRIES) throw new Error(`a list holds at most ${MOST_ENTRIES} entries`);
    const rowOf = new Map(this.anime.malId.map((id, row) => [id, row]));
    const entries = [];
    for (const node of nodes) {
      const value = (name) => node.getElementsByTagName(name)[0]?.textContent.trim() ?? "";
      const row = rowOf.get(Number(value("series_animedb_id")));
      const rating = Number(value("my_score"));
      const status = MAL_STATUSES[value("my_status").toLowerCase()] ?? "unknown";
      if (row !== undefined) entries.push([row, { rating: rating >= 1 && rating <= 10 ? rating : null, liked: null, status }]);
    }
    return { entries, unknown: nodes.length - entries.length };
  }

  deleteAll() {
    this.profile.clear();
    this.changed();
    try {
      localStorage.removeItem(this.key);
    } catch {
      // nothing was kept
    }
    this.say("Deleted: nothing of your list is kept any more.");
    part("search").focus();
  }
}

// A file's text, unpacked if it was compressed; whoever packs a mountain into it is refused.
async function textOf(file) {
  if (file.size > MOST_BYTES) throw new Error("the file is larger than 8 MB: no list is");
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return file.text();
  const chunks = [];
  let size = 0;
  try {
    const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
      size += value.length;
      if (size > MOST_UNPACKED) throw new RangeError("its content is larger than 32 MB: no list is");
      chunks.push(value);
    }
  } catch (error) {
    throw new Error(error instanceof RangeError ? error.message : "the compressed file is damaged");
  }
  return new Blob(chunks).text();
}

inflated(part("data").textContent).then(
  (buffer) => { window.page = new Page(new Recommender(unpack(buffer))); },
  () => { part("said").textContent = "This browser is too old for this page: it cannot unpack it."; },
);
