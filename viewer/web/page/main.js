// The page: which view is shown, and what reaches the views. The route is in the address after
// "#", so that a camera can be linked and Back works.

import { cameraInRoute, isRecordingsRoute, recordingsRoute, routeOf } from "./address.js";
import { Cameras } from "./cameras.js";
import { Clock } from "./clock.js";
import { setHidden, setText } from "./dom.js";
import { Grid } from "./grid.js";
import { listen } from "./keys.js";
import { Large } from "./large.js";
import { Together } from "./together.js";
import { Voice } from "./voice.js";

const refreshEvery = 250; // ms

const find = (id) => document.getElementById(id);
const clock = new Clock();
const grid = new Grid(find("grid"), clock);
const voice = new Voice(find("announcer"));

let large; // undefined while all cameras are shown
let together; // while all cameras are shown at one moment of their recordings
let list; // undefined before the first
let reachable; // undefined before the first answer

const cameras = new Cameras({
  list(newest) {
    list = newest;
    voice.changed(grid.setCameras(list));
    large?.setCameras(list);
    together?.setCameras();
    refresh();
  },
  server(is) {
    reachable = is;
    const banner = find("server-lost");
    setText(banner, is ? "" : "This page has lost its server. It keeps trying; what you see is not live.");
    setHidden(banner, is);
    if (is) {
      grid.hurry();
      large?.screen.hurry();
    }
    refresh();
  },
});

function refresh() {
  const now = performance.now();
  together?.refresh(now);
  grid.refresh(now, reachable);
  large?.refresh(now, reachable);
  grid.setSummary(find("summary"));
  voice.states(watched());
  const { cameras: n, troubled } = grid.summary();
  const title = large ? `${large.id} – lensbus` : n > 0 ? `${n} ${n === 1 ? "camera" : "cameras"} – lensbus` : "lensbus";
  const full = troubled > 0 ? `(${troubled} without signal) ${title}` : title;
  if (document.title !== full) document.title = full;
}

// watched is each camera on the screen now and what was judged of it.
function watched() {
  if (large) return [[large.id, large.screen.verdict.state]];
  return grid.ids().map((id) => [id, grid.tile(id).screen.verdict.state]);
}

function route() {
  const id = cameraInRoute(location.hash);
  const before = large?.id;
  const all = isRecordingsRoute(location.hash);
  if (id === before && all === Boolean(together)) return;
  const position = together?.playback.player.position(); // a camera of several is opened where they are
  if (all !== Boolean(together)) {
    together?.close();
    together = all ? new Together({ grid, section: find("together"), clock }) : undefined;
    setHidden(find("together"), !all);
    find("recordings-button").setAttribute("aria-pressed", String(all));
    grid.arrange();
  }
  const seed = grid.tile(id)?.screen;
  const moment = before === undefined ? position : undefined;
  large?.close();
  large = undefined;
  if (id !== undefined) {
    large = new Large({ id, section: find("large"), bar: find("bar-large"), clock, seed });
    large.setCameras(list);
    if (moment !== undefined) large.playback.player.seek(moment);
  }
  for (const name of ["grid", "bar-grid"]) setHidden(find(name), id !== undefined);
  for (const name of ["large", "bar-large"]) setHidden(find(name), id === undefined);
  document.body.dataset.view = id === undefined ? "grid" : "large";
  awake();
  refresh();
  if (large) {
    large.focus();
    scrollTo(0, 0);
  } else if (before !== undefined) {
    grid.tile(before)?.link.focus();
  }
}

// back leaves the large view, or the recordings, the way it was entered, so that Back after it does not open it again.
// The entry in the history knows whether all cameras are the one before.
function back() {
  route();
  if (!large && !together) return false;
  if (history.state?.fromGrid) {
    history.back();
  } else {
    history.replaceState(null, "", routeOf());
    route();
  }
  return true;
}

function open(id) {
  route(); // the address may have changed just now
  // From one large camera to another, Back goes to all cameras, not through every one that was seen.
  if (large) history.replaceState(history.state, "", routeOf(id));
  else history.pushState({ fromGrid: true }, "", routeOf(id));
  route();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#/']");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const id = cameraInRoute(link.hash);
  if (id === undefined) back();
  else open(id);
});
addEventListener("popstate", route);

// A page that nobody sees asks for nothing.
function awake() {
  const on = document.visibilityState === "visible";
  if (on) cameras.start();
  else cameras.stop();
  grid.setAwake(on && !large);
  together?.setAwake(on);
  large?.setAwake(on);
}
document.addEventListener("visibilitychange", () => {
  awake();
  refresh();
});
addEventListener("pageshow", awake);
addEventListener("online", () => {
  grid.hurry();
  large?.screen.hurry();
});

function full() {
  if (!document.fullscreenEnabled) return;
  if (document.fullscreenElement) document.exitFullscreen();
  // Refused where no gesture led here; there is nothing to do about it then.
  else (large ? large.stage : document.documentElement).requestFullscreen().catch(() => {});
}
// recordings goes to all cameras at one moment and back.
function recordings() {
  if (large) return false;
  if (together) return back();
  history.pushState({ fromGrid: true }, "", recordingsRoute);
  route();
}
find("recordings-button").addEventListener("click", recordings);

setHidden(find("fullscreen-button"), !document.fullscreenEnabled);
find("fullscreen-button").addEventListener("click", full);
document.addEventListener("full", full);
find("keys-button").addEventListener("click", () => find("keys").showModal());
find("keys-close").addEventListener("click", () => find("keys").close());

// playback is what plays recordings now, if anything.
const playback = () => (large ?? together)?.playback;

listen({
  move(across, down) {
    if (!large) return grid.move(across, down);
    if (across === 0) return false; // up and down scroll the details
    large.go(across < 0 ? "previous" : "next");
  },
  number(n) {
    const id = grid.ids()[n - 1];
    if (id !== undefined) open(id);
    else if (n === 0) back();
  },
  back,
  full,
  play: () => playback()?.toggle() ?? false,
  step: (frames) => playback()?.step(frames) ?? false,
  jump: (ms) => playback()?.jump(ms) ?? false,
  live: () => playback()?.live() ?? false,
  mark: (side) => playback()?.mark(side) ?? false,
  recordings,
  save: () => (large ? large.save() : false),
  help: () => find("keys").showModal(),
}, () => grid.ids().length);

route();
document.body.dataset.view ??= "grid";
awake();
setInterval(refresh, refreshEvery);
