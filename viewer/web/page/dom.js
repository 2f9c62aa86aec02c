// Elements from code. Text goes in as text and nothing else: what a camera says about itself may
// be hostile.

// h makes an element. Properties: class, data (an object), on… (listeners); the rest are
// attributes, left out where undefined or false. Children are elements or strings.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// icon makes a drawing of strokes from the data of one SVG path.
export function icon(path) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const stroke = document.createElementNS(ns, "path");
  stroke.setAttribute("d", path);
  svg.append(stroke);
  return svg;
}

// setText and setData change the document only where something changed: forty tiles are refreshed
// four times a second.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

// place puts an element so many pixels from the left, and makes it so wide where a width is given.
export function place(element, left, width) {
  element.style.left = `${left.toFixed(1)}px`;
  if (width !== undefined) element.style.width = `${Math.max(0, width).toFixed(1)}px`;
}
