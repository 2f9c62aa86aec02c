// The lanes of a scale of time: where a camera's pictures are, and its holes with their reasons.

import { h, place } from "./dom.js";
import { count, lasting } from "./format.js";
import { time, whole } from "./moment.js";
import { because } from "./recorded.js";

const leastMark = 2; // px of the smallest hole
const mostLanes = 12; // beyond that one lane says where anything is

// lanes are those of records, of Recorded, on a scale {from, to, width, x}: x(moment) is where a moment lies, in px.
export function lanes(records, scale) {
  const each = records.length > mostLanes ? [records] : records.map((record) => [record]);
  return each.map((inOne) => h("div", { class: "tl-lane", data: { camera: inOne.length === 1 ? inOne[0].id : "" } },
    ...inOne.flatMap((record) => marksOf(record, inOne.length === 1, scale))));
}

// marksOf are the stretches and holes of a camera that are in sight. Those that touch on the screen
// are one, so that there are never many more than pixels.
function marksOf(record, withGaps, scale) {
  const marks = [];
  const add = (list, kind, least) => {
    let open;
    for (const item of list) {
      if (item.to < scale.from || item.from > scale.to) continue;
      const left = Math.max(-4, scale.x(item.from));
      const right = Math.min(scale.width + 4, Math.max(scale.x(item.to), left + least));
      if (open && left - open.right < 1 && open.key === String(item.reason ?? item.stream)) {
        open.right = Math.max(open.right, right);
        continue;
      }
      open = { left, right, kind, key: String(item.reason ?? item.stream), item };
      marks.push(open);
    }
  };
  add(record.spans, "span", 1);
  if (withGaps) add(record.gaps, "gap", leastMark);
  return marks.map(({ left, right, kind, item }) => {
    const data = kind === "gap" ? { reason: item.reason } : { kept: item.stream ? "stream" : "file" };
    const mark = h("i", { class: `tl-${kind}`, data: { ...data, from: item.from, to: item.to }, title: kind === "gap" ? gapText(item) : undefined });
    place(mark, left, right - left);
    return mark;
  });
}

// gapText says what is missing, in one line.
export function gapText(gap) {
  const missing = gap.missing > 0 ? `, ${count(gap.missing)} ${gap.missing === 1 ? "frame" : "frames"}` : "";
  return `${because(gap.reason)} (${lastingShort(gap.to - gap.from)}${missing})`;
}

const lastingShort = (ms) => (ms < 10_000 ? `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)}\u00a0s` : lasting(ms));

// gapLine says where a gap is and why.
export const gapLine = (gap) => `${whole(gap.from)} to ${time(gap.to)}: ${gapText(gap)}`;
