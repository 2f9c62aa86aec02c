// One camera's WebSocket: frames in, acknowledgements out, the time asked now and then. It
// connects again for ever. It knows nothing of pictures on a screen.

import { liveURL } from "./address.js";
import { Backoff } from "./backoff.js";

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
  #header; // of the frame whose picture comes next
  #heard = 0;
  #times = 0; // that the server has told its time on this connection

  // handlers: connected(), signal(message), and frame({header, blob, ack}). ack() tells the server
  // that the frame is on the screen; it returns false where the connection is another by now.
  // preview asks for the small pictures.
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
    let socket;
    try {
      socket = new WebSocket(liveURL(this.#id, this.#preview));
    } catch { // refused by a policy of the browser
      this.#failed();
      return;
    }
    socket.binaryType = "blob";
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#message(socket, event.data);
    socket.onclose = () => this.#failed();
    this.#socket = socket;
    this.#deadline = setTimeout(() => this.#failed(), openWithin);
  }

  // drop forgets the socket without waiting for a server that may not answer any more.
  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    clearInterval(this.#asking);
    this.#timer = this.#asking = this.#header = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #opened() {
    clearTimeout(this.#deadline);
    this.#become("open");
    this.#heard = performance.now();
    this.#handlers.connected();
    this.#times = 0;
    this.#askTime();
    this.#asking = setInterval(() => {
      if (performance.now() - this.#heard > deadAfter) {
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

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #askTime() {
    this.#send({ type: "time", t: this.#clock.now() });
  }

  #message(socket, data) {
    this.#heard = performance.now();
    if (typeof data !== "string") {
      const header = this.#header;
      this.#header = undefined;
      if (!header) return; // a picture without a header says nothing
      this.#backoff.reset();
      this.#handlers.frame({ header, blob: data, ack: () => this.#ack(socket, header.n) });
      return;
    }
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message === null || typeof message !== "object") return;
    if (message.type === "frame") this.#header = message;
    else if (message.type === "signal") this.#handlers.signal(message);
    else if (message.type === "time") {
      this.#clock.add(message.t, message.server_ms, this.#clock.now());
      if (++this.#times < timesAtFirst) this.#askTime();
    }
  }

  #ack(socket, n) {
    if (socket !== this.#socket) return false;
    this.#send({ type: "ack", n });
    return true;
  }
}
