// The box in the browser. What it shows is made by the kernel, as HTML in parts; what the person
// types is the browser's alone. Each control carries what was seen when it was used.

const PARTS = ["said", "found", "keep", "shelves", "results", "entries", "panels", "foot"];
const SEARCH_MS = 90; // without another keystroke, before what was typed is searched
const PATIENT_MS = 2000; // so long at most is an answer waited for before the next search
const SLOW_MS = 250; // without an answer, before the page says that it works
const SETTLED_MS = 350; // a click on what has just moved under the pointer is not meant
const SKELETON = `
<form class="anirec-find" role="search">
  <input class="anirec-search" type="text" role="combobox" aria-expanded="false" aria-autocomplete="list"
    autocomplete="off" spellcheck="false" enterkeyhint="done" maxlength="200"
    aria-label="Search for an anime" placeholder="Type an anime you like">
  <div data-part="found"></div>
</form>
<div class="anirec-bar"><div data-part="said" aria-live="polite"></div></div>
<div class="anirec-main">
  <div class="anirec-first"><nav data-part="shelves" aria-label="What is recommended"></nav>
    <section data-part="results" aria-label="Recommendations"></section></div>
  <aside class="anirec-second"><div data-part="keep"></div>
    <section data-part="entries" aria-label="Your list"></section>
    <section data-part="panels" aria-label="Tools"></section></aside>
</div>
<footer data-part="foot"></footer>`;

// --- making what is there what it should be, without losing focus, open details or typed text

function sameThing(a, b) {
  if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
  return a.nodeType !== 1 || (a.dataset.key || "") === (b.dataset.key || "");
}

