// What is recorded of one camera: stretches with pictures, and holes with their reasons. It asks for all once, and
// from then on for what grows at the end; an answer has an end, so that what is older is asked for when it comes in
// sight. What is in sight is asked for again from time to time, as a hole may be found, or filled, later.

import { rangesURL } from "./address.js";
import { millis } from "./format.js";
import { ordered, since, splicedGaps, splicedSpans } from "./stretches.js";

const askEvery = 4000; // ms, for what grows
const askSeldom = 20_000; // where there is no recorder
const askAgain = 60_000; // for what is in sight
const askFurther = 250; // for what is in sight and not known
const grown = 60_000; // ms before the end that are asked for with what grows
const longAnswer = 500; // spans, or holes, of which an answer leaves the oldest out
const mostKnown = 40_000; // spans and holes; what is out of sight is forgotten beyond that
const answerWithin = 8000;

const reasons = {
  camera: "the camera delivered nothing",
  unstored: "not sent, or not stored by the broker",
  overrun: "dropped by the broker before they were recorded",
  damage: "the file is damaged here",
  rejected: "what was stored are no pictures",
  sealed: "sealed, and no key of this page opens it",
};

// because is a gap's reason in words.
export const because = (reason) => (Object.hasOwn(reasons, reason) ? reasons[reason] : "missing for an unknown reason");

export class Recorded {
  id;
  // "asking" before the first answer, "some", "none" (no recorder has it), "failed" (see reason).
  state = "asking";
  reason = "";
  spans = []; // {from, to, bytes, stream, width, height} in the order of from; stream: not yet in a file
  gaps = []; // {from, to, missing, reason}
  version = 0; // another for every change

  #asking; // AbortController
  #askedAt = -Infinity;
  #every = askEvery;
  #lookedAt = -Infinity; // when what is in sight was asked for
  #known; // {from, to} that spans and gaps are of; undefined: nothing
  #sight = { from: Infinity, to: -Infinity };
  #first; // of all there is
  #last = -Infinity;

  constructor(id) {
    this.id = id;
  }

  // see says what is in sight.
  see(from, to) {
    this.#sight = { from, to };
  }

