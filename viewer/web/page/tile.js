// One camera in the grid: its screen, and a line with its name and numbers. The whole tile is a
// link to the large view.

import { routeOf } from "./address.js";
import { h, setData, setHidden, setText } from "./dom.js";
import { age, count, none, rate } from "./format.js";
import { Screen } from "./screen.js";
import { stateNames } from "./signal.js";

const value = (name, unit) => {
  const number = h("b", {}, none);
  return { number, element: h("span", { class: `value ${name}` }, number, unit ? ` ${unit}` : "") };
};

export class Tile {
  id;
  element;
  link;
  screen;

  #number;
  #trouble;
  #fps = value("fps", "fps");
  #age = value("age", "");
  #missed = value("missed", "missed");

  constructor(id, clock) {
    this.id = id;
    this.screen = new Screen(id, clock, { preview: true });
    this.#number = h("span", { class: "number", "aria-hidden": "true" });
    this.#trouble = h("span", { class: "trouble", hidden: true });
    this.link = h("a", { class: "tile-link", href: routeOf(id), "aria-label": `Camera ${id}`, draggable: "false" },
      this.screen.element,
      h("div", { class: "caption" },
        h("span", { class: "dot" }),
        this.#number,
        h("span", { class: "name" }, id),
        this.#trouble,
        h("span", { class: "values" }, this.#fps.element, this.#age.element, this.#missed.element)));
    this.element = h("li", { class: "tile", data: { camera: id, state: "connecting" } }, this.link);
  }

  setNumber(number) {
    setText(this.#number, String(number));
  }

  refresh(now, state) {
    const { screen } = this;
    screen.refresh(now, state);
    const { meter, verdict } = screen;
    const live = verdict.state === "live" || verdict.state === "frozen";
    if (this.element.dataset.state !== verdict.state) {
      setData(this.element, "state", verdict.state);
      this.link.setAttribute("aria-label", `Camera ${this.id}: ${stateNames[verdict.state]}`);
    }
    // What the camera sends, as previews are fewer; those are told where it does not say.
    setText(this.#fps.number, live ? rate(state.camera.fps || meter.fps(now)) : none);
    setText(this.#age.number, age(screen.age(now), screen.within()));
    setText(this.#missed.number, count(meter.missed()));
    setData(this.#missed.element, "some", String(meter.missed() > 0));
    this.#warn(state.camera.warnings, meter.undecodable);
  }

  #warn(warnings, undecodable) {
    const lines = Array.isArray(warnings) ? warnings.map(String) : [];
    if (undecodable > 0) lines.push(`${undecodable} undecodable`);
    setHidden(this.#trouble, lines.length === 0);
    setText(this.#trouble, String(lines.length));
    const text = lines.join("\n");
    if (this.#trouble.title !== text) {
      this.#trouble.title = text;
      this.#trouble.setAttribute("aria-label", `Warnings: ${text}`);
    }
  }

  close() {
    this.screen.close();
    this.element.remove();
  }
}
