// One thing of a camera that can be changed: its label, what it is changed with, what is to be said of
// it, and the camera's words where it refused.

import { h, setHidden, setText } from "./dom.js";

const slidersHave = 4096; // steps at most; beyond that a number is typed
const settle = 300; // ms after the last move of a slider

let made = 0;

// A spec says what a field is: {name, label, kind, value}, and where they apply min, max, step,
// options ([[value, text], …]), unit, standard (the default), blocked (why it cannot be changed), empty
// (what a number is to be where none is given; without it one has to be).
// kind is "number", "switch", "select", "size" or "button"; a value is a number, or "640x480" of a size.
export class Field {
  name;
  element;

  #spec;
  #ask;
  #inputs = []; // all show the value
  #button;
  #standard; // the button that goes back to the default
  #note = h("span", { class: "field-note" });
  #message;
  #dirty = false; // somebody is at it
  #busy = false;
  #timer;

  // ask(value) is called with what somebody wants.
  constructor(spec, ask) {
    this.name = spec.name;
    this.#spec = spec;
    this.#ask = ask;
    const id = `field-${++made}`;
    this.#message = h("p", { class: "field-message", id: `${id}-message`, role: "alert" });
    this.#standard = h("button", { type: "button", class: "field-standard", hidden: true, onclick: () => this.#want(this.#spec.standard) });
    const control = this.#control(spec, id);
    const label = spec.kind === "button" || spec.kind === "size"
      ? h("span", { class: "field-label", id: `${id}-label` }, spec.label)
      : h("label", { class: "field-label", for: id }, spec.label);
    this.element = h("div", { class: `field field-${spec.kind}`, data: { field: spec.name } },
      label, control, h("p", { class: "field-notes" }, this.#note, this.#standard), this.#message);
    this.show(spec);
  }

  #control(spec, id) {
    const about = { "aria-describedby": `${id}-message` };
    switch (spec.kind) {
      case "switch": {
        const box = h("input", { type: "checkbox", role: "switch", id, ...about, onchange: () => this.#want(box.checked ? 1 : 0) });
        this.#inputs = [box];
        return box;
      }
      case "select": {
        const select = h("select", { id, ...about, onchange: () => this.#want(spec.text ? select.value : Number(select.value)) },
          ...spec.options.map(([value, text]) => h("option", { value }, text)));
        this.#inputs = [select];
        return select;
      }
      case "button":
        this.#button = h("button", { type: "button", class: "button", id, "aria-labelledby": `${id}-label`, ...about, onclick: () => this.#want(1) }, "Do it");
        return this.#button;
      case "size": {
        const side = (name) => h("input", { type: "number", min: 16, max: 16384, step: 1, inputmode: "numeric", "aria-label": name, ...about, oninput: () => this.#touch() });
        const [width, height] = [side("Width in pixels"), side("Height in pixels")];
        this.#inputs = [width, height];
        this.#button = h("button", { type: "submit", class: "button" }, "Set");
        return h("form", {
          class: "field-sides", novalidate: true,
          onsubmit: (event) => {
            event.preventDefault();
            this.#want(`${width.value}x${height.value}`);
          },
        }, width, h("span", { "aria-hidden": "true" }, "×"), height, this.#button);
      }
    }
    const number = h("input", { type: "number", id, min: spec.min, max: spec.max, step: spec.step ?? "any", inputmode: spec.step ? "numeric" : "decimal", placeholder: spec.placeholder, ...about });
    number.addEventListener("input", () => this.#touch());
    number.addEventListener("change", () => this.#typed(number.value));
    const unit = spec.unit ? h("span", { class: "field-unit" }, spec.unit) : "";
    this.#inputs = [number];
    if (!(spec.step > 0 && (spec.max - spec.min) / spec.step <= slidersHave)) return h("div", { class: "field-entry" }, number, unit);
    const slider = h("input", { type: "range", min: spec.min, max: spec.max, step: spec.step, "aria-label": spec.label, ...about });
    slider.addEventListener("input", () => {
      this.#touch();
      number.value = slider.value;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#typed(slider.value), settle);
    });
    this.#inputs.push(slider);
    return h("div", { class: "field-entry" }, slider, number, unit);
  }

  #touch() {
    this.#dirty = true;
  }

  #typed(text) {
    clearTimeout(this.#timer);
    if (text.trim() === "" && this.#spec.empty !== undefined && !this.#inputs[0].validity.badInput) {
      if (this.#spec.value !== undefined) this.#want(this.#spec.empty);
      else this.#dirty = false;
      return;
    }
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || (this.#spec.step && !Number.isInteger(value))) {
      this.#dirty = false;
      this.show(this.#spec);
      this.say(this.#spec.step ? "Want a whole number." : "Want a number.", true);
      return;
    }
    if (value !== this.#spec.value) this.#want(value);
    else this.#dirty = false;
  }

  #want(value) {
    this.#busy = true;
    this.#dirty = false;
    this.element.setAttribute("aria-busy", "true");
    this.say("");
    this.#ask(value);
  }

  // answered ends the wait for what was asked: the truth is shown again, whatever it is.
  answered() {
    this.#busy = false;
    this.element.removeAttribute("aria-busy");
  }

  // say shows words beside the field; failed marks them as a refusal.
  say(text, failed = false) {
    setText(this.#message, text);
    this.#message.classList.toggle("failed", failed);
  }

  // show makes spec, which is of the same shape as the one before, what is on the screen, but for
  // what somebody is changing just now.
  show(spec) {
    this.#spec = spec;
    const { value, blocked, standard } = spec;
    const locked = blocked !== undefined && blocked !== "";
    for (const input of [...this.#inputs, this.#button ?? [], this.#standard].flat()) {
      if (input.disabled !== locked) input.disabled = locked;
    }
    const hasStandard = standard !== undefined && spec.kind !== "button";
    const notes = spec.kind === "number" && spec.max !== undefined ? [`${spec.min} to ${spec.max}`] : [];
    if (hasStandard && value === standard) notes.push("the default");
    setText(this.#note, locked ? blocked : notes.join(", "));
    setHidden(this.#standard, locked || !hasStandard || value === standard);
    setText(this.#standard, `Default ${spec.options?.find(([v]) => v === standard)?.[1] ?? (spec.kind === "switch" ? (standard ? "on" : "off") : standard)}`);
    if (this.#dirty || this.#busy) return;
    if (spec.kind === "size") {
      const sides = String(value ?? "x").split("x");
      this.#inputs.forEach((input, i) => { input.value = sides[i]; });
    } else if (spec.kind === "switch") {
      this.#inputs[0].checked = value === 1;
    } else {
      for (const input of this.#inputs) input.value = value ?? "";
    }
  }

  get value() {
    return this.#spec.value;
  }

  close() {
    clearTimeout(this.#timer);
  }
}
