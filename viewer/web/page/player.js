// Playback of one camera or of several in step: one playhead, and a replay for each camera. Nobody
// waits for a slow camera longer than a second: it then shows its pictures when they come.

import { Playhead } from "./playhead.js";
import { because } from "./recorded.js";
import { Replay } from "./replay.js";
import { whole } from "./moment.js";

const answersWithin = 1000; // ms, of the slowest camera, after a seek
const sayPlaceEvery = 2000; // to the replays, while playing
const step = { forward: 1, back: -1 };

// speeds that can be chosen.
export const speeds = [0.25, 0.5, 1, 2, 4, 8, 16];

export class Player {
  mode = "live"; // or "recorded"
  playing = false; // or about to, after a seek
  ended = false; // nothing comes after what is on the screen
  speed = 1;

  #clock;
  #changed;
  #tracks = new Map();
  #head = new Playhead();
  #wanted; // where to go next: the newest of several
  #seeking; // timer of the seek under way
  #told = 0; // when the replays were told the place

  // changed() is called when there is something else to be shown.
  constructor(clock, changed) {
    this.#clock = clock;
    this.#changed = changed;
  }

  // add has a camera play too: on screen, from what recorded says there is.
  add(id, screen, recorded) {
    this.#tracks.set(id, new Track(id, screen, recorded, this.#clock, (track) => this.#answered(track)));
    if (this.mode === "recorded") this.seek(this.position());
  }

  remove(id) {
    this.#tracks.get(id)?.close();
    this.#tracks.delete(id);
  }

  // position is where playback is; undefined while live.
  position() {
    if (this.mode === "live") return undefined;
    return this.#wanted ?? this.#head.at(performance.now());
  }

  // shown is the capture time of a camera's recorded picture on the screen, or undefined.
  shown(id) {
    return this.mode === "live" ? undefined : this.#tracks.get(id)?.captured;
  }

  get seeking() {
    return this.#seeking !== undefined;
  }

