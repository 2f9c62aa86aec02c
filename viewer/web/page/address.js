// Where things are on the server, relative to the page, so that it also works below a path of
// somebody's reverse proxy.

const idPattern = /^[a-z0-9][a-z0-9_-]{0,31}$/;

export const isCameraID = (text) => typeof text === "string" && idPattern.test(text);

const at = (path) => new URL(path, document.baseURI);
const camera = (id, rest) => at(`cameras/${encodeURIComponent(id)}/${rest}`);

export const camerasURL = () => at("api/cameras").href;
export const eventsURL = () => at("api/events").href;
export const detailURL = (id) => at(`api/cameras/${encodeURIComponent(id)}`).href;
export const settingsURL = (id) => at(`api/cameras/${encodeURIComponent(id)}/settings`).href;
export const snapshotURL = (id) => camera(id, "snapshot.jpg").href;

export function liveURL(id, preview) {
  return socket(camera(id, preview ? "live?ack=1&preview=1" : "live?ack=1"));
}

// rangesURL is what is recorded between two moments; an infinite one is no bound.
export function rangesURL(id, from, to) {
  const url = at(`api/cameras/${encodeURIComponent(id)}/ranges`);
  if (Number.isFinite(from) && from > 1) url.searchParams.set("from", instant(Math.floor(from)));
  if (Number.isFinite(to)) url.searchParams.set("to", instant(Math.ceil(to) + 1));
  return url.href;
}

const socket = (url) => {
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
};

// Moments are Unix milliseconds.
const instant = (ms) => new Date(Math.round(ms)).toISOString();

// replayURL is a replay that stands still at a moment, and waits through what is missing.
export const replayURL = (id, from, speed) =>
  socket(camera(id, `replay?ack=1&paused=1&gaps=wait&speed=${speed}&from=${instant(Math.floor(from))}`));

// A moment may also be as a recorder has told it.
const moment = (at) => (typeof at === "string" ? encodeURIComponent(at) : instant(at));

export const exportURL = (id, from, to) => camera(id, `export.mp4?from=${moment(from)}&to=${moment(to)}`).href;

// Routes of the page itself: "#/" is all cameras, "#/front" is one.
export const routeOf = (id) => (id === undefined ? "#/" : `#/${id}`);

// recordingsRoute is all cameras at one moment of their recordings. No camera is called that.
export const recordingsRoute = "#/!recordings";
export const isRecordingsRoute = (hash) => hash === recordingsRoute;

// cameraInRoute returns the id in a hash; undefined for all cameras, and for anything that is no id.
export function cameraInRoute(hash) {
  const id = hash.replace(/^#\/?/, "");
  return isCameraID(id) ? id : undefined;
}
