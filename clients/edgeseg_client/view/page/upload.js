// Pictures that are chosen, dropped or pasted are segmented one after another.

import { Card } from "./card.js";
import { readMessage } from "./message.js";

export class Upload {
  #place;
  #card = null;
  #turn = Promise.resolve();
  #maxBytes = 0;

  /** `place` adds a card to the page. */
  constructor(place) {
    this.#place = place;
    const input = document.getElementById("file");
    document.getElementById("upload").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.add([...input.files]);
      input.value = "";
    });
    document.addEventListener("paste", (event) => this.add([...event.clipboardData.files]));
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      this.add([...event.dataTransfer.files]);
    });
  }

  set maxBytes(bytes) {
    this.#maxBytes = bytes;
  }

  add(files) {
    for (const file of files) this.#turn = this.#turn.then(() => this.#segment(file));
  }

  async #segment(file) {
    const card = (this.#card ??= this.#newCard());
    card.setState({ state: "waiting", why: "", last_failure: `${file.name} is sent…` });
    const failure = await this.#send(file, card);
    card.setState({ state: failure ? "failed" : "ended", why: failure && `${file.name}: ${failure}` });
  }

  /** Send a file and show its mask; returns why that was not possible. */
  async #send(file, card) {
    if (this.#maxBytes && file.size > this.#maxBytes) {
      return `the file is larger than ${this.#maxBytes >> 20} MiB, the most that is accepted here`;
    }
    try {
      const response = await fetch("segment", { method: "POST", body: file });
      if (!response.ok) {
        const answer = await response.text();
        return response.headers.get("Content-Type")?.includes("json") ? JSON.parse(answer).error : answer;
      }
      const frame = readMessage(await response.arrayBuffer());
      frame.header.label = file.name;
      frame.picture ??= file;
      frame.bytes += file.size;
      await card.add(frame);
      return "";
    } catch {
      return "the page's server does not answer";
    }
  }

  #newCard() {
    const card = new Card("Pictures", { live: false });
    this.#place(card, () => {
      this.#card = null;
    });
    return card;
  }
}
