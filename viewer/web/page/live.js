// One camera's WebSocket: frames in, acknowledgements out, the time asked now and then. It
// connects again for ever. It knows nothing of pictures on a screen.

import { liveURL } from "./address.js";
import { Backoff } from "./backoff.js";
import { Socket } from "./socket.js";

const timeEvery = 5000; // ms; also how a connection that died silently is noticed
const timesAtFirst = 4; // one after the other, to know the clock soon
const deadAfter = 11_000; // without any message, though the time was asked twice
const openWithin = 6000;

export class Live {
  // "stopped", "connecting" (never had a connection since start), "open", "lost"
  state = "stopped";
  // When state began, by performance.now().
  since = performance.now();

  #id;
  #preview;
  #clock;
  #handlers;
  #socket;
  #timer; // of the next try
  #deadline; // of this try
  #asking; // interval of the time exchange
  #backoff = new Backoff();
  #times = 0; // that the server has told its time on this connection

  // handlers: connected(), signal(message), and frame({header, blob, ack}), of Socket. preview asks for the small
  // pictures.
  constructor(id, clock, handlers, preview) {
    this.#id = id;
    this.#preview = preview;
    this.#clock = clock;
    this.#handlers = handlers;
  }

  start() {
    if (this.state !== "stopped") return;
    this.#become("connecting");
    this.#backoff.reset();
    this.#connect();
  }

  stop() {
    this.#become("stopped");
    this.#drop();
  }

  // hurry tries at once where the next try is being waited for: the server was seen again.
  hurry() {
    if (!this.#timer) return;
    this.#backoff.reset();
    this.#wait(Math.random() * 250);
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.since = performance.now();
  }

  #connect() {
    this.#drop();
    try {
      this.#socket = new Socket(liveURL(this.#id, this.#preview), {
        opened: () => this.#opened(),
        frame: (frame) => this.#frame(frame),
        message: (message) => this.#message(message),
        closed: () => this.#failed(),
      });
    } catch {
      this.#failed();
      return;
    }
    this.#deadline = setTimeout(() => this.#failed(), openWithin);
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    clearInterval(this.#asking);
    this.#socket?.close();
    this.#timer = this.#asking = this.#socket = undefined;
  }

  #opened() {
    clearTimeout(this.#deadline);
    this.#become("open");
    const socket = this.#socket;
    this.#handlers.connected();
    this.#times = 0;
    this.#askTime();
    this.#asking = setInterval(() => {
      if (performance.now() - socket.heard > deadAfter) {
        this.#failed();
        return;
      }
      this.#backoff.reset(); // it has lasted
      this.#askTime();
    }, timeEvery);
  }

  #failed() {
    this.#drop();
    this.#become("lost");
    this.#wait(this.#backoff.next());
  }

  #wait(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #askTime() {
    this.#socket?.send({ type: "time", t: this.#clock.now() });
  }

  #frame(frame) {
    this.#backoff.reset();
    this.#handlers.frame(frame);
  }

  #message(message) {
    if (message.type === "signal") this.#handlers.signal(message);
    else if (message.type === "time") {
      this.#clock.add(message.t, message.server_ms, this.#clock.now());
      if (++this.#times < timesAtFirst) this.#askTime();
    }
  }
}
