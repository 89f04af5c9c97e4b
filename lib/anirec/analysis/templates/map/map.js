// A map of all anime on a canvas: hover tells, search highlights, a click shows the nearest.
// Places are kept in the data's own units; `view` says which of them are seen, and how large.

const MATCHES = 8;
const FAINT = 0.12;
const LABELS_TO = 2.5; // beyond this zoom clusters are not named any more: single titles are
const TITLES = 40;
const part = (id) => document.getElementById(id);

function made(kind, { text = "", name = "", ...attributes } = {}, ...children) {
  const element = document.createElement(kind);
  element.textContent = text;
  element.className = name;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

class AnimeMap {
  constructor(anime) {
    this.anime = anime;
    this.n = anime.title.length;
    this.canvas = part("map");
    this.pen = this.canvas.getContext("2d");
    this.view = { zoom: 1, x: anime.steps / 2, y: anime.steps / 2 };
    [this.chosen, this.hovered, this.kind, this.found] = [null, null, null, null];
    this.names = anime.title.map((title, i) => plain(`${title ?? ""} ${anime.english[i] ?? ""}`));
    this.radius = this.radii();
    this.order = [...Array(this.n).keys()].sort((a, b) => this.radius[a] - this.radius[b]);
    this.centres = anime.kinds.map((_, kind) => this.centre(kind));
    this.buttons();
    this.listen();
    this.searching();
    part("search").disabled = false;
    this.resize();
  }

  radii() {
    const ranked = [...Array(this.n).keys()].sort((a, b) => (this.anime.members[a] ?? 0) - (this.anime.members[b] ?? 0));
    const radius = new Float32Array(this.n);
    ranked.forEach((row, place) => { radius[row] = 1.3 + 4.5 * (place / this.n) ** 8; });
    return radius;
  }

  centre(kind) {
    const rows = [...Array(this.n).keys()].filter((row) => this.anime.kind[row] === kind);
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
    return { x: middle(rows.map((r) => this.anime.x[r])), y: middle(rows.map((r) => this.anime.y[r])) };
  }

  // --- what is seen

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = window.devicePixelRatio || 1;
    [this.canvas.width, this.canvas.height] = [clientWidth * this.ratio, clientHeight * this.ratio];
    this.draw();
  }

  // Pixels per unit across and up: the map fills the canvas, whatever its shape.
  get scale() {
    const { clientWidth, clientHeight } = this.canvas;
    const share = (0.92 / this.anime.steps) * this.view.zoom;
    return [share * clientWidth, share * clientHeight];
  }

  onScreen(row) {
    return this.place(this.anime.x[row], this.anime.y[row]);
  }

  place(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    const [across, up] = this.scale;
    return [clientWidth / 2 + (x - this.view.x) * across, clientHeight / 2 - (y - this.view.y) * up];
  }

  zoomBy(factor, at = null) {
    const { clientWidth, clientHeight } = this.canvas;
    const [left, top] = at ?? [clientWidth / 2, clientHeight / 2];
    const before = this.scale;
    this.view.zoom = Math.min(60, Math.max(0.8, this.view.zoom * factor));
    const after = this.scale;
    this.view.x += (left - clientWidth / 2) * (1 / before[0] - 1 / after[0]);
    this.view.y -= (top - clientHeight / 2) * (1 / before[1] - 1 / after[1]);
    this.later();
  }

  moveBy(left, top) {
    const [across, up] = this.scale;
    const inside = (value) => Math.min(this.anime.steps, Math.max(0, value));
    this.view.x = inside(this.view.x - left / across);
    this.view.y = inside(this.view.y + top / up);
    this.later();
  }

  showAll() {
    this.view = { zoom: 1, x: this.anime.steps / 2, y: this.anime.steps / 2 };
    this.later();
  }

  later() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  bright() {
    if (this.found) return this.found;
    if (this.chosen !== null) return new Set([this.chosen, ...this.anime.near[this.chosen]]);
    if (this.kind === null) return null;
    return { has: (row) => this.anime.kind[row] === this.kind };
  }

  draw() {
    const { pen, anime } = this;
    const { clientWidth, clientHeight } = this.canvas;
    const { color, backgroundColor } = getComputedStyle(this.canvas);
    [this.text, this.page] = [color, backgroundColor];
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, clientWidth, clientHeight);
    const bright = this.bright();
    const grown = Math.min(3, this.view.zoom ** 0.45);
    const larger = this.found || this.chosen !== null ? 1.5 : 1;
    for (const lit of bright ? [false, true] : [true]) {
      for (const row of this.order) {
        if (bright && bright.has(row) !== lit) continue;
        const [left, top] = this.onScreen(row);
        if (left < -9 || top < -9 || left > clientWidth + 9 || top > clientHeight + 9) continue;
        pen.globalAlpha = lit ? 0.8 : FAINT;
        pen.fillStyle = anime.colours[anime.kind[row]];
        pen.beginPath();
        pen.arc(left, top, this.radius[row] * grown * (lit ? larger : 1), 0, 7);
        pen.fill();
      }
    }
    pen.globalAlpha = 1;
    this.label(bright);
    for (const [row, width] of [[this.chosen, 3], [this.hovered, 1.5]]) if (row !== null) this.ring(row, width, grown);
  }

  ring(row, width, grown) {
    const [left, top] = this.onScreen(row);
    this.pen.lineWidth = width;
    this.pen.strokeStyle = this.text;
    this.pen.beginPath();
    this.pen.arc(left, top, this.radius[row] * grown * 1.5 + 3, 0, 7);
    this.pen.stroke();
  }

  label(bright) {
    const taken = [];
    if (this.chosen !== null || this.found) {
      const rows = this.chosen !== null ? [this.chosen, ...this.anime.near[this.chosen]] : [...this.found].slice(0, TITLES);
      for (const row of rows) this.write(this.anime.title[row] ?? "", ...this.onScreen(row), 12, taken, 14);
      return;
    }
    if (this.view.zoom < LABELS_TO) {
      this.anime.kinds.forEach((name, kind) => {
        if (this.kind === null || this.kind === kind) this.write(name, ...this.place(this.centres[kind].x, this.centres[kind].y), 13, taken, 0, true);
      });
      return;
    }
    const { clientWidth, clientHeight } = this.canvas;
    let written = 0;
    for (let place = this.n - 1; place >= 0 && written < TITLES; place -= 1) {
      const row = this.order[place];
      const [left, top] = this.onScreen(row);
      if (left < 0 || top < 0 || left > clientWidth || top > clientHeight || (bright && !bright.has(row))) continue;
      if (this.write(this.anime.title[row] ?? "", left, top, 11, taken, 12)) written += 1;
    }
  }

  // Write a name where it hides no other; names of clusters move up or down until they fit.
  write(text, left, top, size, taken, above, bold = false) {
    const { pen } = this;
    const { clientWidth, clientHeight } = this.canvas;
    pen.font = `${bold ? "600 " : ""}${size}px system-ui, sans-serif`;
    const shown = text.length > 44 ? `${text.slice(0, 43)}…` : text;
    const width = pen.measureText(shown).width;
    const from = Math.min(clientWidth - width - 4, Math.max(4, left - width / 2));
    for (const off of bold ? [0, 18, -18, 36, -36, 54, -54] : [0]) {
      const line = top - above + off;
      const box = [from - 3, line - size, from + width + 3, line + 5];
      if (box[1] < 0 || box[3] > clientHeight) continue;
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      taken.push(box);
      pen.lineWidth = 4;
      pen.lineJoin = "round";
      pen.strokeStyle = this.page;
      pen.strokeText(shown, from, line);
      pen.fillStyle = this.text;
      pen.fillText(shown, from, line);
      return true;
    }
    return false;
  }

  // --- what is said of an anime

  facts(row) {
    const { type, year, score, members } = this.anime;
    const scored = score[row] === null ? "no score" : `score ${score[row]}`;
    const known = members[row] === null ? null : `${members[row].toLocaleString("en")} members`;
    return [type[row], year[row], scored, known].filter((fact) => fact !== null).join(" · ");
  }

  tell(row, left, top) {
    const tip = part("tip");
    tip.hidden = row === null;
    if (row === null) return;
    tip.replaceChildren(made("strong", { text: this.anime.title[row] ?? "untitled" }), made("br"), this.facts(row));
    tip.style.left = `${Math.max(4, Math.min(left + 12, this.canvas.clientWidth - tip.offsetWidth - 6))}px`;
    tip.style.top = `${Math.max(4, Math.min(top + 12, this.canvas.clientHeight - tip.offsetHeight - 6))}px`;
  }

  at(left, top, reach = 9) {
    let [best, least] = [null, reach * reach];
    for (let row = 0; row < this.n; row += 1) {
      const [x, y] = this.onScreen(row);
      const far = (x - left) ** 2 + (y - top) ** 2 - this.radius[row] ** 2;
      if (far < least) [best, least] = [row, far];
    }
    return best;
  }

  choose(row, move = false) {
    [this.chosen, this.found] = [row, null];
    const section = part("chosen");
    section.replaceChildren();
    if (row !== null) {
      if (move) {
        [this.view.x, this.view.y] = [this.anime.x[row], this.anime.y[row]];
        this.view.zoom = Math.max(this.view.zoom, 3);
      }
      const near = this.anime.near[row].map((other) => {
        const button = made("button", { type: "button" }, made("strong", { text: this.anime.title[other] ?? "untitled" }), made("br"), made("span", { name: "soft", text: this.facts(other) }));
        button.addEventListener("click", () => this.choose(other, true));
        return made("li", {}, button);
      });
      section.append(
        made("h2", { text: this.anime.title[row] ?? "untitled" }),
        made("p", { name: "soft", text: `${this.facts(row)} · ${this.anime.kinds[this.anime.kind[row]]}` }),
        made("p", { text: "Nearest to it:" }),
        made("ol", {}, ...near),
      );
    }
    this.later();
  }

  // --- the hand, the finger, the keyboard

  buttons() {
    this.anime.kinds.forEach((name, kind) => {
      const dot = made("i");
      dot.style.background = this.anime.colours[kind];
      const button = made("button", { type: "button", "aria-pressed": "false" }, dot, name);
      button.addEventListener("click", () => {
        this.kind = this.kind === kind ? null : kind;
        [...part("kinds").children].forEach((other, place) => other.setAttribute("aria-pressed", place === this.kind));
        this.choose(null);
      });
      part("kinds").append(button);
    });
    part("in").addEventListener("click", () => this.zoomBy(1.6));
    part("out").addEventListener("click", () => this.zoomBy(1 / 1.6));
    part("all").addEventListener("click", () => { this.choose(null); this.showAll(); });
  }

  listen() {
    const { canvas } = this;
    const fingers = new Map();
    let moved = 0;
    const within = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    const span = () => { const [a, b] = [...fingers.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, within(event)); moved = fingers.size > 1 ? 99 : 0; });
    canvas.addEventListener("pointermove", (event) => {
      const [now, before] = [within(event), fingers.get(event.pointerId)];
      if (!before) {
        this.hovered = this.at(...now);
        this.tell(this.hovered, ...now);
        this.later();
        return;
      }
      const was = fingers.size > 1 ? span() : 0;
      fingers.set(event.pointerId, now);
      moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (moved < 4) return;
      if (fingers.size > 1) this.zoomBy(span() / Math.max(was, 1), now);
      else this.moveBy(now[0] - before[0], now[1] - before[1]);
      this.tell(null);
    });
    const lift = (event) => {
      const at = fingers.get(event.pointerId);
      fingers.delete(event.pointerId);
      if (event.type === "pointerup" && at && moved < 4) {
        const row = this.at(...at, event.pointerType === "touch" ? 22 : 9);
        this.choose(row);
        this.tell(row, ...at);
      }
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("pointerleave", () => { this.hovered = null; this.tell(null); this.later(); });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.zoomBy(Math.exp(-event.deltaY / 400), within(event)); }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 60;
      const doing = {
        ArrowLeft: () => this.moveBy(step, 0), ArrowRight: () => this.moveBy(-step, 0),
        ArrowUp: () => this.moveBy(0, step), ArrowDown: () => this.moveBy(0, -step),
        "+": () => this.zoomBy(1.6), "=": () => this.zoomBy(1.6), "-": () => this.zoomBy(1 / 1.6),
        0: () => this.showAll(),
        Enter: () => this.choose(this.at(canvas.clientWidth / 2, canvas.clientHeight / 2, 1e4)),
        Escape: () => { this.choose(null); this.tell(null); },
      }[event.key];
      if (!doing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      doing();
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  // --- the search

  matching(text) {
    const words = plain(text).split(" ").filter(Boolean);
    if (!words.length) return [];
    const rows = [];
    for (let place = this.n - 1; place >= 0; place -= 1) {
      const row = this.order[place];
      if (words.every((word) => this.names[row].includes(word))) rows.push(row);
    }
    const start = words.join(" ");
    return [...rows.filter((row) => this.names[row].startsWith(start)), ...rows.filter((row) => !this.names[row].startsWith(start))];
  }

  searching() {
    const [field, list] = [part("search"), part("matches")];
    let [rows, active] = [[], 0];
    const mark = () => {
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", place === active));
      if (rows.length) field.setAttribute("aria-activedescendant", `match-${active}`);
      else field.removeAttribute("aria-activedescendant");
    };
    const close = () => { list.hidden = true; field.setAttribute("aria-expanded", "false"); };
    const take = (row) => { field.value = this.anime.title[row] ?? ""; close(); this.choose(row, true); };
    const look = () => {
      const all = this.matching(field.value);
      [rows, active] = [all.slice(0, MATCHES), 0];
      list.replaceChildren(...rows.map((row, place) => {
        const item = made("li", { role: "option", id: `match-${place}`, text: `${this.anime.title[row] ?? "untitled"} (${this.facts(row)})` });
        item.addEventListener("pointerdown", (event) => { event.preventDefault(); take(row); });
        return item;
      }));
      list.hidden = !rows.length;
      field.setAttribute("aria-expanded", String(!list.hidden));
      this.choose(null);
      this.found = all.length ? new Set(all) : null;
      mark();
      this.later();
    };
    field.addEventListener("input", look);
    field.addEventListener("blur", close);
    field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        active = (active + (event.key === "ArrowDown" ? 1 : -1) + rows.length) % Math.max(rows.length, 1);
        mark();
      } else if (event.key === "Enter" && rows.length) take(rows[active]);
      else if (event.key === "Escape") { field.value = ""; look(); }
    });
  }
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

unpacked(part("data").textContent).then(
  (anime) => { window.map = new AnimeMap(anime); },
  () => { part("keys").textContent = "This browser is too old for this page: it cannot unpack it."; },
);
