// Finding an anime by any of its names while somebody types, as anirec.catalogue.titles does: the
// same name first, then one that begins so or is abbreviated so, then one that has the words, then
// one that is like it. The more popular anime comes first on ties.

const [EXACT, EQUAL, BEGINS, HAS_WORDS] = [500, 400, 300, 200];
const RESEMBLES = 0.45;
const SHORTEST_ABBREVIATION = 3;

// A name as it is compared: compatibility form, no accents, case or punctuation.
function normalized(text) {
  const plain = text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "").normalize("NFC");
  return plain.replace(/[^\p{L}\p{N}]+/gu, " ").trim() || text.trim();
}

function trigrams(text) {
  const padded = ` ${text} `;
  return new Set(Array.from({ length: Math.max(0, padded.length - 2) }, (_, i) => padded.substr(i, 3)));
}

class Search {
  constructor(anime) {
    this.members = anime.members;
    this.names = [];
    anime.id.forEach((_, row) => {
      for (const raw of new Set([anime.title[row], anime.english[row], anime.japanese[row]])) {
        if (!raw) continue;
        const name = normalized(raw);
        const words = name.split(" ");
        const initials = words.length > 1 ? words.map((word) => word[0]).join("") : "";
        this.names.push({ row, raw: raw.toLowerCase(), name, spaced: ` ${name}`, initials });
      }
    });
  }

  // The rows of the anime whose names fit best, best first.
  find(text, limit) {
    const query = normalized(text);
    if (!query) return [];
    const typed = text.trim().toLowerCase();
    const words = query.split(" ");
    const best = new Map();
    const offer = (name, fit) => {
      if (fit > (best.get(name.row) ?? 0)) best.set(name.row, fit);
    };
    for (const name of this.names) offer(name, this.fit(name, query, typed, words));
    if (best.size < limit && query.length > 2) {
      const wanted = trigrams(query);
      for (const name of this.names) offer(name, this.likeness(name, wanted));
    }
    const popular = (row) => this.members[row] ?? 0;
    const order = ([a, fitA], [b, fitB]) => fitB - fitA || popular(b) - popular(a);
    return [...best].sort(order).slice(0, limit).map(([row]) => row);
  }

  fit(name, query, typed, words) {
    if (name.name === query) return name.raw === typed ? EXACT : EQUAL;
    if (name.name.startsWith(query)) return BEGINS;
    if (query.length >= SHORTEST_ABBREVIATION && name.initials.startsWith(query)) return BEGINS;
    const has = (word) => name.spaced.includes(/^[\x00-\x7f]*$/.test(word) ? ` ${word}` : word);
    return words.every(has) ? HAS_WORDS : 0;
  }

  // The share of what was typed that a name has, in groups of three letters, less a little for
  // what the name has besides; 0 where that is no resemblance.
  likeness(name, wanted) {
    name.trigrams ??= trigrams(name.name);
    let common = 0;
    for (const group of wanted) if (name.trigrams.has(group)) common++;
    const share = common / (wanted.size + 0.2 * name.trigrams.size);
    return share >= RESEMBLES ? share : 0;
  }
}
