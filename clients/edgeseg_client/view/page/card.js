// One source on the page: its picture, its mask, and what is known of it.

import { History } from "./history.js";
import { Latency, milliseconds } from "./latency.js";
import { Legend, percent } from "./legend.js";
import { readLabels } from "./message.js";
import { Painter } from "./painter.js";
import { labelsPng } from "./png.js";
import { settings } from "./settings.js";
import { speak } from "./spoken.js";

const LIVE = "live";
const TEXT_EVERY = 250; // milliseconds between changes of text, so that it can be read
const STATES = { live: "live", waiting: "waiting", lost: "lost", refused: "refused", ended: "ended", failed: "failed" };

export class Card {
  #element;
  #history = new History();
  #painter;
  #legend;
  #latency;
  #shown = null;
  #labels = null;
  #state = { state: "waiting", why: "" };
  #cut = false;
  #undecodable = false; // whether the picture of the frame that is shown cannot be decoded
  #unreported = 0; // frames that have come, and for which `onShown` was not called
  #wanted = false; // the next frame is shown although the card is paused
  #written = 0;
  #found = "";
  #onShown;

  /** `onShown` is called for each frame that may be followed by another. */
  constructor(name, { onShown = () => {}, live = true } = {}) {
    this.name = name;
    this.paused = false;
    this.#onShown = onShown;
    this.#element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.#part("h2").textContent = name;
    this.#element.setAttribute("aria-label", name);
    this.#part(".controls").setAttribute("aria-label", `${name}: frames`);
    this.#painter = new Painter(this.#part(".picture"), this.#part(".mask"));
    this.#legend = new Legend(this.#part(".legend"), () => this.#repaint());
    this.#latency = new Latency(this.#part(".timing"));
    this.#part(".picture").setAttribute("aria-label", `${name}: no picture yet`);
    this.#part(".pause").hidden = !live;
    this.#part(".badge").hidden = !live;
    this.#part(".full").hidden = !document.fullscreenEnabled;
    this.#connect();
    this.#showState();
  }

  get element() {
    return this.#element;
  }

  get frames() {
    return this.#history.length;
  }

