// What can be changed of a camera, beside its large picture: size, rate, quality and the controls of
// its device. A change is sent at once; what is shown afterwards is what the camera says of itself.

import { detailURL, settingsURL } from "./address.js";
import { h, setHidden, setText } from "./dom.js";
import { Field } from "./field.js";

const askEvery = 10_000; // ms: others change cameras too
const answerWithin = 25_000; // longer than the server gives the camera

const blockedBecause = {
  "read-only": "It can only be read.",
  inactive: "It has no effect with the other controls as they are.",
  busy: "It is in use now.",
};

export class Settings {
  element;

  #id;
  #detail; // the newest; undefined before the first
  #awake = false;
  #closed = false;
  #asked; // AbortController of the question under way
  #askedAt = -Infinity;
  #seen = ""; // of the camera's status, when it was asked
  #fields = new Map(); // by name
  #shape = "";
  #waiting = new Map(); // changes by the name of their field
  #sending = false;
  #own = h("div", { class: "fields" });
  #device = h("div", { class: "fields" });
  #devicePanel;
  #save;
  #saveMessage = h("p", { class: "field-message", id: "save-message", role: "alert" });
  #silence = h("p", { class: "settings-silence" });
  #body;

  constructor(id) {
    this.#id = id;
    this.#save = h("input", { type: "checkbox", id: "save", "aria-describedby": "save-message", onchange: () => this.#keep() });
    this.#devicePanel = h("div", { class: "device", hidden: true }, h("h3", {}, "Device"), this.#device);
    this.#body = h("div", { hidden: true }, this.#own, this.#devicePanel,
      h("div", { class: "field field-save", data: { field: "save" } },
        h("label", { class: "field-label", for: "save" }, "Keep after a restart"), this.#save, this.#saveMessage));
    setText(this.#silence, "Asking the camera…");
    this.element = h("section", {
      class: "panel settings", "aria-label": `Settings of camera ${id}`,
      onkeydown: (event) => {
        if (event.key !== "Escape" || !event.target.matches("input, select")) return;
        event.target.blur(); // the next Escape is the page's
        event.stopPropagation();
      },
    }, h("h2", {}, "Settings"), this.#silence, this.#body);
  }

  setAwake(awake) {
    this.#awake = awake;
    if (awake) this.#askedAt = -Infinity;
  }

  // refresh asks the camera again where its status says that it is another than it was, and from time
  // to time. camera is undefined while nobody publishes it.
  refresh(camera, now) {
    if (!this.#awake || this.#closed || this.#sending || this.#asked) return;
    if (!camera?.epoch || camera.silent) {
      this.#seen = "";
      if (camera === undefined || camera.silent) this.#silent("nobody publishes it now");
      return;
    }
    const seen = [camera.epoch, camera.state, camera.width, camera.height, camera.fps_asked, camera.untouched].join();
    if (seen === this.#seen && now - this.#askedAt < askEvery) return;
    this.#seen = seen;
    this.#askedAt = now;
    this.#ask();
  }

  async #ask() {
    const asked = new AbortController();
    this.#asked = asked;
    const { detail, error } = await request(detailURL(this.#id), { signal: asked.signal });
    if (this.#asked !== asked) return;
    this.#asked = undefined;
    if (this.#sending || this.#closed) return; // the answer may be older than the change
    if (detail) this.#take(detail);
    else this.#silent(error);
  }

  #silent(error) {
    setText(this.#silence, `It cannot be changed from here: ${error}.`);
    setHidden(this.#silence, false);
    setHidden(this.#body, true);
  }

  #take(detail) {
    this.#detail = detail;
    const own = ownSpecs(detail);
    const device = controlSpecs(detail.controls);
    // Fields are made anew only where they are others: they would lose the focus.
    const shape = JSON.stringify([...own, ...device].map(({ value, blocked, ...rest }) => rest));
    if (shape !== this.#shape) {
      this.#shape = shape;
      for (const field of this.#fields.values()) field.close();
      this.#fields = new Map();
      for (const [specs, element] of [[own, this.#own], [device, this.#device]]) {
        element.replaceChildren(...specs.map((spec) => {
          const field = new Field(spec, (value) => this.#want(spec, value));
          this.#fields.set(spec.name, field);
          return field.element;
        }));
      }
    } else {
      for (const spec of [...own, ...device]) this.#fields.get(spec.name).show(spec);
    }
    if (!this.#waiting.has("save")) this.#save.checked = detail.saved === true;
    setHidden(this.#devicePanel, device.length === 0);
    setHidden(this.#silence, true);
    setHidden(this.#body, false);
  }

  #want(spec, value) {
    this.#put(spec.name, { change: spec.change(value), value: value === spec.empty ? undefined : value });
  }

  #keep() {
    setText(this.#saveMessage, "");
    // What was kept stays kept; without the mark the next change is for this run only.
    if (this.#save.checked) this.#put("save", { change: {} });
  }

  #put(name, wanted) {
    this.#waiting.delete(name); // to the end
    this.#waiting.set(name, wanted);
    if (!this.#sending) this.#send();
  }

  // send sends one change after the other: what the camera then says is the truth after each.
  async #send() {
    this.#sending = true;
    while (this.#waiting.size > 0 && !this.#closed) {
      const [name, { change, value }] = this.#waiting.entries().next().value;
      this.#waiting.delete(name);
      const save = this.#save.checked;
      const { detail, error } = await request(settingsURL(this.#id), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(save ? { ...change, save: true } : change),
      });
      if (this.#closed) return;
      const field = this.#fields.get(name);
      const again = this.#waiting.has(name); // somebody is on with it
      if (!again) field?.answered();
      if (detail) {
        this.#take(detail);
        const now = this.#fields.get(name);
        if (now && !again && value !== undefined && now.value !== undefined && now.element.classList.contains("field-button") === false) {
          now.say(now.value === value ? "" : `Asked for ${value}, it took ${now.value}.`);
        }
        continue;
      }
      if (this.#detail) this.#take(this.#detail);
      if (name === "save") {
        this.#save.checked = this.#detail?.saved === true;
        setText(this.#saveMessage, sentence(error));
        this.#saveMessage.classList.add("failed");
      } else if (!again) {
        this.#fields.get(name)?.say(sentence(error), true);
      }
    }
    this.#sending = false;
  }

  close() {
    this.#closed = true;
    this.#asked?.abort();
    for (const field of this.#fields.values()) field.close();
  }
}

// ownSpecs are the settings that every camera has.
function ownSpecs({ status, settings, sizes }) {
  const specs = [];
  const width = settings.width || status.width;
  const height = settings.height || status.height;
  const size = width > 0 ? `${width}x${height}` : undefined;
  const sides = (text) => {
    const [w, h] = text.split("x").map((side) => (side === "" ? 0 : Number(side)));
    return { width: w, height: h };
  };
  if (sizes?.length > 0) {
    const offered = new Map(sizes.map((s) => [`${s.width}x${s.height}`, s.width * s.height]));
    if (size) offered.set(size, width * height);
    const options = [...offered].sort((a, b) => a[1] - b[1]).map(([value]) => [value, value.replace("x", " × ")]);
    specs.push({ name: "size", label: "Size", kind: "select", text: true, options, value: size, change: sides });
  } else {
    const free = status.kind === "test" || status.kind === "v4l2";
    specs.push({
      name: "size", label: "Size", kind: "size", value: size, change: sides,
      blocked: free ? "" : `A source of kind ${status.kind} gives the size that it gives.`,
    });
  }
  specs.push({
    name: "fps", label: "Rate", kind: "number", min: 0, unit: "fps", placeholder: "all", empty: 0,
    value: settings.fps > 0 ? settings.fps : undefined, change: (fps) => ({ fps }),
  });
  specs.push({
    name: "quality", label: "Quality", kind: "number", min: 1, max: 100, step: 1,
    value: settings.quality || undefined, change: (quality) => ({ quality }),
    blocked: status.untouched ? "The camera encodes its pictures itself, and they are passed on untouched." : "",
  });
  return specs;
}

// controlSpecs are the controls of the device. What a browser cannot count exactly is left out.
function controlSpecs(controls) {
  const specs = [];
  for (const c of controls ?? []) {
    if (![c.min, c.max, c.value, c.default].every(Number.isSafeInteger)) continue;
    const spec = {
      name: `control-${c.name}`, label: words(c.name), value: c.value, standard: c.default,
      blocked: c.inactive ? blockedBecause[c.inactive] ?? String(c.inactive) : "",
      change: (value) => ({ controls: { [c.name]: value } }),
    };
    if (c.type === "bool") Object.assign(spec, { kind: "switch" });
    else if (c.type === "button") Object.assign(spec, { kind: "button" });
    else if (c.type === "menu") {
      Object.assign(spec, { kind: "select", options: Object.entries(c.menu ?? {}).map(([n, text]) => [Number(n), String(text)]) });
    } else Object.assign(spec, { kind: "number", min: c.min, max: c.max, step: Math.max(1, c.step) });
    specs.push(spec);
  }
  return specs;
}

const words = (name) => {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

const sentence = (text) => {
  const t = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(t) ? t : `${t}.`;
};

// request returns {detail}, or {error} in words.
async function request(url, options) {
  const late = AbortSignal.timeout(answerWithin);
  const signal = options.signal ? AbortSignal.any([options.signal, late]) : late;
  try {
    const answer = await fetch(url, { ...options, signal, cache: "no-store" });
    const body = await answer.json();
    if (answer.ok && body?.status && body.settings) return { detail: body };
    return { error: typeof body?.error === "string" ? body.error : `the server answers ${answer.status}` };
  } catch {
    return { error: "the server does not answer" };
  }
}
