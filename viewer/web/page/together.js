// All recorded cameras of the grid at one moment: one timeline below the tiles, and each tile a
// replay that follows the one playhead.

import { Recorded } from "./recorded.js";
import { Recordings } from "./recordings.js";

export class Together {
  #grid;
  #section;
  #recordings;
  #records = new Map();
  #awake = true;

  // section is where the timeline goes, below the grid's tiles.
  constructor({ grid, section, clock }) {
    this.#grid = grid;
    this.#section = section;
    this.#recordings = new Recordings({ clock, single: false, now: () => undefined });
    section.replaceChildren(this.#recordings.element);
    this.setCameras();
  }

  // setCameras takes the grid's cameras anew.
  setCameras() {
    const ids = this.#grid.ids();
    for (const id of [...this.#records.keys()].filter((known) => !ids.includes(known))) {
      this.#recordings.remove(id);
      this.#records.get(id).close();
      this.#records.delete(id);
    }
    for (const id of ids.filter((id) => !this.#records.has(id))) {
      const recorded = new Recorded(id);
      this.#records.set(id, recorded);
      this.#recordings.add(recorded, this.#grid.tile(id).screen);
    }
  }

  setAwake(awake) {
    this.#awake = awake;
    if (!awake) this.#recordings.player.pause();
  }

  refresh(now) {
    if (!this.#awake) return;
    for (const recorded of this.#records.values()) recorded.refresh(now);
    this.#recordings.refresh();
  }

  // toggle, jump, live, step and mark are as those of Recordings.
  get playback() {
    return this.#recordings;
  }

  close() {
    this.#recordings.close();
    for (const recorded of this.#records.values()) recorded.close();
    this.#section.replaceChildren();
  }
}
