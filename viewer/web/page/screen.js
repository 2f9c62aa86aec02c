// A camera's picture with what must be said over it: the canvas, the connection that fills it, the
// "no signal" cover. Tiles and the large view are made of it.

import { h, setData, setHidden, setText } from "./dom.js";
import { lasting } from "./format.js";
import { Live } from "./live.js";
import { Meter } from "./meter.js";
import { day, exactTime } from "./moment.js";
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
  #watched = false;
  #recorded; // what to say while recorded pictures are shown; undefined: live ones are
  #newest; // capture time of the newest live picture on the screen
  #kept; // the newest recorded picture: {header, blob}
  #stampDay = h("span", { class: "stamp-day" });
  #stampTime = h("span", { class: "stamp-time" });

  // preview shows the small pictures, which are made for a grid.
  constructor(id, clock, { preview = false } = {}) {
    this.#clock = clock;
    this.#canvas = h("canvas", { class: "picture", width: 16, height: 9, role: "img", "aria-label": `Picture of camera ${id}` });
    this.#title = h("strong", { class: "cover-title" });
    this.#since = h("span", { class: "cover-since" });
    this.#detail = h("span", { class: "cover-detail" });
    this.element = h("div", { class: "screen", data: { state: "connecting" } },
      this.#canvas, h("div", { class: "cover" }, this.#title, this.#since, this.#detail),
      h("p", { class: "stamp" }, h("b", {}, "Recorded"), this.#stampDay, this.#stampTime));

    this.#picture = new Picture(this.#canvas, {
      drawn: (frame) => {
        if (frame.recorded) this.#drawnRecorded(frame);
        else if (frame.ack()) {
          this.#newest = frame.header.captured_ms;
          this.meter.drawn(frame.header, performance.now(), clock.serverNow());
        }
      },
      replaced: () => this.meter.replaced++, // acknowledged with the one that overtook it
      failed: (frame) => {
        if (frame.ack()) frame.recorded ? frame.failed() : this.meter.failed(performance.now());
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
    this.#watched = on;
    if (on && !this.#recorded) this.#live.start();
    else this.#live.stop();
  }

  // setRecorded shows recorded pictures and no live ones, and says {state, title, detail} of them;
  // undefined goes back to live. A recorded picture that is on the screen then is not called live:
  // the first live one makes it so.
  setRecorded(says) {
    const before = this.#recorded;
    this.#recorded = says;
    if (Boolean(before) === Boolean(says)) return;
    this.#kept = undefined;
    for (const name of ["seq", "epoch", "captured"]) delete this.element.dataset[name];
    setText(this.#stampDay, "");
    setText(this.#stampTime, "");
    this.#wasLive = undefined;
    this.watch(this.#watched);
  }

  // show takes a recorded frame {header, blob, ack}; drawn() and failed() are called when it is on the
  // screen, or is none.
  show(frame) {
    if (this.#recorded) this.#picture.show({ ...frame, recorded: true });
    else frame.ack();
  }

  #drawnRecorded(frame) {
    if (!frame.ack() || !this.#recorded) return;
    const { header, blob } = frame;
    this.#kept = { header, blob };
    setData(this.element, "epoch", String(header.epoch));
    setData(this.element, "captured", String(header.captured_ms));
    setData(this.element, "seq", String(header.seq));
    setText(this.#stampDay, day(header.captured_ms));
    setText(this.#stampTime, exactTime(header.captured_ms));
    frame.drawn();
  }

  // newest is the capture time of the live picture on the screen, in Unix ms; undefined where there is
  // none.
  newest() {
    return this.verdict.state === "live" ? this.#newest : undefined;
  }

  // kept is the recorded picture on the screen, {header, blob}; undefined where there is none.
  kept() {
    return this.#kept;
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

  // recorded says whether recorded pictures are shown.
  get recorded() {
    return this.#recorded !== undefined;
  }

  // age is how old the live picture on the screen is; undefined where it is none.
  age(now) {
    return this.#recorded ? undefined : this.meter.age(now);
  }

  // within is how far age may be wrong, in ms; undefined where that is not known.
  within() {
    return this.meter.within(this.#clock.error());
  }

  // refresh says again what is to be said. camera is {} where nothing is known of it.
  refresh(now, { camera, gone, reachable }) {
    const { meter } = this;
    this.verdict = this.#recorded ?? judge({
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
