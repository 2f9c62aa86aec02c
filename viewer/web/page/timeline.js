// A scale of time with what is recorded on it: a lane for each camera, holes as holes, the playhead,
// and a selection. It shows and is pointed at; what follows from that is its owner's.

import { h, place, setData, setHidden, setText } from "./dom.js";
import { gapText, lanes } from "./lanes.js";
import { exact, ticks } from "./moment.js";

const minute = 60_000;
const shortest = 10_000; // ms across the whole scale
const longest = 30 * 366 * 24 * 60 * minute;
const tickWidth = 84; // px for a mark and its text
const zoomStep = 1.6;

export class Timeline {
  element;
  // Moments at the ends of the scale.
  from;
  to;
  selection; // {from, to} or undefined

  #handlers;
  #area; // what is pointed at
  #band; // what has the focus
  #ticks = h("div", { class: "tl-ticks", "aria-hidden": "true" });
  #lanes = h("div", { class: "tl-lanes", "aria-hidden": "true" });
  #head = h("div", { class: "tl-head", "aria-hidden": "true" });
  #hover = h("p", { class: "tl-hover", "aria-hidden": "true", hidden: true });
  #select = h("div", { class: "tl-selection", hidden: true });
  #handles;
  #width = 0;
  #drawn = "";
  #records = [];
  #position;
  #live = true;
  #pointers = new Map(); // x by id
  #drag; // {kind: "seek"|"pan"|"select"|"from"|"to"|"pinch", …}
  #sizes;

