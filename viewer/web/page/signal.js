// What to call what is on the screen: live, or why it is not. Nothing here touches the document.

import { millis } from "./format.js";

// staleAfter is when the newest picture is not live any more, in ms: the same 2 s everywhere in
// lensbus.
export const staleAfter = 2000;

// stateNames are judge's states in words.
export const stateNames = {
  live: "live",
  connecting: "connecting",
  nosignal: "no signal",
  frozen: "frozen",
  unreadable: "unreadable",
  server: "no server",
  gone: "not published",
  recorded: "recorded",
  norecord: "nothing recorded then",
};

const stateText = {
  opening: "the source is being opened",
  frozen: "the source delivers no new pictures",
  lost: "the source failed",
};

// judge returns {state, title, detail, since}: state is "live", "connecting", "nosignal", "frozen",
// "unreadable", "server" (the page has no server) or "gone" (the camera has left); since is how
// long it has been so in ms, where known.
//
//   socket      {state, since} of Live, since in ms
//   reachable   false when the list of cameras does not get through either
//   signal      the newest signal message of this connection, or undefined
//   camera      the newest entry of the list, {} before the first
//   gone        the camera was in the list and is not any more, or never was
//   sinceDrawn  ms since the newest picture of this connection was drawn, or undefined
//   sinceLive   ms since this was last judged live, or undefined
//   sinceFailed ms since the newest undecodable one, or undefined
//   serverNow   the server's clock, Unix ms, or undefined
export function judge({ socket, reachable, signal, camera, gone, sinceDrawn, sinceLive, sinceFailed, serverNow }) {
  if (reachable === false || (socket.state === "lost" && socket.since > staleAfter)) {
    return { state: "server", title: "Page lost its server", detail: "Connecting again…", since: sinceLive };
  }
  if (gone) return { state: "gone", title: "No such camera now", detail: "Nobody publishes it. It comes back here by itself.", since: sinceLive };
  if (socket.state !== "open") return { state: "connecting", title: "Connecting…", detail: "", since: undefined };

  const fresh = sinceDrawn !== undefined && sinceDrawn < staleAfter;
  const state = signal?.state || camera.state;
  const reason = signal?.reason || camera.reason || "";
  if (state === "frozen" && !camera.silent) {
    return { state: "frozen", title: "Frozen picture", detail: because(state, reason, camera), since: elapsed(camera.since, serverNow) };
  }
  if (fresh && signal?.live !== false) return { state: "live", title: "", detail: "", since: undefined };
  if (sinceFailed !== undefined && sinceFailed < staleAfter && signal?.live !== false) {
    return { state: "unreadable", title: "Unreadable pictures", detail: "What arrives cannot be decoded.", since: sinceLive };
  }
  if (sinceDrawn === undefined && signal?.live !== false && socket.since < staleAfter) {
    return { state: "connecting", title: "Connecting…", detail: "", since: undefined };
  }
  return { state: "nosignal", title: "No signal", detail: because(state, reason, camera), since: quiet(sinceLive, camera, serverNow) };
}

function because(state, reason, camera) {
  if (camera.silent) return "Nothing is heard of its publisher.";
  const text = stateText[state];
  if (text === undefined) return reason ? `${sentence(reason)}.` : "No pictures arrive.";
  return reason ? `${sentence(text)}: ${reason}` : `${sentence(text)}.`;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

const elapsed = (time, serverNow) => {
  const t = millis(time);
  return t === undefined || serverNow === undefined ? undefined : Math.max(0, serverNow - t);
};

// quiet is how long no picture has come. This page may have been away, and the publisher's clock
// may be off: of what both say the shorter.
function quiet(sinceLive, camera, serverNow) {
  const told = elapsed(camera.last_frame, serverNow);
  if (sinceLive === undefined) return told;
  return told === undefined ? sinceLive : Math.min(sinceLive, told);
}
