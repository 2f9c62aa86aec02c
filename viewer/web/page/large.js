// One camera large, with what is to be known of it. Panels stand in `.panels` beside the picture
// (below it on a narrow screen), and whatever runs along in time goes into `.below`.

import { routeOf, snapshotURL } from "./address.js";
import { Details } from "./details.js";
import { h, icon, setData, setHidden, setText } from "./dom.js";
import { age, rate } from "./format.js";
import { exact } from "./moment.js";
import { Recorded } from "./recorded.js";
import { Recordings } from "./recordings.js";
import { Screen } from "./screen.js";
import { Settings } from "./settings.js";

const all = "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z";
const previous = "M14 6l-6 6 6 6";
const next = "M10 6l6 6-6 6";
const download = "M12 4v11M7 10l5 5 5-5M5 20h14";
const expand = "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5";

export class Large {
  id;
  stage;
  screen;

  #section;
  #bar;
  #clock;
  #details = new Details();
  #settings;
  #heading;
  #dot = h("span", { class: "dot" });
  #previous;
  #next;
  #snapshot;
  #hud;
  #camera = {};
  #listed = true;
  #awake = true;
  #recorded;
  #recordings;
  #still; // address of a recorded picture that was saved

  // section is where the view goes, bar where its part of the top bar goes; seed, if any, is the
  // screen of the tile that was opened.
  constructor({ id, section, bar, clock, seed }) {
    this.id = id;
    this.#section = section;
    this.#bar = bar;
    this.#clock = clock;
    this.screen = new Screen(id, clock);
    if (seed) this.screen.takeOver(seed);

    this.#heading = h("h1", { class: "camera-name", tabindex: "-1" }, id);
    this.#previous = h("a", { class: "tool", data: { go: "previous" }, title: "Previous camera (←)", "aria-label": "Previous camera" }, icon(previous));
    this.#next = h("a", { class: "tool", data: { go: "next" }, title: "Next camera (→)", "aria-label": "Next camera" }, icon(next));
    this.#snapshot = h("a", { class: "tool", id: "snapshot", href: snapshotURL(id), download: "", title: "Save a snapshot (s)", "aria-label": `Save a snapshot of camera ${id}` }, icon(download));
    this.#snapshot.addEventListener("click", () => this.#nameSnapshot());
    bar.replaceChildren(
      h("a", { class: "tool back", href: routeOf(), title: "All cameras (Esc)", "aria-label": "All cameras" }, icon(all)),
      this.#dot, this.#heading, h("span", { class: "spacer" }), this.#previous, this.#next, this.#snapshot);

    this.#settings = new Settings(id);
    this.#details.add(this.#settings.element);

    this.#recorded = new Recorded(id);
    this.#recordings = new Recordings({ clock, single: true, now: () => this.screen.newest() });
    this.#recordings.add(this.#recorded, this.screen);

    this.#hud = h("p", { class: "hud", "aria-hidden": "true" });
    const full = h("button", { type: "button", class: "tool stage-full", title: "Full screen (f)", "aria-label": "Full screen", onclick: () => this.stage.dispatchEvent(new Event("full", { bubbles: true })) }, icon(expand));
    this.stage = h("div", { class: "stage" }, this.screen.element, this.#hud, document.fullscreenEnabled ? full : "");
    section.replaceChildren(
      h("div", { class: "large" },
        h("div", { class: "watching" }, this.stage, h("div", { class: "below" }, this.#recordings.element)),
        h("aside", { class: "panels", "aria-label": `About camera ${id}` }, this.#details.element)));
    setData(section, "camera", id);
  }

  focus() {
    this.#heading.focus({ preventScroll: true });
  }

  setAwake(awake) {
    this.#awake = awake;
    this.screen.watch(awake);
    if (!awake) this.#recordings.player.pause();
    this.#settings.setAwake(awake);
  }

  // setCameras takes the list; list is undefined while none has come.
  setCameras(list) {
    if (!list) return;
    const index = list.findIndex((camera) => camera.id === this.id);
    this.#listed = index >= 0;
    if (this.#listed) this.#camera = list[index];
    this.#neighbour(this.#previous, list[index - 1] ?? list.at(-1));
    this.#neighbour(this.#next, list[index + 1] ?? list[0]);
  }

  #neighbour(link, camera) {
    const other = camera !== undefined && camera.id !== this.id;
    setHidden(link, !other);
    if (other) link.href = routeOf(camera.id);
  }

  // go follows the link to the previous or next camera, if there is one.
  go(which) {
    const link = which === "previous" ? this.#previous : this.#next;
    if (!link.hidden) link.click();
  }

  save() {
    this.#snapshot.click();
  }

  // nameSnapshot makes what is saved the picture on the screen: the camera's newest, or the recorded one.
  #nameSnapshot() {
    URL.revokeObjectURL(this.#still);
    this.#still = undefined;
    const kept = this.screen.kept();
    if (kept) this.#still = URL.createObjectURL(kept.blob);
    this.#snapshot.href = this.#still ?? snapshotURL(this.id);
    const time = new Date(kept ? kept.header.captured_ms : Date.now()).toISOString().slice(0, kept ? 23 : 19).replaceAll(":", "-");
    this.#snapshot.download = `${this.id}-${time}Z.jpg`;
  }

  // playback is the camera's recordings.
  get playback() {
    return this.#recordings;
  }

  refresh(now, reachable) {
    if (this.#awake) this.#recorded.refresh(now);
    this.#recordings.refresh();
    this.screen.refresh(now, { camera: this.#camera, gone: !this.#listed, reachable });
    const { state, title } = this.screen.verdict;
    const { width, height } = this.screen.resolution();
    if (width > 0) this.stage.style.setProperty("--aspect", String(width / height));
    setData(this.#section, "state", state);
    setData(this.#bar, "state", state);
    const { meter } = this.screen;
    const recorded = state === "recorded" ? `${this.id}   recorded   ${exact(this.screen.kept()?.header.captured_ms)}` : undefined;
    setText(this.#hud, recorded ?? (state === "live" ? `${this.id}   ${rate(meter.fps(now))} fps   ${age(this.screen.age(now), this.screen.within())}` : `${this.id}   ${title}`));
    this.#settings.refresh(this.#listed ? this.#camera : undefined, now);
    this.#details.refresh({ camera: this.#camera, screen: this.screen, now, clock: this.#clock });
  }

  close() {
    this.#recordings.close();
    this.#recorded.close();
    URL.revokeObjectURL(this.#still);
    this.screen.close();
    this.#settings.close();
    this.#section.replaceChildren();
    this.#bar.replaceChildren();
  }
}
