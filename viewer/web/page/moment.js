// Moments of a recording, Unix milliseconds, as people read them: in this browser's time zone.

import { none } from "./format.js";

const two = (n) => String(n).padStart(2, "0");
const three = (n) => String(n).padStart(3, "0");
const known = (ms) => Number.isFinite(ms) && ms > 0;

export const day = (ms) => {
  const t = new Date(ms);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
};

// time is the time of day: 14:03:09.
export const time = (ms) => {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
};

// exact is a moment to the millisecond: 2026-11-22 14:03:09.123.
export const exact = (ms) => (known(ms) ? `${day(ms)} ${time(ms)}.${three(Math.floor(ms) % 1000)}` : none);

// exactTime is exact without the day.
export const exactTime = (ms) => (known(ms) ? `${time(ms)}.${three(Math.floor(ms) % 1000)}` : none);

// whole is a moment to the second, without the day where that is today.
export const whole = (ms, now = Date.now()) => {
  if (!known(ms)) return none;
  return day(ms) === day(now) ? time(ms) : `${day(ms)} ${time(ms)}`;
};

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const oneDay = 24 * hour;
const steps = [
  second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
  minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
  hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour,
  oneDay, 2 * oneDay, 7 * oneDay, 14 * oneDay, 30 * oneDay, 90 * oneDay, 365 * oneDay,
];

// ticks are where a scale from one moment to another has marks, at most most of them: [{at, text}].
// They stand at round times of the day in this time zone, and where a day begins, the day stands.
export function ticks(from, to, most) {
  const step = steps.find((s) => (to - from) / s <= most) ?? steps.at(-1);
  const zone = (ms) => -new Date(ms).getTimezoneOffset() * minute;
  const marks = [];
  for (let local = Math.ceil((from + zone(from)) / step) * step; ; local += step) {
    const at = local - zone(local - zone(from));
    if (at > to || marks.length > 2 * most) return marks;
    if (at < from) continue;
    const midnight = local % oneDay === 0;
    const text = step >= oneDay || midnight ? day(at).slice(5) : step >= minute ? time(at).slice(0, 5) : time(at);
    marks.push({ at, text });
  }
}
