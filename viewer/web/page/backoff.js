// How long to wait before the next try: twice as long each time up to five seconds, and random, so
// that forty tiles and a hundred pages do not come back all at once.

const first = 250; // ms
const longest = 5000;

export class Backoff {
  #tries = 0;

  next() {
    const ceiling = Math.min(longest, first * 2 ** Math.min(this.#tries++, 8));
    return ceiling / 2 + Math.random() * (ceiling / 2);
  }

  reset() {
    this.#tries = 0;
  }
}
