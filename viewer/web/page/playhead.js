// Where playback is: a moment of the recording, in Unix milliseconds by the publisher's clock, that
// moves on as performance.now() does. Pure logic: now comes from the caller.

export class Playhead {
  playing = false;
  speed = 1;

  #position = 0;
  #since = 0;

  at(now) {
    return this.playing ? this.#position + (now - this.#since) * this.speed : this.#position;
  }

  set(position, now) {
    this.#position = position;
    this.#since = now;
  }

  play(now) {
    this.set(this.at(now), now);
    this.playing = true;
  }

  pause(now) {
    this.set(this.at(now), now);
    this.playing = false;
  }

  setSpeed(speed, now) {
    this.set(this.at(now), now);
    this.speed = speed;
  }
}