  /** The part of the card that a selector finds. */
  #part(selector) {
    return this.#element.querySelector(selector);
  }

  #connect() {
    const click = (selector, action) => this.#part(selector).addEventListener("click", action);
    click(".pause", () => this.togglePause());
    click(".step-back", () => this.step(-1));
    click(".step-forward", () => this.step(1));
    click(".full", () => this.toggleFull());
    click(".all", () => this.#legend.showAll(true));
    click(".none", () => this.#legend.showAll(false));
    for (const button of this.#element.querySelectorAll("[data-save]")) {
      button.addEventListener("click", () => {
        button.closest("details").open = false;
        this.save(button.dataset.save);
      });
    }
    document.addEventListener("visibilitychange", () => this.#reportShown());
  }

  /** Show the button that removes the card, or chooses another camera. */
  offer(selector, action) {
    const button = this.#part(selector);
    button.hidden = false;
    button.addEventListener("click", action);
  }

  /** A frame has come. */
  async add(frame) {
    this.#history.add(frame);
    this.#latency.add(frame.header);
    this.#unreported += 1;
    if (!this.paused || this.#wanted) {
      this.#wanted = false;
      await this.#show(frame);
    }
    this.#showPosition();
    this.#reportShown();
  }

  /** Ask for as many frames as were shown; none while the page is hidden, or the card paused. */
  #reportShown() {
    while (this.#unreported > 0 && !this.paused && !document.hidden) {
      this.#unreported -= 1;
      this.#onShown();
    }
  }

  /** The connection is a new one: what was sent over the last one need not be reported. */
  forgetUnreported() {
    this.#unreported = 0;
  }

  async #show(frame) {
    const labels = readLabels(frame);
    const drawn = await this.#painter.drawPicture(frame.picture, frame.header.frame_size);
    if (drawn === "late") return;
    // From here on nothing is awaited: what is written is of the frame that is seen.
    this.#undecodable = drawn === "blank";
    this.#legend.learn(frame.header.classes);
    this.#painter.paintMask(labels, frame.header, this.#legend.hidden);
    this.#shown = frame;
    this.#labels = labels;
    this.#legend.update(frame.header.classes);
    this.#message(this.#trouble());
    const [width, height] = frame.header.frame_size;
    this.#part(".frame").style.setProperty("--ratio", width / height);
    this.#element.dataset.frame = frame.header.frame_id;
    this.#write();
  }

  #repaint() {
    if (this.#shown) this.#painter.paintMask(this.#labels, this.#shown.header, this.#legend.hidden);
  }

  /** Write the texts that would otherwise change with each frame. */
  #write() {
    const now = performance.now();
    if (now - this.#written < TEXT_EVERY && !this.paused) return;
    this.#written = now;
    this.#latency.show();
    const classes = this.#shown.header.classes.filter((one) => !this.#legend.hidden.has(one.id));
    const found = classes.map((one) => `${one.name} ${percent(one.share)}`).join(", ");
    this.#part(".picture").setAttribute("aria-label", `${this.name}: ${found || "no class found"}`);
    const names = classes.filter((one) => one.share >= 0.005).map((one) => one.name).join(", ");
    if (names !== this.#found && this.#element.classList.contains("active")) {
      speak(`${this.name}: ${names || "no class found"}`);
    }
    this.#found = names;
  }

  /** What the server says of the source. */
  setState(state) {
    if (state.state !== this.#state.state) {
      if (state.state === "lost") speak(`${this.name} is lost`);
      if (this.#state.state === "lost" && state.state === LIVE) speak(`${this.name} is back`);
    }
    this.#state = state;
    this.#showState();
  }

  /** Whether nothing comes because the page, or the daemon, is cut off. */
  setCut(cut) {
    this.#cut = cut;
    this.#showState();
  }

  #trouble() {
    const { state, why } = this.#state;
    if (state === "lost") return `${this.name} is lost: ${why}. It is opened again and again.`;
    if (state === "refused") return `The daemon does not segment ${this.name}: ${why}. It is asked again and again.`;
    if (state === "failed") return why;
    if (this.#undecodable) return "This browser cannot show the picture; its mask is shown without it.";
    return this.#state.last_failure || "";
  }

  #showState() {
    const { state } = this.#state;
    const badge = this.#part(".badge");
    badge.dataset.state = this.paused ? "paused" : state;
    badge.textContent = this.paused ? "paused" : (STATES[state] ?? state);
    this.#element.classList.toggle("stale", this.#cut || ["lost", "refused", "failed"].includes(state));
    this.#message(this.#trouble());
    if (this.#state.frames === undefined) return;
    const { rate, latency_p50: p50, latency_p99: p99, results, dropped, failed } = this.#state;
    const figures = state === LIVE ? [`${rate.toFixed(rate < 10 ? 1 : 0)} per second`] : [];
    if (p50 !== null) figures.push(milliseconds(p50));
    this.#part(".figures").textContent = figures.join(" · ");
    this.#numbers([
      ["p50", p50 === null ? "–" : milliseconds(p50)],
      ["p99", p99 === null ? "–" : milliseconds(p99)],
      ["results", results],
      ["dropped", dropped],
      ["failed", failed, failed > 0],
      ["delegate", this.#shown?.header.delegate ?? "–"],
    ]);
  }

  #numbers(lines) {
    this.#part(".numbers").replaceChildren(
      ...lines.map(([name, value, bad]) => {
        const line = document.createElement("div");
        const [term, description] = [document.createElement("dt"), document.createElement("dd")];
        [term.textContent, description.textContent] = [name, value];
        if (bad) line.className = "bad";
        line.append(term, description);
        return line;
      }),
    );
  }

  #message(text) {
    const message = this.#part(".message");
    if (message.textContent !== text) message.textContent = text;
  }

  #showPosition() {
    const last = this.#history.length - 1;
    const at = this.#history.position(this.#shown);
    const label = this.#shown?.header.label ?? "";
    const behind = this.paused || this.#part(".pause").hidden;
    const where = behind && at >= 0 ? `${at + 1} of ${last + 1}` : "";
    this.#part(".position").textContent = [label, where].filter(Boolean).join(" · ");
    this.#part(".step-back").disabled = at <= 0;
    this.#part(".step-forward").disabled = !this.paused && at >= last;
  }

  togglePause() {
    if (this.#part(".pause").hidden) return;
    this.#setPaused(!this.paused);
    if (!this.paused && this.#history.newest) this.#show(this.#history.newest);
  }

  #setPaused(paused) {
    this.paused = paused;
    this.#wanted = false;
    const button = this.#part(".pause");
    button.setAttribute("aria-label", paused ? "Go on" : "Pause");
    button.title = `${paused ? "Go on" : "Pause"} (Space)`;
    button.querySelector("use").setAttribute("href", paused ? "#play" : "#pause");
    this.#showState();
    this.#showPosition();
    this.#reportShown();
  }

  /** Show the frame before or after; after the newest one, the next that comes. */
  async step(by) {
    const at = this.#history.position(this.#shown);
    if (!this.#part(".pause").hidden && !this.paused) this.#setPaused(true);
    const next = Math.max(0, at + by);
    if (next < this.#history.length) {
      await this.#show(this.#history.at(next));
    } else if (this.paused) {
      this.#wanted = true;
      if (this.#unreported > 0) {
        this.#unreported -= 1;
        this.#onShown();
      }
    }
    this.#showPosition();
  }

  toggleFull() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.#element.requestFullscreen?.();
  }

  /** Save `overlay`, `picture` or `mask` of the frame that is shown, as a file. */
  async save(what) {
    if (!this.#shown) return;
    const name = (this.#shown.header.label || `${this.name}-${this.#shown.header.frame_id}`).replace(/[^\w.-]+/g, "_");
    if (what === "picture") download(this.#shown.picture, `${name}.jpg`);
    if (what === "mask") download(labelsPng(this.#labels, this.#shown.header), `${name}.labels.png`);
    if (what === "overlay") {
      const canvas = this.#painter.compose(settings.mask ? settings.opacity : 0, settings.smooth);
      canvas.toBlob((blob) => download(blob, `${name}.overlay.png`), "image/png");
    }
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
