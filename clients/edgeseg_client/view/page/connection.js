// A WebSocket that is opened again, as often as needed.

// All in milliseconds.
const OPEN_WITHIN = 2500;
const SILENT = 6000; // the server sends its state every second
const PAUSE = 300;
const MAX_PAUSE = 1000;

/** The address of a socket of this page's server. */
export function socketAddress(name) {
  const address = new URL(name, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.search = "";
  return address.href;
}

export class Connection {
  #name;
  #socket = null;
  #timer = null;
  #pause = PAUSE;
  #onText;
  #onBinary;
  #onState;

  /** `onState` is called with whether the server is connected. A server that is silent is lost. */
  constructor(name, { onText, onBinary, onState }) {
    this.#name = name;
    this.#onText = onText;
    this.#onBinary = onBinary;
    this.#onState = onState;
    window.addEventListener("online", () => this.#reopen());
    this.#open();
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #open() {
    const socket = new WebSocket(socketAddress(this.#name));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.#expect(OPEN_WITHIN);
    socket.onopen = () => {
      this.#pause = PAUSE;
      this.#expect(SILENT);
      this.#onState(true);
    };
    socket.onmessage = ({ data }) => {
      this.#expect(SILENT);
      if (typeof data === "string") this.#onText(JSON.parse(data));
      else this.#onBinary(data);
    };
    socket.onclose = () => this.#lost(socket);
  }

  /** Give up this socket if nothing comes in that time. */
  #expect(milliseconds) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#timer = setTimeout(() => {
      socket.close();
      this.#lost(socket); // a socket whose network is cut takes long to close
    }, milliseconds);
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.onmessage = socket.onopen = null;
    this.#onState(false);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, MAX_PAUSE);
  }

  #reopen() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#open();
  }
}
