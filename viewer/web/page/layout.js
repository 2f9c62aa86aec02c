// How many tiles stand beside each other. Pure arithmetic, in CSS pixels.

const least = 232; // width of a tile below which the page scrolls instead
const narrow = 560; // a phone held upright: whole width, and scroll

// layout returns {columns, width}: the widest tiles of the given aspect (width by height of the
// picture, with a caption below) with which all of them are on the screen at once; where they
// would be too small for that, and on a narrow screen, as many columns of a readable width as fit.
export function layout({ tiles, width, height, aspect, caption, gap }) {
  let best = { columns: 1, width: 0 };
  for (let columns = 1; columns <= tiles; columns++) {
    const rows = Math.ceil(tiles / columns);
    const across = (width - gap * (columns - 1)) / columns;
    const down = ((height - gap * (rows - 1)) / rows - caption) * aspect;
    const w = Math.floor(Math.min(across, down));
    if (w > best.width) best = { columns, width: w };
  }
  const readable = Math.min(least, width);
  if (best.width >= readable && width > narrow) return best;
  const columns = Math.max(1, Math.min(tiles, Math.floor((width + gap) / (readable + gap))));
  return { columns, width: Math.floor((width - gap * (columns - 1)) / columns) };
}

// aspectOf is the aspect that most of the cameras come close to: their median, within reason.
export function aspectOf(cameras) {
  const known = cameras
    .filter((c) => c.width > 0 && c.height > 0)
    .map((c) => c.width / c.height)
    .sort((a, b) => a - b);
  if (known.length === 0) return 16 / 9;
  return Math.min(2, Math.max(1, known[Math.floor(known.length / 2)]));
}
