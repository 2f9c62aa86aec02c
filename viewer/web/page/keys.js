// The keyboard. Keys are for the page, not for a field, a dialog or the browser's own shortcuts.

const numberWithin = 700; // ms between the digits of one number

const jump = 10_000; // ms

// listen calls the actions: move(across, down), number(n), back(), full(), save(), help(), and for
// recordings recordings(), play(), step(frames), jump(ms), live(), mark("from" or "to").
// cameras() says how many there are, so that a digit which can only mean one acts at once.
export function listen(actions, cameras) {
  let digits = "";
  let timer;

  const pick = () => {
    clearTimeout(timer);
    const n = Number(digits);
    digits = "";
    actions.number(n);
  };
  const digit = (d) => {
    clearTimeout(timer);
    digits += d;
    if (Number(digits) * 10 > cameras() || digits === "0") pick();
    else timer = setTimeout(pick, numberWithin);
  };

  const keys = {
    ArrowLeft: () => actions.move(-1, 0),
    ArrowRight: () => actions.move(1, 0),
    ArrowUp: () => actions.move(0, -1),
    ArrowDown: () => actions.move(0, 1),
    Escape: () => actions.back(),
    f: () => actions.full(),
    s: () => actions.save(),
    "?": () => actions.help(),
    r: () => actions.recordings(),
    " ": () => actions.play(),
    ",": () => actions.step(-1),
    ".": () => actions.step(1),
    j: () => actions.jump(-jump),
    k: () => actions.jump(jump),
    l: () => actions.live(),
    i: () => actions.mark("from"),
    o: () => actions.mark("to"),
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input, select, textarea, dialog, [contenteditable]")) return;
    if (event.key === " " && event.target.closest?.("button, summary")) return; // it presses that
    if (/^[0-9]$/.test(event.key)) {
      event.preventDefault();
      digit(event.key);
      return;
    }
    // false: the action has no use for the key now, so that the arrows scroll where they move nothing.
    if (Object.hasOwn(keys, event.key) && keys[event.key]() !== false) event.preventDefault();
  });
}
