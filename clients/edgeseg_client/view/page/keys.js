// What keys do; the browser's own and those of form fields stay as they are.

import { change, settings } from "./settings.js";

const STEP = 0.1;

export function listenToKeys({ active, cards }) {
  const actions = {
    " ": () => active()?.togglePause(),
    k: () => active()?.togglePause(),
    ArrowLeft: () => active()?.step(-1),
    ArrowRight: () => active()?.step(1),
    s: () => active()?.save("overlay"),
    f: () => active()?.toggleFull(),
    m: () => change({ mask: !settings.mask }),
    "+": () => change({ mask: true, opacity: Math.min(1, settings.opacity + STEP) }),
    "-": () => change({ mask: true, opacity: Math.max(0, settings.opacity - STEP) }),
    u: () => document.getElementById("upload").click(),
    "?": () => document.getElementById("help-dialog").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === " " && event.target.closest("button, summary")) return;
    if (/^[1-9]$/.test(event.key)) {
      cards()[Number(event.key) - 1]?.element.focus();
      return;
    }
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
