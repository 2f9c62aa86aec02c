// Recordings below a picture: the timeline with its controls, a list of what is missing, and a part
// to be taken away as a file. Of one camera, or of several in step.

import { exportURL } from "./address.js";
import { h, icon, setData, setHidden, setText } from "./dom.js";
import { lasting } from "./format.js";
import { gapLine } from "./lanes.js";
import { exact, exactTime } from "./moment.js";
import { Player, speeds } from "./player.js";
import { sizes } from "./stretches.js";
import { Timeline } from "./timeline.js";

const minute = 60_000;
const hour = 60 * minute;
const scales = [[minute, "1 min"], [10 * minute, "10 min"], [hour, "1 h"], [6 * hour, "6 h"], [24 * hour, "24 h"], [0, "All"]];
const mostGaps = 200; // in the list
const mostParts = 12; // of a selection, as files
const selectAtFirst = 15_000; // ms, either side

const icons = {
  play: "M7 5v14l12-7z",
  pause: "M8 5v14M16 5v14",
  stepBack: "M18 6l-8 6 8 6zM6 6v12",
  stepForward: "M6 6l8 6-8 6zM18 6v12",
  back: "M12 6l-7 6 7 6zM20 6l-7 6 7 6z",
  forward: "M4 6l7 6-7 6zM12 6l7 6-7 6z",
  in: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M11 8v6M8 11h6",
  out: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M8 11h6",
  download: "M12 4v11M7 10l5 5 5-5M5 20h14",
};

const tool = (path, label, onclick, properties = {}) =>
  h("button", { type: "button", class: "tool", title: label, "aria-label": label, onclick, ...properties }, icon(path));

export class Recordings {
  element;
  player;
  timeline;

  #clock;
  #records = new Map(); // Recorded by id
  #single;
  #hint = h("p", { class: "rec-hint" });
  #body;
  #playButton;
  #playPath;
  #steps;
  #speed;
  #place = h("p", { class: "rec-place" });
  #note = h("p", { class: "rec-note", role: "status" });
  #live;
  #scale;
  #selectButton;
  #selected;
  #selectedText = h("span", { class: "rec-selected-text" });
  #download;
  #parts = h("span", { class: "rec-parts", hidden: true });
  #partsShown = "";
  #gaps;
  #gapsSummary = h("summary", {});
  #gapsList = h("ul", { class: "rec-gaps-list" });
  #gapsShown = "";
  #resume = false; // was playing when the drag began
  #frames; // animation frame
  #now; // the newest picture's moment while live
  #following = true;
  #closed = false;

  // single is whether this is below one camera's picture; now() is the capture time of its live
  // picture, or undefined.
  constructor({ clock, single, now }) {
    this.#clock = clock;
    this.#single = single;
    this.#now = now;
    this.player = new Player(clock, () => this.refresh());
    this.timeline = new Timeline({
      seek: (moment, done) => this.#seek(moment, done),
      select: () => this.refresh(),
      moved: () => {
        this.#following = false;
        this.#scale.value = "";
        this.refresh();
      },
    });
    this.#build();
  }

