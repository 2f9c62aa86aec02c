// Numbers and times as people read them. Every function takes what a server may leave out or get
// wrong and answers "–" then.

export const none = "–";

const known = (n) => typeof n === "number" && Number.isFinite(n);

// count writes a whole number with thin spaces between thousands: 12 345.
export function count(n) {
  if (!known(n)) return none;
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// rate is frames a second without a unit: one decimal below ten.
export function rate(n) {
  if (!known(n) || n <= 0) return none;
  return n < 9.95 ? n.toFixed(1) : String(Math.round(n));
}

// exactRate keeps a decimal where there is one: 12.5, 25.
export function exactRate(n) {
  return known(n) && n > 0 ? String(Math.round(n * 10) / 10) : none;
}

// age is the age of a picture: milliseconds up to a second, seconds with a decimal up to a minute.
// within, if known, is how far it may be wrong, and stands behind it where it shows in that unit.
export function age(ms, within) {
  if (!known(ms)) return none;
  if (ms < 999.5) {
    const either = known(within) ? ` ±${Math.max(1, Math.ceil(within))}` : "";
    return `${Math.max(0, Math.round(ms))}\u00a0ms${either}`;
  }
  if (ms < 59_950) {
    const either = known(within) && within >= 50 ? ` ±${(within / 1000 + 0.05).toFixed(1)}` : "";
    return `${(ms / 1000).toFixed(1)}\u00a0s${either}`;
  }
  return lasting(ms);
}

// offset is a difference of clocks, with how far it may be wrong: +1.2 s ±0.1.
export function offset(ms, within) {
  if (!known(ms)) return none;
  const sign = ms < 0 ? "−" : "+";
  return `${sign}${age(Math.abs(ms), within)}`;
}

// lasting is how long something has been so: 12 s, 3 min 05 s, 2 h 10 min, 5 d 3 h.
export function lasting(ms) {
  if (!known(ms)) return none;
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s}\u00a0s`;
  if (s < 3600) return `${Math.floor(s / 60)}\u00a0min ${two(s % 60)}\u00a0s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}\u00a0h ${two(Math.floor(s / 60) % 60)}\u00a0min`;
  return `${Math.floor(s / 86_400)}\u00a0d ${Math.floor(s / 3600) % 24}\u00a0h`;
}

// bitRate takes bit/s.
export function bitRate(n) {
  if (!known(n) || n < 0) return none;
  if (n < 9_999_500) return `${count(n / 1000)}\u00a0kbit/s`;
  return `${(n / 1e6).toFixed(1)}\u00a0Mbit/s`;
}

export function resolution(width, height) {
  if (!known(width) || !known(height) || width <= 0 || height <= 0) return none;
  return `${width} × ${height}`;
}

// dateTime writes an RFC 3339 time in this browser's zone, as 2026-11-22 14:03:09.
export function dateTime(text) {
  const t = new Date(text);
  if (!text || Number.isNaN(t.getTime()) || t.getUTCFullYear() < 1971) return none;
  const two = (n) => String(n).padStart(2, "0");
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ` +
    `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

// millis is an RFC 3339 time as Unix milliseconds; undefined where it is none, or Go's zero time.
export function millis(text) {
  const t = Date.parse(text);
  return Number.isNaN(t) || t < 0 ? undefined : t;
}
