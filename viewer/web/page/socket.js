// A WebSocket as the page's server speaks: a frame is a text, which is its header, and then its picture; anything
// else is one text. What they mean is the owner's.

export class Socket {
  heard = performance.now(); // when anything came last

  #socket;
  #handlers;
  #header; // of the frame whose picture comes next

  // handlers: opened(), frame({header, blob, ack}), message(message) and closed(). ack() tells the server that the
  // frame is on the screen; it returns false where the owner has another connection by now. It throws where a policy
  // of the browser refuses.
  constructor(url, handlers) {
    this.#handlers = handlers;
    const socket = new WebSocket(url);
    socket.binaryType = "blob";
    socket.onopen = () => {
      this.heard = performance.now();
      handlers.opened();
    };
    socket.onmessage = (event) => this.#message(event.data);
    socket.onclose = () => handlers.closed();
    this.#socket = socket;
  }

  // send says whether the message has left.
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  // close forgets the socket without waiting for a server that may not answer any more. Nothing comes after it.
  close() {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #message(data) {
    this.heard = performance.now();
    if (typeof data !== "string") {
      const header = this.#header;
      this.#header = undefined;
      if (header) this.#handlers.frame({ header, blob: data, ack: () => this.#ack(header.n) }); // without one it says nothing
      return;
    }
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message === null || typeof message !== "object") return;
    if (message.type === "frame") this.#header = message;
    else this.#handlers.message(message);
  }

  #ack(n) {
    if (!this.#socket) return false;
    this.send({ type: "ack", n });
    return true;
  }
}
