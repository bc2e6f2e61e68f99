// The last frames of a source, to step through; its memory is bounded.

const MAX_FRAMES = 150;
const MAX_BYTES = 32 * 1024 * 1024;

export class History {
  #frames = [];
  #bytes = 0;

  get length() {
    return this.#frames.length;
  }

  add(frame) {
    this.#frames.push(frame);
    this.#bytes += frame.bytes;
    while (this.#frames.length > MAX_FRAMES || (this.#bytes > MAX_BYTES && this.#frames.length > 1)) {
      this.#bytes -= this.#frames.shift().bytes;
    }
  }

  /** Where a frame is, from 0 for the oldest; -1 if it has been dropped. */
  position(frame) {
    return this.#frames.indexOf(frame);
  }

  at(position) {
    return this.#frames[position];
  }

  get newest() {
    return this.#frames.at(-1);
  }
}
