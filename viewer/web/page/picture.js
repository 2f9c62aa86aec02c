// Decodes frames and draws them, one at a time and the newest first: what comes while one is being
// decoded waits in a place for one, and a newer one takes that place.

export class Picture {
  // Of the newest picture drawn, in its own pixels; 0 before the first.
  width = 0;
  height = 0;

  #canvas;
  #context;
  #handlers;
  #box = { width: 0, height: 0 }; // of the canvas on the screen, in device pixels
  #sizes;
  #waiting;
  #busy = false;

  // handlers: drawn(frame), replaced(frame) for one that a newer one overtook, and
  // failed(frame) for one that is no picture. Each frame ends in exactly one of them.
  constructor(canvas, handlers) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#handlers = handlers;
    this.#sizes = new ResizeObserver(([{ contentRect }]) => {
      this.#box = { width: contentRect.width * devicePixelRatio, height: contentRect.height * devicePixelRatio };
    });
    this.#sizes.observe(canvas);
  }

  show(frame) {
    if (this.#waiting) this.#handlers.replaced(this.#waiting);
    this.#waiting = frame;
    if (!this.#busy) this.#work();
  }

  // copy takes over what another canvas shows, to have something until the first frame.
  copy(canvas, width, height) {
    if (width > 0 && height > 0) this.#draw(canvas, width, height);
  }

  close() {
    this.#sizes.disconnect();
  }

  async #work() {
    this.#busy = true;
    while (this.#waiting) {
      const frame = this.#waiting;
      this.#waiting = undefined;
      let drawn = false;
      try {
        const bitmap = await createImageBitmap(frame.blob);
        try {
          this.#draw(bitmap, bitmap.width, bitmap.height);
          drawn = true;
        } finally {
          bitmap.close(); // its memory, at once: the collector does not know how much it is
        }
      } catch {
        // Not a picture: counted by the handler. The next one may be good.
      }
      if (drawn) this.#handlers.drawn(frame);
      else this.#handlers.failed(frame);
    }
    this.#busy = false;
  }

  // draw scales down to the pixels of the screen; scaling up is left to the style sheet
  // (object-fit), so that no canvas is larger than it needs to be.
  #draw(image, width, height) {
    const { width: across, height: down } = this.#box;
    const scale = across > 0 && down > 0 ? Math.min(1, across / width, down / height) : 1;
    const w = Math.max(1, Math.round(width * scale));
    const h = Math.max(1, Math.round(height * scale));
    if (this.#canvas.width !== w || this.#canvas.height !== h) {
      this.#canvas.width = w;
      this.#canvas.height = h;
      this.#context.imageSmoothingQuality = "medium";
    }
    this.#context.drawImage(image, 0, 0, w, h);
    this.width = width;
    this.height = height;
  }
}
