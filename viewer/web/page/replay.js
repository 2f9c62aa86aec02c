// One camera's replay: a WebSocket that recorded pictures come in on when the playhead gets to them,
// and commands go out on. It knows nothing of pictures on a screen, nor of other cameras.

import { replayURL } from "./address.js";
import { Backoff } from "./backoff.js";
import { Socket } from "./socket.js";

const pulseEvery = 5000; // ms
const deadAfter = 12_000;

export class Replay {
  #id;
  #clock;
  #handlers;
  #socket;
  #timer;
  #pulse;
  #backoff = new Backoff();
  #closed = false;

  #number = 0; // of the newest command
  #seek = 0; // of the newest seek: what follows an older command is of another moment
  #opening = 0; // of the seek that the socket was opened with
  #position; // of that seek
  #speed = 1;
  #playing; // position to play from, when the socket opens; undefined: stand still

  // handlers: frame({header, blob, ack}), next(message), state(message) and lost(). What is of an
  // older seek is left out. frame is as Socket has it.
  constructor(id, clock, handlers) {
    this.#id = id;
    this.#clock = clock;
    this.#handlers = handlers;
  }

  // seek stands still and shows the first picture at or after a moment.
  seek(position) {
    this.#position = position;
    this.#playing = undefined;
    this.#seek = this.#number + 2;
    if (!this.#send({ type: "pause" }) || !this.#send({ type: "seek", position_ms: position })) {
      this.#number = this.#seek;
      if (!this.#socket && !this.#timer) this.#connect();
    }
  }

  // play goes on from a moment, by the clock of the page.
  play(position, speed) {
    if (speed !== this.#speed) {
      this.#speed = speed;
      this.#send({ type: "speed", speed });
    }
    this.#playing = position;
    this.#send({ type: "play", position_ms: position });
  }

  pause() {
    this.#playing = undefined;
    this.#send({ type: "pause" });
  }

  step(frames) {
    this.#playing = undefined;
    this.#send({ type: "step", frames });
  }

  // rest gives the connection up until the next seek: there is nobody to be asked.
  rest() {
    this.#drop();
  }

  close() {
    this.#closed = true;
    this.#drop();
  }

  // send says whether the message has left.
  #send(message) {
    if (!this.#socket?.send({ ...message, id: this.#number + 1 })) return false;
    this.#number++;
    return true;
  }

  #connect() {
    this.#drop();
    if (this.#closed) return;
    this.#opening = this.#seek;
    try {
      this.#socket = new Socket(replayURL(this.#id, this.#position, this.#speed), {
        opened: () => this.#opened(),
        frame: (frame) => this.#frame(frame),
        message: (message) => this.#message(message),
        closed: () => this.#failed(),
      });
    } catch {
      this.#failed();
    }
  }

  #drop() {
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    this.#socket?.close();
    this.#timer = this.#pulse = this.#socket = undefined;
  }

  #opened() {
    if (this.#opening !== this.#seek) { // somewhere else by now
      this.#number = Math.max(this.#number, this.#seek - 1);
      this.#seek = this.#number + 1;
      this.#send({ type: "seek", position_ms: this.#position });
    }
    if (this.#playing !== undefined) this.play(this.#playing, this.#speed);
    const socket = this.#socket;
    this.#pulse = setInterval(() => {
      if (performance.now() - socket.heard > deadAfter) {
        this.#failed();
        return;
      }
      socket.send({ type: "time", t: this.#clock.now() });
    }, pulseEvery);
  }

  #failed() {
    this.#drop();
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#connect(), this.#backoff.next());
    this.#handlers.lost();
  }

  // follows says whether a message is about where the page wants to be: on a new socket the first
  // ones follow no command.
  #follows(message) {
    return message.re >= this.#seek || (message.re === 0 && this.#opening === this.#seek);
  }

  #frame(frame) {
    if (!this.#follows(frame.header)) {
      frame.ack();
      return;
    }
    this.#backoff.reset();
    this.#position = frame.header.captured_ms;
    this.#handlers.frame(frame);
  }

  #message(message) {
    if (message.type === "time") this.#clock.add(message.t, message.server_ms, this.#clock.now());
    else if (!this.#follows(message)) return;
    else if (message.type === "next") this.#handlers.next(message);
    else if (message.type === "state") this.#handlers.state(message);
  }
}