  // refresh asks where it is time to. now is performance.now().
  refresh(now) {
    if (this.#asking) return;
    const unknown = this.#unknown();
    if (now - this.#askedAt < (unknown ? Math.min(askFurther, this.#every) : this.#every)) return;
    this.#askedAt = now;
    if (!this.#known) {
      this.#lookedAt = now;
      this.#ask({ from: -Infinity, to: Infinity });
      return;
    }
    const seen = { from: Math.max(this.#sight.from, this.#known.from), to: Math.min(this.#sight.to, this.#known.to) };
    if (unknown) this.#ask(unknown);
    else if (now - this.#lookedAt >= askAgain && seen.from < seen.to) {
      this.#lookedAt = now;
      this.#ask(seen);
    } else this.#ask({ from: this.#last - grown, to: Infinity });
  }

  // unknown is what to ask for next of what is in sight; undefined where all of it is known, or an answer is
  // not to be had now.
  #unknown() {
    const known = this.#known;
    if (!known || this.#first === undefined || this.state !== "some") return undefined;
    const span = this.#sight.to - this.#sight.from;
    const from = Math.max(this.#sight.from, this.#first);
    const to = Math.min(this.#sight.to, this.#last);
    if (from >= to || from >= known.from && to <= known.to) return undefined;
    const more = { from: from - span, to: to + span };
    if (more.to >= this.#last) more.to = Infinity;
    if (more.to < known.from || more.from > known.to) return { ...more, anew: true }; // elsewhere
    if (this.spans.length + this.gaps.length > mostKnown) {
      return to - from < (this.#last - this.#first) / 8 ? { ...more, anew: true } : undefined;
    }
    return from < known.from ? { from: more.from, to: known.from } : { from: known.to, to: more.to };
  }

  // hurry has the next refresh ask.
  hurry() {
    this.#askedAt = -Infinity;
  }

  // ask asks for a stretch; anew: what is known beside it is forgotten.
  async #ask({ from, to, anew = false }) {
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(), answerWithin);
    let status = 0;
    let body;
    try {
      const answer = await fetch(rangesURL(this.id, from, to), { signal: asking.signal, cache: "no-store" });
      status = answer.status;
      body = await answer.json();
    } catch {
      // no server, or not JSON: said below
    } finally {
      clearTimeout(late);
    }
    if (this.#asking !== asking) return; // closed
    this.#asking = undefined;
    if (status === 200 && body?.recorder === false) {
      this.#say("none", "No recorder answers for it");
    } else if (status === 200 && Array.isArray(body?.spans) && Array.isArray(body.gaps)) {
      this.#take(body, from, to, anew);
    } else {
      this.#say("failed", String(body?.error ?? "the server does not answer"));
    }
  }

  // take is told what there is between two moments.
  #take(body, from, to, anew) {
    const spans = ordered(body.spans).map((s) => ({ ...s, bytes: Number(s.bytes) || 0, stream: s.kept === "stream" }));
    const gaps = ordered(body.gaps).map((g) => ({ ...g, missing: Number(g.missing) || 0, reason: String(g.reason) }));
    const before = this.#known;
    const touched = before && from <= before.to && to >= before.from;
    if (body.truncated === true) { // the oldest are left out
      const told = Math.max(from, ...[spans, gaps].filter((list) => list.length >= longAnswer).map((list) => list[0].from));
      if (told < to && !(before && to === before.from && told >= before.from)) from = told; // or it would be asked for for ever
    }
    if (before && !anew && from <= before.to && to >= before.from) {
      this.gaps = splicedGaps(this.gaps, gaps, from, to);
      this.spans = splicedSpans(this.spans, spans, from, to, this.gaps);
      this.#known = { from: Math.min(from, before.from), to: Math.max(to, before.to) };
    } else if (!before || anew || touched) { // or what lies between is left out, and asked for next
      [this.spans, this.gaps] = [spans, gaps];
      this.#known = { from, to };
    } // else it is the end, out of sight: it says how far there is something
    this.#first = millis(body.first) ?? spans[0]?.from;
    this.#last = millis(body.last) ?? spans.reduce((last, span) => Math.max(last, span.to), -Infinity);
    if (this.#first === undefined) [this.spans, this.gaps] = [[], []];
    else [this.spans, this.gaps] = since(this.#first, this.spans, this.gaps);
    this.#every = askEvery;
    this.version++;
    this.#say("some", "");
  }

  // What was known stays where an answer fails: the recordings are not gone with it.
  #say(state, reason) {
    if (state === "none") this.#every = askSeldom;
    if (state === "failed") this.#every = askEvery;
    if (this.state === state && this.reason === reason) return;
    this.state = state;
    this.reason = reason;
    this.version++;
  }

  // any says whether anything is recorded.
  get any() {
    return this.#first !== undefined;
  }

  // first and last are the ends of all that is recorded, known or not yet.
  first() {
    return this.#first;
  }

  last() {
    return this.#last;
  }

  // knows says whether it is known what there is of a stretch.
  knows(from, to = from) {
    if (!this.#known) return false;
    return Math.max(from, this.#first ?? from) >= this.#known.from && Math.min(to, this.#last) <= this.#known.to;
  }

  // at is the stretch around a moment, or undefined.
  at(moment) {
    return this.spans.find((s) => s.from <= moment && moment < s.to);
  }

  // gapAt is the hole around a moment, or undefined.
  gapAt(moment) {
    return this.gaps.find((g) => g.from <= moment && moment < g.to);
  }

  // bytes estimates what is recorded between two moments.
  bytes(from, to) {
    return this.spans.reduce((sum, s) => {
      const shared = Math.min(to, s.to) - Math.max(from, s.from);
      return shared > 0 ? sum + s.bytes * Math.min(1, shared / Math.max(1, s.to - s.from)) : sum;
    }, 0);
  }

  close() {
    this.#asking?.abort();
    this.#asking = undefined;
    this.#askedAt = Infinity;
  }
}