  // seek goes to a moment, and plays on from there where it was playing.
  seek(position) {
    if (!Number.isFinite(position)) return;
    if (this.mode === "live") {
      this.mode = "recorded";
      for (const track of this.#tracks.values()) track.begin();
    }
    this.ended = false;
    this.#wanted = Math.max(1, position);
    if (!this.seeking) this.#go();
    this.#changed();
  }

  #go() {
    const position = this.#wanted;
    this.#wanted = undefined;
    this.#head.pause(performance.now());
    this.#head.set(position, performance.now());
    this.#seeking = setTimeout(() => this.#arrived(), answersWithin);
    for (const track of this.#tracks.values()) track.seek(position);
    this.#check();
  }

  #answered(track) {
    if (this.seeking) this.#check();
    else if (this.playing && track.answer === "next" && track.gap) this.#jump();
    else if (this.playing && track.answer === "end") this.#end();
    else if (this.playing && this.#refused()) this.pause();
    else if (this.playing && track.late) this.#tell(track);
    else if (!this.playing && this.#tracks.size === 1 && track.answer === "picture") this.#head.set(track.captured, performance.now());
    this.#changed();
  }

  #check() {
    if ([...this.#tracks.values()].every((track) => track.answer !== undefined)) this.#arrived();
  }

  // arrived: every camera has answered, or the second is over.
  #arrived() {
    clearTimeout(this.#seeking);
    this.#seeking = undefined;
    if (this.#wanted !== undefined) {
      this.#go();
      return;
    }
    const tracks = [...this.#tracks.values()];
    const pictures = tracks.filter((track) => track.answer === "picture");
    if (pictures.length === 0 && this.#jump()) return;
    for (const track of tracks) track.late = track.answer === undefined;
    const now = performance.now();
    if (pictures.length === 0 && tracks.some((track) => track.answer === "end")) {
      this.#last(tracks);
    } else if (this.#tracks.size === 1 && pictures.length === 1) {
      this.#head.set(pictures[0].captured, now);
    }
    if (this.#refused()) this.playing = false;
    if (this.playing) this.#start();
    this.#changed();
  }

  // refused says whether no camera's recorder gives anything.
  #refused() {
    return [...this.#tracks.values()].every((track) => track.answer === "none" && !track.lost);
  }

  // jump goes to the next picture of all where no camera has one here, and says whether there is one.
  #jump() {
    const tracks = [...this.#tracks.values()];
    if (tracks.some((track) => track.answer === "picture" || track.answer === undefined)) return false;
    const next = Math.min(...tracks.map((track) => track.next ?? Infinity));
    if (!Number.isFinite(next) || next <= this.#head.at(performance.now())) return false;
    this.seek(next);
    return true;
  }

  // last shows the last picture there is: nothing was found at or after the place.
  #last(tracks) {
    this.playing = false;
    this.ended = true;
    const last = Math.max(...tracks.map((track) => track.recorded.last()));
    if (Number.isFinite(last)) this.#head.set(Math.min(last, this.#head.at(performance.now())), performance.now());
    for (const track of tracks) track.replay?.step(step.back);
  }

  // end stands still when nothing more comes from any camera.
  #end() {
    if ([...this.#tracks.values()].some((track) => track.answer === "picture" || track.answer === "next")) return;
    this.pause();
    this.ended = true;
  }

  play() {
    if (this.mode === "live" || this.playing) return;
    this.playing = true;
    this.ended = false;
    if (!this.seeking) this.#start();
    this.#changed();
  }

  #start() {
    const now = performance.now();
    this.#head.setSpeed(this.speed, now);
    this.#head.play(now);
    this.#told = now;
    for (const track of this.#tracks.values()) this.#tell(track);
  }

  #tell(track) {
    track.late = false;
    track.play(this.#head.at(performance.now()), this.speed);
  }

  // pause stands still; from live, at a moment.
  pause(position) {
    this.playing = false;
    if (this.mode === "live") {
      this.seek(position);
      return;
    }
    this.#head.pause(performance.now());
    for (const track of this.#tracks.values()) track.pause();
    const [only] = this.#tracks.values();
    if (this.#tracks.size === 1 && only.captured !== undefined && !this.seeking) this.#head.set(only.captured, performance.now());
    this.#changed();
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.mode === "recorded" && this.playing && !this.seeking) this.#start();
    this.#changed();
  }

  // step shows the next frame, or with -1 the one before, and stands still. It is for one camera.
  step(frames) {
    if (this.mode === "live" || this.seeking) return;
    if (this.playing) this.pause();
    this.ended = false;
    for (const track of this.#tracks.values()) track.step(frames);
    this.#changed();
  }

  // live goes back to what is now.
  live() {
    if (this.mode === "live") return;
    this.mode = "live";
    this.playing = this.ended = false;
    clearTimeout(this.#seeking);
    this.#seeking = this.#wanted = undefined;
    for (const track of this.#tracks.values()) track.end();
    this.#changed();
  }

  // refresh says what is to be said on the screens.
  refresh() {
    if (this.mode === "live") return;
    const now = performance.now();
    const place = this.#head.at(now);
    if (this.playing && !this.seeking && now - this.#told > sayPlaceEvery) {
      this.#told = now;
      for (const track of this.#tracks.values()) this.#tell(track);
    }
    for (const track of this.#tracks.values()) track.say(place);
  }

  close() {
    clearTimeout(this.#seeking);
    for (const track of this.#tracks.values()) track.close();
    this.#tracks.clear();
  }
}

// Track is one camera of a player.
class Track {
  recorded;
  replay; // undefined while live
  // To the newest seek: undefined (none yet), "picture", "next" (the next one is at next), "end",
  // "none" (there is nothing to be had of it; why says why).
  answer;
  next;
  gap; // from the last picture to next
  captured; // of the picture on the screen; undefined: none since the last seek
  lost = false; // its connection, which is being made again
  late = false; // it had not answered when the others went on

  #id;
  #screen;
  #clock;
  #answered;
  #why = "";
  #seeks = 0;
  #waiting; // where to go when it is known whether there is a recorder
  #stale = false; // the picture on the screen is of another moment

  constructor(id, screen, recorded, clock, answered) {
    this.#id = id;
    this.#screen = screen;
    this.recorded = recorded;
    this.#clock = clock;
    this.#answered = answered;
  }

  begin() {
    this.#stale = true;
    this.#screen.setRecorded({ state: "norecord", title: "Looking…", detail: "" });
    this.replay = new Replay(this.#id, this.#clock, {
      frame: (frame) => this.#frame(frame),
      next: ({ captured_ms: captured, gap }) => this.#say("next", { next: captured, gap }),
      state: ({ end, error }) => {
        if (error) this.#say("none", { why: error });
        else if (end) this.#say("end");
      },
      lost: () => {
        this.recorded.hurry();
        this.#say("none", { why: this.#interrupted(), lost: true });
      },
    });
  }

  #interrupted() {
    const { state, reason } = this.recorded;
    return state === "none" || state === "failed" ? reason : "The replay was interrupted. Trying again…";
  }

  #say(answer, { next, gap, why = "", lost = false } = {}) {
    this.answer = answer;
    this.lost = lost;
    this.next = next;
    this.gap = gap;
    this.#why = why;
    this.#answered(this);
  }

  #frame(frame) {
    const { header } = frame;
    const seeks = this.#seeks;
    this.#screen.show({
      ...frame,
      drawn: () => {
        if (seeks !== this.#seeks) return; // it was being decoded when somebody went elsewhere
        if (!this.replay || header.captured_ms === this.captured && !this.#stale) return;
        this.#stale = false;
        this.captured = header.captured_ms;
        this.#say("picture");
      },
      failed: () => seeks === this.#seeks && this.#say("none", { why: "What was recorded there cannot be decoded." }),
    });
  }

  seek(position) {
    this.#seeks++;
    this.answer = this.next = this.gap = undefined;
    this.lost = false;
    this.#why = "";
    this.captured = undefined;
    if (!this.replay) this.begin();
    this.#stale = true;
    this.#waiting = position;
    this.#ask();
  }

  // ask asks a recorder for where it waits to go, where there is one.
  #ask() {
    const { state, reason } = this.recorded;
    if (this.#waiting === undefined || state === "asking") return;
    const position = this.#waiting;
    this.#waiting = undefined;
    if (state !== "none") {
      this.replay.seek(position);
      return;
    }
    this.#why = reason;
    this.answer = "none";
  }

  play(position, speed) {
    if (this.recorded.state !== "none") this.replay?.play(position, speed);
  }

  pause() {
    this.replay?.pause();
  }

  step(frames) {
    this.replay?.step(frames);
  }

  // say puts on the screen what it shows at this place.
  say(place) {
    if (!this.replay) return;
    if (this.#waiting !== undefined) {
      this.#ask();
      if (this.answer === "none") this.#answered(this);
    }
    if (this.lost && this.recorded.state === "none") this.replay.rest();
    this.#screen.setRecorded(this.#verdict(place));
  }

  #verdict(place) {
    const { recorded } = this;
    if (this.answer === "none") {
      const title = recorded.state !== "none" ? "No recording" : recorded.any ? "The recorder has gone" : "Not recorded";
      return { state: "norecord", title, detail: sentence(this.#why) };
    }
    if (this.answer === "next" && (this.gap || this.#stale)) {
      const hole = this.gap ?? recorded.gapAt(place);
      const detail = hole ? sentence(because(hole.reason)) : "";
      return { state: "norecord", title: `No picture until ${whole(this.next)}`, detail };
    }
    if (this.answer === "end" && this.#stale) return { state: "norecord", title: "Nothing recorded then", detail: "" };
    if (this.#stale && this.captured === undefined) return { state: "norecord", title: "Looking…", detail: "" };
    return { state: "recorded", title: "", detail: "" };
  }

  end() {
    this.replay?.close();
    this.replay = this.captured = this.answer = this.#waiting = undefined;
    this.#screen.setRecorded(undefined);
  }

  close() {
    this.end();
  }
}

const sentence = (text) => (text === "" ? "" : text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : "."));
