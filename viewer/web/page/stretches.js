// What is known of a camera's recordings, as it comes piece by piece: lists of {from, to, …} in order, in
// milliseconds.

import { millis } from "./format.js";

const touching = 1000; // ms between two spans that are one, as a recorder says it

// ordered makes {from, to} milliseconds, leaves out what has none, and sorts. begins is from as it was told, which
// is more exact.
export function ordered(list) {
  return list
    .map((item) => ({ ...item, begins: String(item?.from), from: millis(item?.from), to: millis(item?.to) }))
    .filter(({ from, to }) => from !== undefined && to !== undefined && from <= to)
    .sort((a, b) => a.from - b.from);
}

// part is what of a span lies between two moments; undefined where that is nothing.
function part(span, from, to) {
  if (from <= span.from && span.to <= to) return span;
  const [a, b] = [Math.max(from, span.from), Math.min(to, span.to)];
  if (a >= b) return undefined;
  const begins = a === span.from ? span.begins : new Date(a).toISOString();
  return { ...span, from: a, to: b, begins, bytes: span.bytes * ((b - a) / (span.to - span.from)) };
}

const parts = (spans, from, to) => spans.map((span) => part(span, from, to)).filter((span) => span !== undefined);

// spliced puts what is now told of a stretch in place of what was known of it. What is told reaches beyond the stretch
// where something lasts longer.
export function splicedSpans(known, told, from, to, gaps) {
  const low = Math.min(from, told[0]?.from ?? from);
  const high = told.reduce((high, span) => Math.max(high, span.to), to);
  return joined([...parts(known, -Infinity, low), ...told, ...parts(known, high, Infinity)], gaps);
}

// joined makes one of spans that touch, as a recorder does: where nothing is missing between them, and their size and
// place are the same.
function joined(spans, gaps) {
  const ends = new Set(gaps.map((gap) => gap.to));
  const all = [];
  for (const span of spans) {
    const last = all.at(-1);
    if (last && span.from - last.to <= touching && !ends.has(span.from) && last.stream === span.stream && last.width === span.width && last.height === span.height) {
      all[all.length - 1] = { ...last, to: Math.max(last.to, span.to), bytes: last.bytes + span.bytes };
    } else all.push(span);
  }
  return all;
}

export function splicedGaps(known, told, from, to) {
  const beside = known.filter((gap) => gap.to <= from || gap.from >= to);
  const all = new Map([...beside, ...told].map((gap) => [`${gap.from} ${gap.to}`, gap]));
  return [...all.values()].sort((a, b) => a.from - b.from);
}

// since leaves out what was before a moment: it has been cleared away.
export const since = (moment, spans, gaps) => [parts(spans, moment, Infinity), gaps.filter((gap) => gap.to > moment)];

// sizes are the parts of a stretch in which the pictures have one size: [{from, to}], from and to as a server is asked.
// One file has one size.
export function sizes(spans, from, to) {
  const all = [];
  for (const span of spans) {
    if (span.to <= from || span.from >= to) continue;
    const last = all.at(-1);
    if (last && last.width === span.width && last.height === span.height) continue;
    if (last) last.to = span.begins;
    all.push({ from: last ? span.begins : from, to, at: last ? span.from : from, width: span.width, height: span.height });
  }
  return all;
}
