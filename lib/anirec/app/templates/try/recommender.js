"use strict";
// What is recommended and why: HybridEASE on the packed weights, step by step as
// anirec.models.HybridEASE and anirec.recommender do it in Python, with the same rounding.

const LEVELS = 127;
const LIKED_AS = 9;
const DISLIKED_SHARE = 0.5;
const DROPPED = -1;
const DISLIKED_BELOW = 5;
const BELOW_MEAN = 2.5;
const [USUAL_MEAN, MEAN_WEIGHT] = [7.5, 3];
const [SHOWN_CONTRIBUTION, SHOWN_SHARE] = [0.02, 0.1];
const SPEAKS_FROM = 7;
const REASONS = 2;
const f32 = Math.fround;

// Bytes of base64 text that was compressed by gzip.
async function inflated(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// What try_it.packed holds: the catalogue, and the weights by row, targets written out.
function unpack(buffer) {
  const lengths = new Uint32Array(buffer.slice(0, 24));
  const parts = [];
  let at = 24;
  for (const length of lengths) {
    parts.push(buffer.slice(at, at + length));
    at += length;
  }
  const about = JSON.parse(new TextDecoder().decode(parts[0]));
  const counts = new Uint16Array(parts[1]);
  const differences = new Uint8Array(parts[2]);
  const codes = new Int8Array(parts[3]);
  const starts = new Uint32Array(counts.length + 1);
  const targets = new Uint32Array(codes.length);
  let byte = 0;
  counts.forEach((count, row) => {
    starts[row + 1] = starts[row] + count;
    let column = 0;
    for (let place = starts[row]; place < starts[row + 1]; place++) {
      for (let shift = 0, more = true; more; shift += 7) {
        column += (differences[byte] & 127) << shift;
        more = differences[byte++] > 127;
      }
      targets[place] = column;
    }
  });
  const scales = new Float32Array(parts[4]);
  const popularity = new Float32Array(parts[5]);
  return { ...about, starts, targets, codes, scales, popularity };
}

// The weight of each code as a share of its row's greatest.
const SHARES = Float32Array.from({ length: 2 * LEVELS + 1 }, (_, place) => {
  const share = (place - LEVELS) / LEVELS;
  return share * share * Math.sign(share);
});

// --- what an entry says: {rating, liked, status}, each null where nothing was said

function watched(entry) {
  if (entry.liked !== null) return true;
  if (entry.status === "unknown") return entry.rating !== null;
  return entry.status !== "plan_to_watch";
}

function finished(entry) {
  if (entry.status === null) return entry.liked !== false;
  return entry.status === "completed";
}

// The rows of the profile that speak against similar anime.
function dislikes(profile) {
  const ratings = [...profile.values()].map((e) => e.rating).filter((r) => r !== null);
  const sum = ratings.reduce((a, b) => a + b, 0);
  const mean = (sum + MEAN_WEIGHT * USUAL_MEAN) / (ratings.length + MEAN_WEIGHT);
  const low = Math.min(DISLIKED_BELOW, mean - BELOW_MEAN);
  const disliked = (entry) => {
    if (entry.liked !== null) return !entry.liked;
    if (entry.rating !== null) return watched(entry) && entry.rating < low;
    return entry.status === "dropped";
  };
  return new Set([...profile].filter(([, entry]) => disliked(entry)).map(([row]) => row));
}

// --- the model

class Recommender {
  constructor(packed) {
    Object.assign(this, packed);
    this.size = this.anime.id.length;
    this.rowOf = new Map(this.anime.id.map((id, row) => [id, row]));
    const shares = new Float64Array(this.anime.genreNames.length);
    for (const genres of this.anime.genres) for (const genre of genres) shares[genre]++;
    this.genreShares = shares.map((count) => count / this.size);
  }

  // What counts for the profile and what against: [row, value], by ascending id as in the model.
  taste(profile) {
    const known = [...profile].filter(([row, e]) => watched(e) && this.popularity[row] >= 0);
    known.sort(([a], [b]) => this.anime.id[a] - this.anime.id[b]);
    const shown = known.filter(([, entry]) => entry.liked !== false);
    const against = known.filter(([, entry]) => entry.liked === false);
    return { shown: this.values(shown), against: against.map(([row]) => [row, this.unscored]) };
  }

  get unscored() {
    return f32(this.model.unscored);
  }

  // The signed preference of each entry: 1 + w (r - mean) / sd, a constant where not rated.
  values(entries) {
    const { mean, sd, ratingWeight, unscored, meanShrinkage } = this.model;
    const standsFor = (entry) => entry.rating ?? (entry.liked ? LIKED_AS : null);
    const ratings = entries.map(([, entry]) => standsFor(entry)).filter((r) => r !== null);
    const total = ratings.reduce((a, b) => a + f32(b), 0);
    const own = f32((total + f32(f32(meanShrinkage) * mean)) / (ratings.length + meanShrinkage));
    return entries.map(([row, entry]) => {
      const rating = standsFor(entry);
      if (rating === null) {
        const dropped = entry.status === "dropped";
        return [row, f32(dropped ? unscored + ratingWeight * DROPPED : unscored)];
      }
      const deviation = f32(f32(f32(rating) - own) / sd);
      return [row, f32(1 + f32(f32(ratingWeight) * deviation))];
    });
  }

  weight(place, row) {
    return f32(this.scales[row] * SHARES[this.codes[place] + LEVELS]);
  }

  // Add to each score what the entries say of it.
  add(scores, entries, share = 1) {
    for (const [row, value] of entries) {
      for (let place = this.starts[row]; place < this.starts[row + 1]; place++) {
        const term = f32(this.weight(place, row) * value);
        scores[this.targets[place]] += f32(share * term);
      }
    }
  }

  scores({ shown, against }) {
    const scores = new Float32Array(this.size);
    if (!shown.length) return this.popularity;
    this.add(scores, shown);
    const taken = new Float32Array(this.size);
    this.add(taken, against, -DISLIKED_SHARE);
    return scores.map((score, row) => score + taken[row]);
  }

  // The terms of one anime's score: [row, contribution], those against it last.
  terms({ shown, against }, target) {
    const found = (row) => {
      let [low, high] = [this.starts[row], this.starts[row + 1]];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.targets[middle] < target) low = middle + 1;
        else high = middle;
      }
      const here = low < this.starts[row + 1] && this.targets[low] === target;
      return here ? this.weight(low, row) : 0;
    };
    return [
      ...shown.map(([row, value]) => [row, f32(found(row) * value)]),
      ...against.map(([row, value]) => [row, f32(-DISLIKED_SHARE * f32(found(row) * value))]),
    ];
  }

  // --- what may be recommended

  // Rows and the parts that come before them, as a predicate.
  withPartsBefore(rows) {
    const found = new Uint8Array(this.size);
    for (const row of rows) {
      for (let part = row; part >= 0 && !found[part]; part = this.anime.previous[part]) found[part] = 1;
    }
    return (row) => found[row] === 1;
  }

  // What is not adult, not on the list, no sequel of a part that is not finished (who finished a
  // part finished those before it), and no part before a disliked one.
  allowed(profile, disliked) {
    const { adult, previous, sequel } = this.anime;
    const ended = [...profile].filter(([, entry]) => finished(entry)).map(([row]) => row);
    const done = this.withPartsBefore(ended);
    const unwanted = this.withPartsBefore(disliked);
    const early = (row) => sequel[row] && previous[row] >= 0 && !done(previous[row]);
    return (row) => !adult[row] && !profile.has(row) && !early(row) && !unwanted(row);
  }

  // Recommend k anime to a profile, a Map of rows to entries; an empty list where it says nothing.
  recommend(profile, k = 10) {
    const disliked = dislikes(profile);
    const liked = [...profile].filter(([row, e]) => watched(e) && !disliked.has(row));
    if (!liked.length) return [];
    const taste = this.taste(profile);
    const scores = this.scores(taste);
    const allowed = this.allowed(profile, disliked);
    const rows = [];
    for (let row = 0; row < this.size; row++) {
      if (this.popularity[row] >= 0 && allowed(row)) rows.push(row);
    }
    rows.sort((a, b) => scores[b] - scores[a]);
    const likes = new Set(liked.map(([row]) => row));
    return rows.slice(0, k).map((row) => this.reasoned(row, taste, profile, likes));
  }

  reasoned(row, taste, profile, likes) {
    const terms = taste.shown.length ? this.terms(taste, row) : [];
    const match = terms.reduce((sum, [, term]) => f32(sum + term), 0);
    const genres = this.sharedGenres(row, likes);
    const because = terms.length ? this.because(terms, match, genres, profile, likes) : "";
    return { row, match, because, terms: terms.sort(([, a], [, b]) => b - a) };
  }

  // Why, as a clause. A title that adds little is no reason; with none left the genres speak, and
  // without these the community.
  because(terms, match, genres, profile, likes) {
    const least = Math.max(SHOWN_CONTRIBUTION, SHOWN_SHARE * match);
    const among = terms.filter(([from]) => likes.has(from)).sort(([, a], [, b]) => b - a);
    const strongest = among.slice(0, REASONS).filter(([, term]) => term >= least);
    const kind = genres.join(" · ");
    if (!strongest.length) {
      return kind ? `it is ${kind}, like much of what you like` : "many people like it";
    }
    const isLiked = ({ liked, rating }) => liked === true || (rating ?? 0) >= SPEAKS_FROM;
    const verb = strongest.every(([from]) => isLiked(profile.get(from))) ? "liked" : "watched";
    const named = strongest.map(([from]) => this.anime.title[from]).join(" and ");
    return `because you ${verb} ${named}${kind ? `, and it is ${kind}` : ""}`;
  }

  // The genres of an anime that tell most of what is liked: commoner there than in the catalogue.
  sharedGenres(row, liked) {
    const counts = new Float64Array(this.genreShares.length);
    for (const one of liked) for (const genre of this.anime.genres[one]) counts[genre]++;
    const share = counts.map((count) => count / liked.size);
    const telling = (g) => share[g] * Math.log((share[g] + 0.01) / (this.genreShares[g] + 0.01));
    const found = this.anime.genres[row].filter((genre) => share[genre] > 0);
    found.sort((a, b) => telling(b) - telling(a));
    return found.slice(0, REASONS).map((genre) => this.anime.genreNames[genre]);
  }
}