function morph(from, to) {
  const wanted = [...to.childNodes];
  const keyed = new Map();
  for (const node of from.childNodes) {
    if (node.nodeType === 1 && node.dataset.key) keyed.set(node.dataset.key, node);
  }
  let at = from.firstChild;
  for (const next of wanted) {
    const key = next.nodeType === 1 ? next.dataset.key : "";
    const known = key ? keyed.get(key) : at && sameThing(at, next) && !(at.dataset && at.dataset.key) ? at : null;
    if (known && known.nodeName === next.nodeName) {
      if (known === at) at = at.nextSibling;
      else from.insertBefore(known, at);
      update(known, next);
    } else {
      from.insertBefore(next, at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function update(from, to) {
  if (from.nodeType !== 1) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value && !(name === "open" && from.nodeName === "DETAILS")) from.setAttribute(name, value);
  }
  morph(from, to);
  const typing = from === document.activeElement && from.nodeName === "INPUT" && from.type === "text";
  if (from.nodeName === "INPUT" && !typing && from.type !== "file") {
    if (from.type === "checkbox") from.checked = to.hasAttribute("checked");
    else if (!from.dataset.own) from.value = to.getAttribute("value") || "";
  }
  if (from.nodeName === "SELECT") {
    const chosen = [...from.options].findIndex((option) => option.hasAttribute("selected"));
    from.selectedIndex = Math.max(chosen, 0);
  }
}

// --- what a browser remembers, if it may

function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "anirec";
  root.innerHTML = SKELETON;
  el.appendChild(root);
  const part = (name) => root.querySelector(`[data-part=${name}]`);
  const field = root.querySelector(".anirec-search");
  const place = `anirec ${location.pathname}`;
  const token = () => new URL(location.href).searchParams.get("profile");
  const onPage = () => model.get("state").page === true;
  let sent = 0;
  let moved = 0;
  let timer = 0;
  let active = -1;

  // --- telling the kernel

  function tell(act, about = {}, buffers = []) {
    sent += 1;
    root.dataset.sent = root.dataset.pending = sent;
    setTimeout(showBusy, SLOW_MS);
    model.send({ act, n: sent, ...about }, undefined, buffers);
  }
  function showBusy() {
    const waits = model.get("answered") < sent;
    part("results").classList.toggle("anirec-busy", waits);
    root.setAttribute("aria-busy", String(waits));
    if (!waits) root.dataset.pending = 0;
  }
  const seen = (node) => Number(node.closest("[data-seen]")?.dataset.seen ?? -1);
  function about(node, value) {
    const said = { value, seen: seen(node) };
    const anime = node.closest("[data-anime]");
    if (anime) said.anime = Number(anime.dataset.anime);
    return said;
  }

  // --- showing what it answers

  function show(name) {
    const target = part(name);
    const fresh = document.createElement("div");
    fresh.innerHTML = model.get(name);
    const before = order(target);
    const held = target.contains(document.activeElement) ? document.activeElement : null;
    const was = held && { act: held.dataset.act, at: place_of(held) };
    morph(target, fresh);
    if (before && order(target) !== before) moved = performance.now();
    if (held && !target.contains(held)) refocus(target, was);
    if (name === "found") foundShown();
    if (name === "entries") foldOnPhones(target);
  }
  let folded = false;
  function foldOnPhones(target) {
    const list = target.querySelector("details");
    if (!list || folded) return;
    folded = true;
    list.open = !matchMedia("(max-width: 700px)").matches;
  }
  const order = (target) => [...target.querySelectorAll("[data-anime]")].map((n) => n.dataset.anime).join();
  const place_of = (node) => {
    const item = node.closest("[data-anime]");
    return item ? [...item.parentNode.children].indexOf(item) : -1;
  };
  function refocus(target, was) {
    const items = [...target.querySelectorAll("[data-anime]")];
    const item = items[Math.min(was.at, items.length - 1)];
    const next = (was.act && item?.querySelector(`[data-act=${was.act}]`)) || target.querySelector("h2") || field;
    next.focus({ preventScroll: true });
  }

  // --- the search field

  const options = () => [...part("found").querySelectorAll("[role=option]")];
  function foundShown() {
    const list = part("found").firstElementChild;
    const fits = list && list.dataset.for === field.value.trim() && field.value.trim();
    part("found").hidden = !fits;
    active = -1;
    field.setAttribute("aria-expanded", String(Boolean(fits && options().length)));
    field.removeAttribute("aria-activedescendant");
    if (list) field.setAttribute("aria-controls", "anirec-options");
  }
  function choose(at) {
    const all = options();
    active = all.length ? (at + all.length) % all.length : -1;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
    if (active >= 0) {
      field.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    }
  }
  function empty() {
    clearTimeout(timer);
    field.value = "";
    foundShown();
  }
  // Searches do not queue up before a slow kernel: the next one waits for the answer to the last.
  function searchSoon(until = performance.now() + PATIENT_MS) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const text = field.value.trim();
      if (model.get("answered") < sent && performance.now() < until) searchSoon(until);
      else if (text) tell("search", { value: text });
    }, SEARCH_MS);
  }
  field.addEventListener("input", () => {
    foundShown();
    searchSoon();
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (part("found").hidden || !options().length) return;
      event.preventDefault();
      choose(event.key === "ArrowDown" ? active + 1 : active < 0 ? -1 : active - 1);
    } else if (event.key === "Escape") {
      empty();
    }
  });
  root.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    const option = active >= 0 && !part("found").hidden ? options()[active] : null;
    empty();
    if (option) tell("pick", about(option));
    else if (text) tell("take", { value: text });
  });

  // --- clicks and choices

  root.addEventListener("click", (event) => {
    const node = event.target.closest("[data-act], [data-js]");
    if (!node || node.nodeName === "SELECT" || node.nodeName === "INPUT" || node.nodeName === "FORM") return;
    if (node.dataset.js) return here(node.dataset.js, node);
    const byPointer = event.detail > 0 && node.closest("[data-anime]");
    if (byPointer && (event.detail > 1 || performance.now() - moved < SETTLED_MS)) return;
    tell(node.dataset.act, about(node, node.dataset.value));
    if (node.getAttribute("role") === "option") {
      empty();
      field.focus();
    }
  });
  root.addEventListener("change", (event) => {
    const node = event.target;
    if (node.type === "file") return upload(node);
    if (!node.dataset.act || node.nodeName === "FORM") return;
    const value = node.type === "checkbox" ? node.checked : node.type === "range" ? Number(node.value) : node.value;
    tell(node.dataset.act, { ...about(node, value), name: node.dataset.name });
  });
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.act) return;
    event.preventDefault();
    const value = Object.fromEntries([...new FormData(form)].map(([name, text]) => [name, String(text)]));
    tell(form.dataset.act, { value, name: form.dataset.name });
    form.reset();
  });
  root.addEventListener("toggle", (event) => {
    const node = event.target;
    if (node.dataset.why && node.open) tell("why", about(node));
  }, true);

  async function upload(node) {
    const file = node.files[0];
    if (!file) return;
    const most = model.get("state").most;
    if (file.size > most) {
      say(`“${file.name}” has ${(file.size / 1e6).toFixed(0)} MB, more than the ${(most / 1e6).toFixed(0)} MB of any list: choose the list you exported.`);
    } else {
      tell(node.dataset.act, { value: file.name.slice(0, 200) }, [await file.arrayBuffer()]);
    }
    node.value = "";
  }
  function say(text) {
    const line = document.createElement("p");
    line.className = "anirec-error";
    line.setAttribute("role", "alert");
    line.textContent = text;
    part("said").replaceChildren(line);
  }

  // --- what is done here, without the kernel

  async function here(what, node) {
    if (what === "copy") {
      const address = `${location.origin}${location.pathname}?profile=${token()}`;
      try {
        await navigator.clipboard.writeText(address);
        node.textContent = "Copied";
      } catch {
        prompt("Copy this address:", address);
      }
    } else if (what === "remember") {
      store(`${place} list`, token());
    } else if (what === "forget") {
      store(`${place} list`, null);
    }
    remembered();
  }
  function remembered() {
    root.classList.toggle("anirec-remembered", onPage() && store(`${place} list`) === token());
  }

  // --- other tabs, preferences, and coming back

  const others = "BroadcastChannel" in window ? new BroadcastChannel(place) : null;
  others?.addEventListener("message", (event) => {
    if (event.data === token()) tell("follow");
  });
  const follow = () => { if (document.visibilityState === "visible") tell("follow"); };
  document.addEventListener("visibilitychange", follow);
  addEventListener("anirec-back", follow);
  const preferences = store(`${place} preferences`); // before the kernel's own are kept
  const usual = JSON.stringify(model.get("state").preferences);
  let generation = model.get("state").generation;
  function stateChanged() {
    const state = model.get("state");
    root.classList.toggle("anirec-ready", state.ready);
    if (state.forgotten && store(`${place} list`) === token()) store(`${place} list`, null);
    remembered();
    if (state.generation !== generation && state.own) others?.postMessage(token());
    generation = state.generation;
    if (state.preferences) store(`${place} preferences`, JSON.stringify(state.preferences));
    const kept = store(`${place} list`);
    if (state.ready && state.page && state.place === "to come" && kept && kept !== token()) {
      location.replace(`?profile=${encodeURIComponent(kept)}`);
    }
  }
  for (const name of PARTS) model.on(`change:${name}`, () => show(name));
  model.on("change:state", stateChanged);
  model.on("change:answered", showBusy);
  for (const name of PARTS) show(name);
  stateChanged();
  showBusy();
  if (preferences && preferences !== usual) {
    try {
      tell("prefer", { value: JSON.parse(preferences) });
    } catch {
      store(`${place} preferences`, null);
    }
  }
  return () => {
    others?.close();
    document.removeEventListener("visibilitychange", follow);
    removeEventListener("anirec-back", follow);
  };
}

export default { render };