  // handlers: seek(moment, done) while somebody points, select({from, to}), moved() when the scale
  // was moved or zoomed.
  constructor(handlers, span = 10 * minute) {
    this.#handlers = handlers;
    this.to = Date.now();
    this.from = this.to - span;
    this.#handles = ["from", "to"].map((side) => h("div", {
      class: `tl-handle tl-handle-${side}`, role: "slider", tabindex: "0", data: { side },
      "aria-label": side === "from" ? "Beginning of the selection" : "End of the selection",
      onkeydown: (event) => this.#handleKey(event, side),
    }));
    this.#select.append(...this.#handles);
    this.#band = h("div", {
      class: "tl-band", role: "slider", tabindex: "0", "aria-label": "Moment of the recording", "aria-orientation": "horizontal",
      onkeydown: (event) => this.#key(event),
    }, this.#ticks, this.#lanes, this.#head);
    this.#area = h("div", {
      class: "tl-area",
      onpointerdown: (event) => this.#down(event),
      onpointermove: (event) => this.#move(event),
      onpointerup: (event) => this.#up(event),
      onpointercancel: (event) => this.#up(event),
      onpointerleave: () => setHidden(this.#hover, true),
    }, this.#band, this.#select);
    this.#area.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.element = h("div", { class: "timeline" }, this.#area, this.#hover);
    this.#sizes = new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width;
      this.draw(this.#records, this.#position, this.#live);
    });
    this.#sizes.observe(this.#band);
  }

  get span() {
    return this.to - this.from;
  }

  // dragging says whether somebody is pointing at a moment now.
  get dragging() {
    return this.#drag !== undefined;
  }

  // show moves the scale.
  show(from, to) {
    const span = Math.min(longest, Math.max(shortest, to - from));
    const middle = (from + to) / 2;
    this.from = middle - span / 2;
    this.to = middle + span / 2;
    this.#draw();
  }

  // zoom makes the scale factor times as long, around a moment.
  zoom(factor, around = this.#inSight(this.#position) ? this.#position : (this.from + this.to) / 2) {
    const span = Math.min(longest, Math.max(shortest, this.span * factor));
    const share = (around - this.from) / this.span;
    this.from = around - share * span;
    this.to = this.from + span;
    this.#draw();
    this.#handlers.moved();
  }

  zoomIn() {
    this.zoom(1 / zoomStep);
  }

  zoomOut() {
    this.zoom(zoomStep);
  }

  #inSight(moment) {
    return moment !== undefined && moment >= this.from && moment <= this.to;
  }

  // follow has a moment in sight: what is live near the end, what is played turns the page.
  follow(moment, live) {
    if (moment === undefined || this.dragging) return;
    const share = (moment - this.from) / this.span;
    if (live) this.show(moment - 0.96 * this.span, moment + 0.04 * this.span);
    else if (share > 0.97 || share < 0) this.show(moment - 0.15 * this.span, moment + 0.85 * this.span);
  }

  // draw shows what records, of Recorded, say there is, and the playhead at position; live says that
  // this is now.
  draw(records, position, live) {
    this.#records = records;
    this.#position = position;
    this.#live = live;
    this.#draw();
  }

  setSelection(selection) {
    this.selection = selection;
    this.#draw();
  }

  #x(moment) {
    return ((moment - this.from) / this.span) * this.#width;
  }

  #moment(x) {
    return this.from + (x / Math.max(1, this.#width)) * this.span;
  }

  #draw() {
    if (this.#width === 0) return;
    // A scale that moves with the present moves by whole pixels.
    const pixel = this.span / this.#width;
    const shown = [Math.round(this.from / pixel), this.span, this.#width, ...this.#records.map((r) => `${r.id} ${r.version}`)].join();
    if (shown !== this.#drawn) {
      this.#drawn = shown;
      this.#drawTicks();
      this.#drawLanes();
    }
    setData(this.element, "from", String(this.from));
    setData(this.element, "to", String(this.to));
    place(this.#head, this.#x(this.#position ?? this.to));
    setHidden(this.#head, !this.#inSight(this.#position));
    setData(this.#head, "live", String(this.#live));
    const { selection } = this;
    setHidden(this.#select, selection === undefined);
    if (selection) {
      const [left, right] = [this.#x(selection.from), this.#x(selection.to)];
      place(this.#select, left, right - left);
      this.#handles.forEach((handle) => {
        const at = selection[handle.dataset.side];
        const text = exact(at);
        if (handle.getAttribute("aria-valuetext") === text) return;
        handle.setAttribute("aria-valuenow", String(Math.round(at / 1000)));
        handle.setAttribute("aria-valuetext", text);
      });
    }
    this.#announce();
  }

  #announce() {
    const first = this.#first();
    const last = this.#last();
    if (!Number.isFinite(first)) return;
    const at = this.#position ?? last;
    const text = this.#live ? "live" : exact(at);
    if (this.#band.getAttribute("aria-valuetext") === text) return;
    this.#band.setAttribute("aria-valuemin", String(Math.floor(first / 1000)));
    this.#band.setAttribute("aria-valuemax", String(Math.ceil(last / 1000)));
    this.#band.setAttribute("aria-valuenow", String(Math.round(at / 1000)));
    this.#band.setAttribute("aria-valuetext", text);
  }

  #first() {
    return Math.min(...this.#records.map((r) => r.first() ?? Infinity));
  }

  #last() {
    return Math.max(...this.#records.map((r) => r.last()));
  }

  #drawTicks() {
    this.#ticks.replaceChildren(...ticks(this.from, this.to, Math.max(1, this.#width / tickWidth)).map(({ at, text }) => {
      const tick = h("span", { class: "tl-tick" }, h("span", {}, text));
      place(tick, this.#x(at));
      return tick;
    }));
  }

  #drawLanes() {
    const drawn = lanes(this.#records, { from: this.from, to: this.to, width: this.#width, x: (moment) => this.#x(moment) });
    setData(this.element, "lanes", String(drawn.length));
    this.#lanes.replaceChildren(...drawn);
  }

  // text says what is at a moment.
  text(moment) {
    const words = [exact(moment).replace(/\.\d+$/, this.span < minute ? "$&" : "")];
    if (this.#records.length === 1) {
      const [record] = this.#records;
      const gap = record.gapAt(moment);
      if (gap) words.push(gapText(gap));
      else if (!record.knows(moment)) words.push("looking…");
      else if (!record.at(moment)) words.push(moment > record.last() ? "not recorded yet" : "nothing recorded");
    } else {
      const n = this.#records.filter((record) => record.at(moment)).length;
      words.push(`${n} of ${this.#records.length} cameras recorded`);
    }
    return words.join("  ·  ");
  }

  #hoverAt(x) {
    setText(this.#hover, this.text(this.#moment(x)));
    setHidden(this.#hover, false);
    const half = this.#hover.offsetWidth / 2;
    place(this.#hover, Math.min(Math.max(x, half), Math.max(half, this.#width - half)));
  }

  // Pointing. In the marks above the lanes, a drag moves the scale; below, it goes to a moment; with
  // Shift it selects; two fingers zoom.

  #at(event) {
    return event.clientX - this.#band.getBoundingClientRect().left;
  }

  #down(event) {
    if (event.button !== 0) return;
    const x = this.#at(event);
    this.#area.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, x);
    if (this.#pointers.size === 2) {
      const [a, b] = this.#pointers.values();
      this.#drag = { kind: "pinch", apart: Math.max(20, Math.abs(a - b)), span: this.span, around: this.#moment((a + b) / 2) };
      return;
    }
    const side = event.target.closest(".tl-handle")?.dataset.side;
    const moment = this.#moment(x);
    if (side) this.#drag = { kind: side };
    else if (event.shiftKey) this.#drag = { kind: "select", from: moment };
    else if (event.target.closest(".tl-ticks")) this.#drag = { kind: "pan", moment };
    else {
      this.#drag = { kind: "seek" };
      this.#handlers.seek(moment, false);
    }
  }

  #move(event) {
    const x = this.#at(event);
    if (event.pointerType !== "touch" || this.#drag) this.#hoverAt(x);
    if (!this.#drag || !this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, x);
    const moment = this.#moment(x);
    switch (this.#drag.kind) {
      case "seek":
        this.#handlers.seek(Math.min(Math.max(moment, this.from), this.to), false);
        break;
      case "select":
        this.#selected(this.#drag.from, moment);
        break;
      case "from":
      case "to":
        this.#moveHandle(this.#drag.kind, moment);
        break;
      case "pan":
        this.show(this.from + this.#drag.moment - moment, this.to + this.#drag.moment - moment);
        this.#handlers.moved();
        break;
      case "pinch": {
        const [a, b] = this.#pointers.values();
        const span = Math.min(longest, Math.max(shortest, (this.#drag.span * this.#drag.apart) / Math.max(20, Math.abs(a - b))));
        this.from = this.#drag.around - ((a + b) / 2 / this.#width) * span;
        this.to = this.from + span;
        this.#draw();
        this.#handlers.moved();
      }
    }
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const drag = this.#drag;
    if (this.#pointers.size > 0) return;
    this.#drag = undefined;
    if (event.pointerType === "touch") setHidden(this.#hover, true);
    if (drag?.kind === "seek") this.#handlers.seek(this.#moment(this.#at(event)), true);
  }

  #wheel(event) {
    event.preventDefault();
    const across = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      const by = (across / Math.max(1, this.#width)) * this.span;
      this.show(this.from + by, this.to + by);
      this.#handlers.moved();
    } else if (event.deltaY !== 0) {
      this.zoom(event.deltaY > 0 ? 1.25 : 1 / 1.25, this.#moment(this.#at(event)));
    }
  }

  #selected(a, b) {
    this.selection = { from: Math.min(a, b), to: Math.max(a, b, Math.min(a, b) + 1) };
    this.#draw();
    this.#handlers.select(this.selection);
  }

  #moveHandle(side, moment) {
    const { from, to } = this.selection;
    const least = 100; // ms
    if (side === "from") this.selection = { from: Math.min(moment, to - least), to };
    else this.selection = { from, to: Math.max(moment, from + least) };
    this.#draw();
    this.#handlers.select(this.selection);
  }

  // Keys. Steps are what can be seen on the scale, and never less than what is useful.

  #by(event) {
    const small = Math.max(1000, this.span / 600);
    return { ArrowLeft: -small, ArrowRight: small, ArrowDown: -small, ArrowUp: small, PageDown: -this.span / 10, PageUp: this.span / 10 }[event.key];
  }

  #key(event) {
    if (event.target !== this.#band || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = this.#by(event);
    if (by !== undefined) this.#handlers.seek((this.#position ?? this.to) + by * (event.shiftKey ? 10 : 1), true);
    else if (event.key === "Home") this.#handlers.seek(this.#first(), true);
    else if (event.key === "End") this.#handlers.seek(this.#last() - 1000, true);
    else if (event.key === "+" || event.key === "=") this.zoomIn();
    else if (event.key === "-") this.zoomOut();
    else return;
    event.preventDefault();
  }

  #handleKey(event, side) {
    const by = this.#by(event);
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    this.#moveHandle(side, this.selection[side] + by * (event.shiftKey ? 10 : 1));
    event.preventDefault();
  }

  close() {
    this.#sizes.disconnect();
  }
}
