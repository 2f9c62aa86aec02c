// A camera's picture with what must be said over it: the canvas, the connection that fills it, the
// "no signal" cover. Tiles and the large view are made of it.

import { h, setData, setHidden, setText } from "./dom.js";
import { lasting } from "./format.js";
import { Live } from "./live.js";
import { Meter } from "./meter.js";
import { Picture } from "./picture.js";
import { judge } from "./signal.js";

export class Screen {
  element;
  meter = new Meter();
  // What judge said last.
  verdict = { state: "connecting" };

  #clock;
  #canvas;
  #title;
  #since;
  #detail;
  #picture;
  #live;
  #signal;
  #wasLive; // when it was last judged live

  // preview shows the small pictures, which are made for a grid.
  constructor(id, clock, { preview = false } = {}) {
    this.#clock = clock;
    this.#canvas = h("canvas", { class: "picture", width: 16, height: 9, role: "img", "aria-label": `Picture of camera ${id}` });
    this.#title = h("strong", { class: "cover-title" });
    this.#since = h("span", { class: "cover-since" });
    this.#detail = h("span", { class: "cover-detail" });
    this.element = h("div", { class: "screen", data: { state: "connecting" } },
      this.#canvas, h("div", { class: "cover" }, this.#title, this.#since, this.#detail));

    this.#picture = new Picture(this.#canvas, {
      drawn: (frame) => {
        if (frame.ack()) this.meter.drawn(frame.header, performance.now(), clock.serverNow());
      },
      replaced: () => this.meter.replaced++, // acknowledged with the one that overtook it
      failed: (frame) => {
        if (frame.ack()) this.meter.failed(performance.now());
      },
    });
    this.#live = new Live(id, clock, {
      connected: () => {
        this.#signal = undefined;
        this.meter.connected();
      },
      signal: (message) => {
        this.#signal = message;
      },
      frame: (frame) => this.#picture.show(frame),
    }, preview);
  }

  // watch opens the connection or closes it. What stays on the screen then is not called live.
  watch(on) {
    if (on) this.#live.start();
    else this.#live.stop();
  }

  hurry() {
    this.#live.hurry();
  }

  // takeOver shows what another screen shows until there is a picture of its own.
  takeOver(other) {
    this.#picture.copy(other.#canvas, other.#picture.width, other.#picture.height);
  }

  // resolution is that of the picture on the screen; zeros before the first.
  resolution() {
    return { width: this.#picture.width, height: this.#picture.height };
  }

  age(now) {
    return this.meter.age(now);
  }

  // within is how far age may be wrong, in ms; undefined where that is not known.
  within() {
    return this.meter.within(this.#clock.error());
  }

  // refresh says again what is to be said. camera is {} where nothing is known of it.
  refresh(now, { camera, gone, reachable }) {
    const { meter } = this;
    this.verdict = judge({
      socket: { state: this.#live.state, since: now - this.#live.since },
      reachable,
      signal: this.#signal,
      camera,
      gone,
      sinceDrawn: meter.sinceDrawn(now),
      sinceLive: this.#wasLive === undefined ? undefined : now - this.#wasLive,
      sinceFailed: meter.sinceFailed(now),
      serverNow: this.#clock.serverNow(),
    });
    const { state, title, detail, since } = this.verdict;
    if (state === "live") this.#wasLive = now;
    setData(this.element, "state", state);
    setText(this.#title, title);
    setText(this.#since, since === undefined ? "" : `for ${lasting(since)}`);
    setHidden(this.#since, since === undefined);
    setText(this.#detail, detail);
  }

  close() {
    this.#live.stop();
    this.#picture.close();
  }
}
