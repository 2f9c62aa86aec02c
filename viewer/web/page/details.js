// What is to be known of a camera beside its large picture: groups of label and value, all text.

import { h, setHidden, setText } from "./dom.js";
import * as format from "./format.js";
import { stateNames } from "./signal.js";

// dropReasons are a status's reasons for frames that were not sent, in words.
const dropReasons = {
  encode: "too fast for the encoder",
  rate: "more than asked for",
  network: "too fast for the network",
  disconnected: "without a NATS server",
  invalid: "not whole pictures",
  too_large: "too large for the NATS server",
};

// unstoredReasons are a status's reasons for frames that the server has not confirmed as stored.
const unstoredReasons = {
  window: "the server lagged behind",
  timeout: "no answer in time",
  no_stream: "no stream to store them in",
  busy: "too fast for the server's disk",
  no_room: "no room on the server",
  too_large: "too large for the stream",
  duplicate: "an id that was taken",
  refused: "refused",
  disconnected: "connection lost",
};

// Each row says what it shows from {camera, screen, now, clock}; "" hides the row.
const groups = [
  ["Picture", [
    ["Resolution", ({ camera, screen }) => {
      const { width, height } = screen.resolution();
      return width > 0 ? format.resolution(width, height) : format.resolution(camera.width, camera.height);
    }],
    ["Frame rate", ({ camera, screen, now }) => {
      const asked = camera.fps_asked > 0 ? `, ${format.exactRate(camera.fps_asked)} asked` : "";
      if (screen.recorded) return `${format.exactRate(camera.fps)} sent now${asked}`;
      return `${format.exactRate(screen.meter.fps(now))} fps here, ${format.exactRate(camera.fps)} sent${asked}`;
    }],
    ["Age", ({ screen, now, clock }) => {
      const age = screen.age(now);
      if (age === undefined) return format.none;
      const ahead = screen.meter.ahead(clock.error());
      if (ahead > 0) return `not known: the publisher's clock is ${format.age(ahead)} ahead`;
      const within = screen.within();
      return format.age(age, within) + (within === undefined ? ", if its clock is right" : "");
    }],
    ["Bit rate", ({ screen, now }) => (screen.recorded ? format.none : format.bitRate(screen.meter.bitRate(now)))],
    ["Missed", ({ screen }) => format.count(screen.meter.missed())],
    ["Skipped", ({ screen }) => format.count(screen.meter.skipped())],
    ["Undecodable", ({ screen }) => (screen.meter.undecodable > 0 ? format.count(screen.meter.undecodable) : "")],
  ]],
  ["Camera", [
    ["State", ({ camera, clock }) => {
      const since = format.millis(camera.since);
      const now = clock.serverNow();
      const lasting = since === undefined || now === undefined ? "" : ` for ${format.lasting(now - since)}`;
      return camera.state ? `${camera.state}${lasting}${camera.silent ? ", not heard of since" : ""}` : format.none;
    }],
    ["Reason", ({ camera }) => camera.reason ?? ""],
    ["Source", ({ camera }) => camera.source ?? format.none],
    ["Host", ({ camera }) => camera.host ?? format.none],
    ["Format", ({ camera }) => {
      if (!camera.format) return format.none;
      return `${camera.format}, ${camera.untouched ? "passed on untouched" : "encoded to JPEG"}`;
    }],
    ["Kept", ({ camera }) => ({ memory: "newest picture, in memory", file: "on file", none: "nothing" })[camera.stream] ?? format.none],
    ["Sent", ({ camera }) => format.count(camera.sent)],
    ["Dropped", ({ camera }) => {
      const dropped = Object.entries(camera.dropped ?? {}).filter(([, n]) => n > 0);
      if (dropped.length === 0) return "0";
      return dropped.map(([reason, n]) => `${format.count(n)} ${dropReasons[reason] ?? reason}`).join("\n");
    }],
    ["Stored", ({ camera }) => {
      if (!camera.recorded) return "";
      const unstored = Object.entries(camera.unstored ?? {}).filter(([, n]) => n > 0);
      const lines = unstored.map(([reason, n]) => `${format.count(n)} not: ${unstoredReasons[reason] ?? reason}`);
      return [format.count(camera.stored ?? 0), ...lines].join("\n");
    }],
    ["Running since", ({ camera }) => format.dateTime(camera.started)],
    ["Watchers", ({ camera }) => `${format.count(camera.watchers)}, ${format.count(camera.viewers)} of this server's pages`],
    ["Clock", ({ camera }) => (camera.clock_offset_ms === undefined ? "" : `${format.offset(camera.clock_offset_ms, camera.uncertainty_ms)} to the server's`)],
  ]],
];

export class Details {
  element;
  #rows = [];
  #state = h("p", { class: "state-line" });
  #warnings = h("ul", { class: "warnings" });
  #warningsPanel;
  #warningsText = "";

  constructor() {
    this.#warningsPanel = h("section", { class: "panel panel-warnings", hidden: true }, h("h2", {}, "Warnings"), this.#warnings);
    const panels = groups.map(([title, rows]) => h("section", { class: "panel" },
      h("h2", {}, title),
      h("dl", { class: "facts" }, ...rows.map(([label, read]) => this.#row(label, read)))));
    this.element = h("div", { class: "details" }, this.#state, this.#warningsPanel, ...panels);
  }

  // add puts a further panel below what is said of the picture.
  add(panel) {
    this.#warningsPanel.nextElementSibling.after(panel);
  }

  #row(label, read) {
    const text = h("dd", {}, format.none);
    const element = h("div", { data: { fact: label.toLowerCase().replaceAll(" ", "-") } }, h("dt", {}, label), text);
    this.#rows.push({ element, text, read });
    return element;
  }

  refresh(facts) {
    const { state } = facts.screen.verdict;
    setText(this.#state, stateNames[state] ?? state);
    for (const { element, text, read } of this.#rows) {
      const value = String(read(facts));
      setText(text, value);
      setHidden(element, value === "");
    }
    const warnings = Array.isArray(facts.camera.warnings) ? facts.camera.warnings.map(String) : [];
    setHidden(this.#warningsPanel, warnings.length === 0);
    if (warnings.join("\n") !== this.#warningsText) {
      this.#warningsText = warnings.join("\n");
      this.#warnings.replaceChildren(...warnings.map((warning) => h("li", {}, warning)));
    }
  }
}
