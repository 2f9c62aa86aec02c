// All cameras: a tile each, in the order of the list, as large as fits. Tiles out of sight have no
// connection, so that they cost the server nothing.

import { setHidden, setText } from "./dom.js";
import { aspectOf, layout } from "./layout.js";
import { Tile } from "./tile.js";

const ahead = "200px"; // tiles this far out of sight are connected already

export class Grid {
  #section;
  #list;
  #empty;
  #clock;
  #tiles = new Map(); // by id, in the order of the list
  #cameras = new Map();
  #sight;
  #columns = 1;
  #known = false; // the list has come at least once
  #awake = true;

  constructor(section, clock) {
    this.#section = section;
    this.#list = section.querySelector(".tiles");
    this.#empty = section.querySelector(".empty");
    this.#clock = clock;
    this.#sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const tile = this.#tiles.get(target.dataset.camera);
        if (tile?.element !== target) continue;
        tile.inSight = isIntersecting;
        tile.screen.watch(this.#awake && isIntersecting);
      }
    }, { rootMargin: ahead });
    const sizes = new ResizeObserver(() => this.arrange());
    sizes.observe(section);
    if (section.nextElementSibling) sizes.observe(section.nextElementSibling); // it takes room from the tiles
  }

  ids() {
    return [...this.#tiles.keys()];
  }

  tile(id) {
    return this.#tiles.get(id);
  }

  // awake is false while the page itself is not seen.
  setAwake(awake) {
    this.#awake = awake;
    for (const tile of this.#tiles.values()) tile.screen.watch(awake && tile.inSight === true);
  }

  hurry() {
    for (const tile of this.#tiles.values()) tile.screen.hurry();
  }

  // setCameras makes the grid that of the list, and returns which ids came and which went.
  setCameras(cameras) {
    this.#known = true;
    this.#cameras = new Map(cameras.map((camera) => [camera.id, camera]));
    const gone = this.ids().filter((id) => !this.#cameras.has(id));
    const come = [...this.#cameras.keys()].filter((id) => !this.#tiles.has(id));
    const focused = this.#focused();
    for (const id of gone) {
      this.#sight.unobserve(this.#tiles.get(id).element);
      this.#tiles.get(id).close();
    }
    const tiles = new Map();
    for (const id of this.#cameras.keys()) tiles.set(id, this.#tiles.get(id) ?? new Tile(id, this.#clock));
    this.#tiles = tiles;
    let number = 0;
    for (const tile of tiles.values()) {
      // Only what is out of place is moved: moving an element takes its focus.
      if (this.#list.children[number] !== tile.element) this.#list.insertBefore(tile.element, this.#list.children[number] ?? null);
      tile.setNumber(++number);
    }
    for (const id of come) this.#sight.observe(tiles.get(id).element);
    if (focused && gone.includes(focused.id)) this.focusAt(Math.min(focused.index, tiles.size - 1));
    setHidden(this.#empty, tiles.size > 0);
    this.arrange();
    return { come, gone };
  }

  // arrange makes the tiles as large as there is room.
  arrange() {
    this.#section.style.setProperty("--below", `${this.#below()}px`);
    const { clientWidth, offsetTop } = this.#section;
    if (clientWidth === 0 || this.#tiles.size === 0) return;
    const style = getComputedStyle(this.#section);
    const size = (name) => parseFloat(style.getPropertyValue(name)) || 0;
    const aspect = aspectOf([...this.#cameras.values()]);
    const { columns, width } = layout({
      tiles: this.#tiles.size,
      width: clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: innerHeight - this.#below() - offsetTop - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
      aspect,
      caption: size("--caption"),
      gap: size("--gap"),
    });
    this.#columns = columns;
    this.#list.style.setProperty("--columns", String(columns));
    this.#list.style.setProperty("--width", `${width}px`);
    this.#list.style.setProperty("--aspect", String(aspect));
  }

  // below is the height of what stands below the tiles.
  #below() {
    const below = this.#section.nextElementSibling;
    return below?.matches(".together:not([hidden])") ? below.offsetHeight : 0;
  }

  refresh(now, reachable) {
    for (const [id, tile] of this.#tiles) {
      tile.refresh(now, { camera: this.#cameras.get(id), gone: false, reachable });
    }
  }

  // summary counts cameras, and those without a signal: by the tile's own view while it is watched,
  // else by what the server's list says.
  summary() {
    const states = [...this.#tiles].map(([id, tile]) => {
      const { state } = tile.screen.verdict;
      if (this.#section.hidden || tile.inSight !== true || state === "recorded" || state === "norecord") return troubled(this.#cameras.get(id));
      return state !== "live" && state !== "connecting";
    });
    return { known: this.#known, cameras: states.length, troubled: states.filter(Boolean).length };
  }

  #focused() {
    const index = [...this.#tiles.values()].findIndex((tile) => tile.link === document.activeElement);
    return index < 0 ? undefined : { id: this.ids()[index], index };
  }

  focusAt(index) {
    [...this.#tiles.values()][index]?.link.focus();
  }

  // move goes from the tile that has the focus by columns and rows; to the first where none has it.
  move(across, down) {
    const from = this.#focused()?.index;
    const to = from === undefined ? 0 : from + across + down * this.#columns;
    if (to >= 0 && to < this.#tiles.size) this.focusAt(to);
  }

  setSummary(element) {
    const { known, cameras, troubled: lost } = this.summary();
    const [all, without] = element.children;
    setText(all, !known ? "" : cameras === 1 ? "1 camera" : `${cameras} cameras`);
    setText(without, lost > 0 ? `${lost} without signal` : "");
  }
}

const troubled = (camera) => camera.silent === true || camera.state !== "live";