  #build() {
    this.#playButton = tool(icons.play, "Play (Space)", () => this.toggle(), { class: "tool rec-play", data: { does: "play" } });
    this.#playPath = this.#playButton.querySelector("path");
    this.#steps = [
      tool(icons.stepBack, "One frame back (,)", () => this.step(-1), { data: { does: "step-back" } }),
      tool(icons.stepForward, "One frame on (.)", () => this.step(1), { data: { does: "step-forward" } }),
    ];
    this.#speed = h("select", { class: "rec-speed", "aria-label": "Speed", title: "Speed", onchange: () => this.player.setSpeed(Number(this.#speed.value)) },
      ...speeds.map((speed) => h("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
    this.#live = h("button", { type: "button", class: "button rec-live", title: "Back to live (l)", onclick: () => this.live() },
      h("span", { class: "rec-live-dot", "aria-hidden": "true" }), "Live");
    this.#scale = h("select", { class: "rec-scale", "aria-label": "Length of the scale", title: "Length of the scale", onchange: () => this.#setScale(Number(this.#scale.value)) },
      h("option", { value: "", hidden: true }, "–"), ...scales.map(([ms, text]) => h("option", { value: ms, selected: ms === 10 * minute }, text)));
    this.#selectButton = h("button", { type: "button", class: "button rec-select", "aria-pressed": "false", title: "Select a part to download (i: from here, o: up to here)", onclick: () => this.#toggleSelection() }, "Select");
    this.#download = h("a", { class: "button rec-download", download: "" }, icon(icons.download), h("span", {}, "Download"));
    this.#selected = h("div", { class: "rec-selected", hidden: true }, this.#selectedText, this.#single ? this.#download : "", this.#parts);
    this.#gaps = h("details", { class: "rec-gaps", hidden: true }, this.#gapsSummary, this.#gapsList);

    this.#body = h("div", { class: "rec-body", hidden: true },
      h("div", { class: "rec-row rec-controls", role: "group", "aria-label": "Playback" },
        tool(icons.back, "10 s back (j)", () => this.jump(-10_000), { data: { does: "back" } }),
        this.#single ? this.#steps[0] : "",
        this.#playButton,
        this.#single ? this.#steps[1] : "",
        tool(icons.forward, "10 s on (k)", () => this.jump(10_000), { data: { does: "forward" } }),
        this.#speed, this.#place, this.#live),
      this.timeline.element,
      h("div", { class: "rec-row rec-scales" },
        tool(icons.out, "Longer scale (−)", () => this.timeline.zoomOut(), { data: { does: "zoom-out" } }),
        this.#scale,
        tool(icons.in, "Shorter scale (+)", () => this.timeline.zoomIn(), { data: { does: "zoom-in" } }),
        this.#single ? this.#selectButton : "",
        this.#selected,
        this.#note, this.#gaps));
    this.element = h("section", { class: "recordings", "aria-label": "Recordings", hidden: true, data: { mode: "live" } }, this.#hint, this.#body);
  }

  // add takes a camera in: its screen, and what Recorded says of it, which stays the caller's.
  add(recorded, screen) {
    this.#records.set(recorded.id, recorded);
    this.player.add(recorded.id, screen, recorded);
  }

  remove(id) {
    this.#records.delete(id);
    this.player.remove(id);
  }

  get #list() {
    return [...this.#records.values()];
  }

  get #some() {
    return this.#list.filter((record) => record.any);
  }

  // What somebody does.

  #seek(moment, done) {
    const { player } = this;
    if (!this.#resume && (player.playing || player.mode === "live")) this.#resume = true;
    if (!done) player.playing = false;
    this.#following = true;
    player.seek(this.#within(moment));
    if (!done) return;
    if (this.#resume) player.play();
    this.#resume = false;
  }

  // within keeps a moment inside of what is recorded.
  #within(moment) {
    const some = this.#some;
    const first = Math.min(...some.map((record) => record.first()));
    const last = Math.max(...some.map((record) => record.last()), this.#present() ?? -Infinity);
    return Math.min(Math.max(moment, first), last);
  }

  // present is the newest moment there can be.
  #present() {
    return this.#now() ?? this.#clock.serverNow() ?? Date.now();
  }

  // toggle plays or stands still. It says false where there is nothing to play.
  toggle() {
    if (this.#some.length === 0) return false;
    const { player } = this;
    if (player.mode === "live") player.pause(this.#within(this.#present()));
    else if (player.playing) player.pause();
    else player.play();
    this.refresh();
    return true;
  }

  step(frames) {
    if (this.#some.length === 0 || !this.#single) return false;
    if (this.player.mode === "live") this.player.pause(this.#within(this.#present()));
    else this.player.step(frames);
    return true;
  }

  jump(by) {
    if (this.#some.length === 0) return false;
    const { player } = this;
    const from = player.position() ?? this.#within(this.#present());
    if (player.mode === "live") player.playing = true;
    this.#following = true;
    player.seek(this.#within(from + by));
    return true;
  }

  live() {
    if (this.player.mode === "live") return false;
    this.#following = true;
    this.player.live();
    return true;
  }

  // mark sets the beginning ("from") or the end ("to") of the selection to where playback is.
  mark(side) {
    if (this.#some.length === 0 || !this.#single) return false;
    const at = this.player.position() ?? this.#within(this.#present());
    const old = this.timeline.selection ?? { from: at - selectAtFirst, to: at + selectAtFirst };
    const selection = { ...old, [side]: at };
    if (selection.from >= selection.to) selection[side === "from" ? "to" : "from"] = side === "from" ? at + selectAtFirst : at - selectAtFirst;
    this.timeline.setSelection(selection);
    this.refresh();
    return true;
  }

  #toggleSelection() {
    if (this.timeline.selection) this.timeline.setSelection(undefined);
    else {
      const at = this.player.position() ?? this.#within(this.#present());
      const half = Math.min(selectAtFirst, this.timeline.span / 6);
      const to = Math.min(at + half, this.#within(Infinity));
      this.timeline.setSelection({ from: this.#within(to - 2 * half), to });
    }
    this.refresh();
  }

  #setScale(ms) {
    const some = this.#some;
    if (some.length === 0) return;
    if (ms === 0) {
      const first = Math.min(...some.map((record) => record.first()));
      const last = Math.max(...some.map((record) => record.last()), this.player.mode === "live" ? this.#present() : 0);
      const room = (last - first) * 0.02;
      this.timeline.show(first - room, last + room);
      this.#following = false;
    } else {
      const at = this.player.position() ?? this.#present();
      const share = this.player.mode === "live" ? 0.96 : 0.5;
      this.timeline.show(at - share * ms, at + (1 - share) * ms);
      this.#following = true;
    }
    this.refresh();
  }

  // What is to be seen.

  // refresh shows the newest. It may be called at any time.
  refresh() {
    if (this.#closed) return;
    const { player, timeline } = this;
    player.refresh();
    const records = this.#list;
    const some = this.#some;
    setHidden(this.element, records.length === 0);
    setHidden(this.#body, some.length === 0);
    setText(this.#hint, hint(records, this.#single));
    setHidden(this.#hint, this.#hint.textContent === "");
    setData(this.element, "mode", player.mode);
    const live = player.mode === "live";
    const position = live ? this.#present() : player.position();
    if (this.#following) timeline.follow(position, live);
    for (const record of records) record.see(timeline.from, timeline.to);
    timeline.draw(some, position, live);
    this.#refreshControls(live, position);
    this.#refreshSelection(some);
    this.#refreshGaps(some);
    this.#animate(player.playing && !player.seeking);
  }

  #refreshControls(live, position) {
    const { player } = this;
    const does = live || player.playing ? "pause" : "play";
    if (this.#playButton.dataset.does !== does) {
      setData(this.#playButton, "does", does);
      this.#playPath.setAttribute("d", icons[does]);
      const label = does === "play" ? "Play (Space)" : "Pause (Space)";
      this.#playButton.title = label;
      this.#playButton.setAttribute("aria-label", label);
    }
    this.#refreshPlace(position);
    setData(this.#live, "on", String(live));
    setData(this.element, "ended", String(player.ended));
    if (this.#live.disabled !== live) this.#live.disabled = live;
    setText(this.#note, player.ended ? "End of the recording" : "");
  }

  #refreshPlace(position) {
    const { player } = this;
    const shown = this.#single ? player.shown(this.#list[0].id) : undefined;
    setText(this.#place, player.mode === "live" ? "" : exact(shown ?? position));
  }

  #refreshSelection(some) {
    const { selection } = this.timeline;
    setHidden(this.#selected, selection === undefined);
    if (this.#selectButton.getAttribute("aria-pressed") !== String(selection !== undefined)) {
      this.#selectButton.setAttribute("aria-pressed", String(selection !== undefined));
    }
    if (!selection || some.length === 0) return;
    const [record] = some;
    const { from, to } = selection;
    const bytes = record.bytes(from, to);
    const known = record.knows(from, to);
    const parts = known ? sizes(record.spans, from, to) : [];
    const size = bytes > 0 ? `, about ${megabytes(bytes)}` : known ? ", nothing recorded" : "";
    const changes = parts.length > 1 ? `. The picture changes its size ${parts.length === 2 ? `at ${exactTime(parts[1].at)}` : `${parts.length - 1} times`}: a file for each` : "";
    setText(this.#selectedText, `${exactTime(from)} to ${exactTime(to)}: ${long(to - from)}${size}${changes}`);
    const href = exportURL(record.id, from, to);
    if (this.#download.href !== href) this.#download.href = href;
    setHidden(this.#download, known && bytes === 0 || parts.length > 1);
    this.#refreshParts(record.id, parts.length > 1 ? parts : []);
  }

  // One file has pictures of one size: where that changes, each part is a file.
  #refreshParts(id, parts) {
    const shown = parts.map(({ from, to, width, height }) => `${from} ${to} ${width} ${height}`).join();
    if (shown === this.#partsShown) return;
    this.#partsShown = shown;
    setHidden(this.#parts, parts.length === 0);
    this.#parts.replaceChildren(...parts.slice(0, mostParts).map(({ from, to, at, width, height }) =>
      h("a", { class: "button rec-part", download: "", href: exportURL(id, from, to), title: `From ${exact(at)}` }, icon(icons.download), h("span", {}, `${width}×${height}`))),
    ...(parts.length > mostParts ? [h("span", {}, `and ${parts.length - mostParts} more: select less`)] : []));
  }

  #refreshGaps(some) {
    const { from, to } = this.timeline;
    const gaps = this.#single && some.length > 0 ? some[0].gaps.filter((gap) => gap.to >= from && gap.from <= to) : [];
    const shown = `${gaps.length} ${gaps.slice(-mostGaps).map((gap) => `${gap.from} ${gap.to} ${gap.reason}`).join()}`;
    setHidden(this.#gaps, gaps.length === 0);
    if (shown === this.#gapsShown) return;
    this.#gapsShown = shown;
    setText(this.#gapsSummary, `${gaps.length} ${gaps.length === 1 ? "gap" : "gaps"}`);
    this.#gapsList.replaceChildren(...gaps.slice(-mostGaps).reverse().map((gap) =>
      h("li", { data: { reason: gap.reason } }, h("button", { type: "button", onclick: () => this.#seek(gap.from, true) }, gapLine(gap)))));
  }

  // animate moves the playhead with every picture of the screen while it plays.
  #animate(on) {
    if (!on || this.#frames !== undefined) return;
    this.#frames = requestAnimationFrame(() => {
      this.#frames = undefined;
      const { player, timeline } = this;
      if (this.#closed || !player.playing) return;
      const position = player.position();
      if (this.#following) timeline.follow(position, false);
      timeline.draw(this.#some, position, false);
      this.#refreshPlace(position);
      this.#animate(true);
    });
  }

  close() {
    this.#closed = true;
    cancelAnimationFrame(this.#frames);
    this.player.close();
    this.timeline.close();
    this.element.remove();
  }
}

// hint is what to say where there is no timeline, or what is wrong with it.
function hint(records, single) {
  if (records.length === 0) return "";
  if (!single) {
    if (records.some((record) => record.any) || records.some((record) => record.state === "asking")) return "";
    return "Not recorded: no recorder keeps any of these cameras.";
  }
  const [{ state, reason, any }] = records;
  if (state === "some") return any ? "" : "A recorder is there; nothing is recorded yet.";
  if (any && state !== "asking") return state === "none" ? "The recorder has gone. Live goes on." : `The recorder does not answer: ${reason}`;
  if (state === "none") return "Not recorded: no recorder keeps this camera.";
  return state === "failed" ? `What is recorded is not known: ${reason}` : "";
}

const megabytes = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))}\u00a0kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)}\u00a0MB`);
const long = (ms) => (ms < 60_000 ? `${(ms / 1000).toFixed(1)}\u00a0s` : lasting(ms));
