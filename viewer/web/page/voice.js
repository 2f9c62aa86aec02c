// What is said to those who listen to the page instead of looking at it: cameras that come and go,
// and signals that are lost and found. Calmly: what changes within a moment is one sentence.

import { setText } from "./dom.js";

const gather = 1200; // ms

const sentences = {
  nosignal: "has no signal",
  frozen: "shows a frozen picture",
  unreadable: "sends unreadable pictures",
  live: "has its signal back",
};

export class Voice {
  #element; // an aria-live region
  #states = new Map();
  #first = true;
  #say = [];
  #timer;

  constructor(element) {
    this.#element = element;
  }

  // changed takes ids that came and went; the first list is no news.
  changed({ come, gone }) {
    if (!this.#first) {
      for (const id of come) this.#add(`Camera ${id} appeared.`);
      for (const id of gone) this.#add(`Camera ${id} is gone.`);
    }
    this.#first = false;
    for (const id of gone) this.#states.delete(id);
  }

  // states takes pairs of id and state of what is on the screen.
  states(pairs) {
    for (const [id, state] of pairs) {
      if (!Object.hasOwn(sentences, state)) continue; // connecting, or the server is gone: the banner says that
      const before = this.#states.get(id);
      this.#states.set(id, state);
      if (before === state || (before === undefined && state === "live")) continue;
      this.#add(`Camera ${id} ${sentences[state]}.`);
    }
  }

  #add(sentence) {
    this.#say.push(sentence);
    this.#timer ??= setTimeout(() => {
      setText(this.#element, this.#say.slice(-6).join(" "));
      this.#say = [];
      this.#timer = undefined;
    }, gather);
  }
}
