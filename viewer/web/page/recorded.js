// What is recorded of one camera: stretches with pictures, and holes with their reasons. It asks the
// server again from time to time, as a recording grows at one end and is cleared away at the other.

import { rangesURL } from "./address.js";
import { millis } from "./format.js";

const askEvery = 4000; // ms
const askSeldom = 20_000; // where the answer is long, or there is none
const longAnswer = 300; // stretches and holes
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
  spans = []; // {from, to, bytes, stream} in the order of from; stream: not yet in a file
  gaps = []; // {from, to, missing, reason}
  truncated = false; // there is more, older than all these
  version = 0; // another for every change

  #asking; // AbortController
  #askedAt = -Infinity;
  #every = askEvery;

  constructor(id) {
    this.id = id;
  }

  // refresh asks where it is time to. now is performance.now().
  refresh(now) {
    if (this.#asking || now - this.#askedAt < this.#every) return;
    this.#askedAt = now;
    this.#ask();
  }

  // hurry has the next refresh ask.
  hurry() {
    this.#askedAt = -Infinity;
  }

  async #ask() {
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(), answerWithin);
    let status = 0;
    let body;
    try {
      const answer = await fetch(rangesURL(this.id), { signal: asking.signal, cache: "no-store" });
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
      this.#take(body);
    } else {
      this.#say("failed", String(body?.error ?? "the server does not answer"));
    }
  }

  #take({ spans, gaps, truncated }) {
    this.spans = ordered(spans).map((s) => ({ ...s, bytes: Number(s.bytes) || 0, stream: s.kept === "stream" }));
    this.gaps = ordered(gaps).map((g) => ({ ...g, missing: Number(g.missing) || 0, reason: String(g.reason) }));
    this.truncated = truncated === true;
    this.#every = this.spans.length + this.gaps.length > longAnswer ? askSeldom : askEvery;
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

  first() {
    return this.spans[0]?.from;
  }

  last() {
    return this.spans.reduce((last, s) => Math.max(last, s.to), -Infinity);
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

// ordered makes {from, to} milliseconds, leaves out what has none, and sorts.
function ordered(list) {
  return list
    .map((item) => ({ ...item, from: millis(item?.from), to: millis(item?.to) }))
    .filter(({ from, to }) => from !== undefined && to !== undefined && from <= to)
    .sort((a, b) => a.from - b.from);
}
