// The latency of the last frames by stage, as a small chart.

const FRAMES = 120;
const TALLEST = 1.25; // times the 95th percentile; what is higher is cut off

export const milliseconds = (seconds) =>
  seconds >= 0.0995 ? `${Math.round(seconds * 1000)} ms` : `${(seconds * 1000).toFixed(1)} ms`;

function percentile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const median = (values) => percentile(values, 0.5);

/** A round number of seconds that is not less. */
function ceiling(seconds) {
  const power = 10 ** Math.floor(Math.log10(seconds));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((factor) => factor * power).find((one) => one >= seconds);
}

export class Latency {
  #canvas;
  #list;
  #total;
  #frames = [];

  constructor(section) {
    this.#canvas = section.querySelector(".spark");
    this.#list = section.querySelector(".stages");
    this.#total = section.querySelector(".latency");
  }

  add({ stages, latency }) {
    this.#frames.push({ stages, latency });
    if (this.#frames.length > FRAMES) this.#frames.shift();
  }

  /** Draw the chart, and the medians as text. */
  show() {
    if (!this.#frames.length) return;
    const names = this.#frames[0].stages.map(([name]) => name);
    const middles = names.map((name, at) => [name, median(this.#frames.map((one) => one.stages[at][1]))]);
    this.#list.replaceChildren(
      ...middles.map(([name, seconds]) => {
        const line = document.createElement("li");
        const swatch = document.createElement("i");
        swatch.style.setProperty("--color", `var(--stage-${name})`);
        const value = document.createElement("b");
        value.textContent = milliseconds(seconds);
        line.append(swatch, name, value);
        return line;
      }),
    );
    const total = milliseconds(median(this.#frames.map((one) => one.latency)));
    this.#total.textContent = total;
    const text = middles.map(([name, seconds]) => `${name} ${milliseconds(seconds)}`).join(", ");
    this.#canvas.setAttribute("aria-label", `Latency ${total}, by stage: ${text}`);
    this.#draw(names);
  }

  #draw(names) {
    const scale = window.devicePixelRatio || 1;
    const width = Math.round(this.#canvas.clientWidth * scale);
    const height = Math.round(this.#canvas.clientHeight * scale);
    if (!width || !height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    const context = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    const usual = percentile(this.#frames.map((one) => one.latency), 0.95);
    const highest = ceiling(Math.max(usual * TALLEST, 0.001));
    const step = width / FRAMES;
    const left = width - step * this.#frames.length;
    this.#frames.forEach(({ stages }, at) => {
      let bottom = height;
      stages.forEach(([, seconds], stage) => {
        const tall = (seconds / highest) * height;
        context.fillStyle = style.getPropertyValue(`--stage-${names[stage]}`);
        context.fillRect(left + at * step, bottom - tall, Math.max(step - scale * 0.5, step * 0.6), tall);
        bottom -= tall;
      });
    });
    context.fillStyle = style.getPropertyValue("--muted");
    context.font = `${11 * scale}px ${style.fontFamily}`;
    context.textBaseline = "top";
    context.fillText(`${Number((highest * 1000).toPrecision(2))} ms`, 5 * scale, 4 * scale);
  }
}
