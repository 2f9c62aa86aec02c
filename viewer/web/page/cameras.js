// The list of cameras, from the server's event stream; where that does not get through (some
// proxies hold event streams back), by asking every two seconds. It also knows whether there is a
// server at all.

import { camerasURL, eventsURL, isCameraID } from "./address.js";
import { Backoff } from "./backoff.js";

const pollEvery = 2000; // ms
const eventsWithin = 4000; // a stream that has said nothing by then is held back
const silentFor = 15_000; // a stream that had spoken may be dead
const pollsBetween = 15; // tries of a stream that was held back
const answerWithin = 5000;

export class Cameras {
  #handlers;
  #events;
  #timer;
  #watchdog;
  #asking; // AbortController of a request
  #running = false;
  #polls = 0; // still to do before the event stream is tried again
  #backoff = new Backoff();
  #reachable; // undefined before the first answer

  // handlers: list(array of cameras), and server(reachable) on every change.
  constructor(handlers) {
    this.#handlers = handlers;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#listen();
  }

  stop() {
    this.#running = false;
    this.#end();
  }

  #end() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#asking?.abort();
    this.#events?.close();
    this.#events = this.#asking = undefined;
  }

  #listen() {
    this.#end();
    const events = new EventSource(eventsURL());
    this.#events = events;
    events.onmessage = (event) => {
      this.#watch(silentFor, 0);
      this.#backoff.reset();
      this.#take(event.data);
    };
    // The browser's own tries are at a fixed pace and end with the first odd answer: ours do not.
    events.onerror = () => this.#ask();
    this.#watch(eventsWithin, pollsBetween);
  }

  // watch asks when the event stream has said nothing for ms.
  #watch(ms, polls) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#polls = polls;
      this.#ask();
    }, ms);
  }

  // ask fetches the list once; then the event stream is tried again, or the next time comes.
  async #ask() {
    this.#end();
    const asking = new AbortController();
    this.#asking = asking;
    const late = setTimeout(() => asking.abort(), answerWithin);
    let ok = false;
    try {
      const answer = await fetch(camerasURL(), { signal: asking.signal, cache: "no-store" });
      ok = answer.ok;
      if (ok) {
        const text = await answer.text();
        if (this.#asking !== asking) return;
        this.#take(text);
      }
    } catch {
      // no server: said below
    } finally {
      clearTimeout(late);
    }
    if (!this.#running || this.#asking !== asking) return;
    if (!ok) {
      this.#say(false);
      this.#timer = setTimeout(() => this.#ask(), this.#backoff.next());
    } else if (this.#polls > 0) {
      this.#polls--;
      this.#timer = setTimeout(() => this.#ask(), pollEvery);
    } else {
      this.#timer = setTimeout(() => this.#listen(), this.#backoff.next());
    }
  }

  #take(text) {
    let list;
    try {
      list = JSON.parse(text);
    } catch {
      return;
    }
    this.#say(true);
    if (!Array.isArray(list)) return;
    this.#handlers.list(list.filter((camera) => isCameraID(camera?.id)));
  }

  #say(reachable) {
    if (this.#reachable === reachable) return;
    this.#reachable = reachable;
    this.#handlers.server(reachable);
  }
}
