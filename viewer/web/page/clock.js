// The server's clock as this page knows it, from time exchanges over the live sockets. Of the last
// minute's exchanges the one with the shortest round trip counts: whatever delays an exchange
// makes it worse, never better.

const keep = 60_000; // ms
const most = 64;
const stepped = 100; // ms

export class Clock {
  #samples = []; // {offset, trip, at}
  #wall = Date.now() - performance.now();

  // now is this page's clock in Unix milliseconds. It never jumps while the page runs.
  now() {
    return performance.timeOrigin + performance.now();
  }

  // add takes one exchange: asked and answered by now(), the server's time in between.
  add(asked, server, answered) {
    if (!Number.isFinite(asked) || !Number.isFinite(server) || answered < asked) return;
    const wall = Date.now() - performance.now();
    if (Math.abs(wall - this.#wall) > stepped) this.#samples = []; // the machine slept, or its clock was set
    this.#wall = wall;
    this.#samples.push({ offset: server - (asked + answered) / 2, trip: answered - asked, at: answered });
    this.#samples = this.#samples.filter((s) => answered - s.at < keep).slice(-most);
  }

  #best() {
    return this.#samples.reduce((best, s) => (!best || s.trip < best.trip ? s : best), undefined);
  }

  // serverNow is the server's clock in Unix milliseconds; undefined before the first exchange.
  serverNow() {
    const best = this.#best();
    return best && this.now() + best.offset;
  }

  // error is by how many milliseconds serverNow may be wrong, either way.
  error() {
    const best = this.#best();
    return best && best.trip / 2;
  }
}
