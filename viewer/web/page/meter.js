// What a picture on the screen says about itself: how many a second, how old, how many did not
// come. Times are milliseconds by performance.now() unless they say otherwise.

const rateWindow = 3000;
const ageSmoothing = 0.15;

export class Meter {
  // Totals of this view, over all its connections.
  undecodable = 0;
  replaced = 0;

  #drawn = []; // {at, bytes} within the window
  #last; // when the newest was drawn on this connection
  #newest; // age of the newest, at drawing
  #age; // smoothed, at drawing
  #within; // how far the server's part of the age may be wrong
  #failed; // when the newest undecodable one came
  #missed = { before: 0, now: 0 };
  #skipped = { before: 0, now: 0 };

  // connected: the server counts from zero again, and what is on the screen is old.
  connected() {
    for (const c of [this.#missed, this.#skipped]) {
      c.before += c.now;
      c.now = 0;
    }
    this.#drawn = [];
    this.#last = this.#newest = this.#age = this.#within = this.#failed = undefined;
  }

  // drawn takes a frame that is on the screen since now; serverNow is undefined where not known.
  drawn(header, now, serverNow) {
    this.#last = now;
    this.#drawn.push({ at: now, bytes: Number(header.bytes) || 0 });
    this.#missed.now = Number(header.missed) || 0;
    this.#skipped.now = Number(header.skipped) || 0;
    if (serverNow === undefined || !Number.isFinite(header.age_ms) || !Number.isFinite(header.sent_ms)) return;
    // As old as it was when the server sent it, which knows the publisher's clock, and since then.
    const age = header.age_ms + serverNow - header.sent_ms;
    this.#newest = age;
    this.#within = Number.isFinite(header.uncertainty_ms) ? header.uncertainty_ms : undefined;
    this.#age = this.#age === undefined ? age : this.#age + (age - this.#age) * ageSmoothing;
  }

  failed(now) {
    this.undecodable++;
    this.#failed = now;
  }

  // sinceDrawn is how long ago the newest picture of this connection was drawn; sinceFailed the
  // same for one that was no picture. undefined: never.
  sinceDrawn(now) {
    return this.#last === undefined ? undefined : now - this.#last;
  }

  sinceFailed(now) {
    return this.#failed === undefined ? undefined : now - this.#failed;
  }

  missed() {
    return this.#missed.before + this.#missed.now;
  }

  // skipped counts what the server skipped for this view and what this view overtook itself.
  skipped() {
    return this.#skipped.before + this.#skipped.now + this.replaced;
  }

  #window(now) {
    while (this.#drawn.length > 0 && now - this.#drawn[0].at > rateWindow) this.#drawn.shift();
    return this.#drawn;
  }

  // fps is pictures a second on this screen.
  fps(now) {
    const seen = this.#window(now);
    const took = seen.length > 1 ? seen.at(-1).at - seen[0].at : 0;
    return took > 0 ? ((seen.length - 1) * 1000) / took : 0;
  }

  // bitRate is bit/s of the pictures on this screen.
  bitRate(now) {
    const seen = this.#window(now);
    const took = seen.length > 1 ? seen.at(-1).at - seen[0].at : 0;
    const bytes = seen.slice(1).reduce((sum, f) => sum + f.bytes, 0);
    return took > 0 ? (bytes * 8000) / took : 0;
  }

  // age is how old the picture is: from capture to the screen while pictures come, and growing
  // when they do not. Never less than since it was drawn. undefined: not known.
  age(now) {
    const since = this.sinceDrawn(now);
    if (since === undefined || this.#age === undefined) return undefined;
    if (since < 1000) return Math.max(0, this.#age);
    return since + Math.max(0, this.#newest);
  }

  // within is how far age may be wrong when the server's clock is known to within error; undefined
  // where the server does not know the publisher's.
  within(error) {
    return this.#within === undefined || error === undefined ? undefined : this.#within + error;
  }

  // ahead is by how much the publisher's clock must be ahead of the server's, in ms: a picture
  // cannot be seen before it was taken.
  ahead(error) {
    return this.#age !== undefined && error !== undefined && this.#age < -error - (this.#within ?? 0) ? -this.#age : 0;
  }
}
