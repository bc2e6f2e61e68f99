// The page: a card for each source, and what is said of the daemon.

import { OwnCamera } from "./camera.js";
import { Card } from "./card.js";
import { Connection } from "./connection.js";
import { listenToKeys } from "./keys.js";
import { readMessage } from "./message.js";
import { apply, change, settings } from "./settings.js";
import { speak } from "./spoken.js";
import { Upload } from "./upload.js";

const MAX_UPLOAD_BYTES = 32 * 1024 * 1024; // as in upload.py
const at = (id) => document.getElementById(id);
const cards = new Map();
let connected = false;
let daemon = null;

const connection = new Connection("live", {
  onText: (state) => {
    daemon = state.daemon;
    for (const source of state.sources) cardOf(source.name).setState(source);
    forget(new Set(state.sources.map((source) => keyOf(source.name))));
    upload.maxBytes = Math.min(daemon.max_bytes || Infinity, MAX_UPLOAD_BYTES);
    at("empty").hidden = cards.size > 0;
    showDaemon();
  },
  onBinary: (data) => {
    const frame = readMessage(data);
    cardOf(frame.header.source).add(frame);
  },
  onState: (open) => {
    connected = open;
    if (open) for (const card of cards.values()) card.forgetUnreported();
    showDaemon();
  },
});
const upload = new Upload(place);
const camera = new OwnCamera(place);

const keyOf = (name) => `source ${name}`;

/** Remove the cards of sources that the server, which may be another one now, does not have. */
function forget(kept) {
  for (const [key, card] of cards) {
    if (typeof key === "string" && !kept.has(key)) {
      cards.delete(key);
      card.element.remove();
    }
  }
}

/** The card of a source of the server. */
function cardOf(name) {
  const key = keyOf(name);
  if (!cards.has(key)) {
    const card = new Card(name, { onShown: () => connection.send({ shown: name }) });
    cards.set(key, card);
    at("cards").append(card.element);
    activateOnUse(card);
    if (cards.size === 1) activate(card);
  }
  return cards.get(key);
}

/** Add a card that the browser itself fills; `onRemove` is called when it is closed. */
function place(card, onRemove) {
  cards.set(card, card);
  at("cards").prepend(card.element);
  at("empty").hidden = true;
  activateOnUse(card);
  card.offer(".remove", () => {
    cards.delete(card);
    card.element.remove();
    at("empty").hidden = cards.size > 0;
    onRemove();
  });
  activate(card);
  card.element.scrollIntoView({ block: "nearest" });
}

/** Make a card the one that keys are for when it gets the focus or is touched. */
function activateOnUse(card) {
  card.element.addEventListener("focusin", () => activate(card));
  card.element.addEventListener("pointerdown", () => activate(card));
}

function activate(card) {
  for (const other of cards.values()) other.element.classList.toggle("active", other === card);
}

/** The card that keys are for. */
function active() {
  const all = [...cards.values()];
  return all.find((card) => card.element.classList.contains("active")) ?? all[0];
}

function showDaemon() {
  const banner = at("banner");
  const line = at("daemon");
  const model = daemon?.model;
  const trouble = [];
  if (!connected && daemon) trouble.push("The page’s server does not answer; trying again…");
  else if (daemon?.trouble && daemon.answers) {
    trouble.push(`The daemon at ${daemon.address} cannot segment for this page: ${daemon.trouble}. It is asked again and again.`);
  } else if (daemon?.trouble) {
    trouble.push(`No daemon answers at ${daemon.address}: ${daemon.trouble}. The page goes on by itself when it is back.`);
  }
  const cut = trouble.length > 0;
  const degraded = !cut && Boolean(model?.degraded);
  if (degraded) trouble.push("Degraded: a better delegate is unhealthy. Masks are right, but come later.");
  for (const card of cards.values()) card.setCut(cut);
  if (banner.textContent !== trouble.join(" ")) {
    banner.textContent = trouble.join(" ");
    if (!trouble.length) speak("all is well again");
  }
  banner.hidden = trouble.length === 0;
  banner.dataset.state = degraded ? "degraded" : "bad";
  line.dataset.state = cut ? "bad" : degraded ? "degraded" : daemon ? "good" : "waiting";
  if (model) {
    const runs = [model.delegate, model.runtime].filter(Boolean).join(", ");
    line.querySelector(".text").textContent = `${model.name} ${model.version} · ${runs || "no engine is ready"}`;
    line.title = `edgesegd ${daemon.version} at ${daemon.address}, input ${model.input_size.join(" × ")}`;
  }
  showNote(model);
}

/** What the model's author says to its users, until they have read it. */
function showNote(model) {
  at("note").hidden = !model?.note || settings.readNote === model.note;
  if (model) at("note").firstElementChild.textContent = `The model ${model.name}: ${model.note}`;
}

at("note").querySelector("button").addEventListener("click", () => {
  change({ readNote: daemon.model.note });
  showNote(daemon.model);
});
at("opacity").addEventListener("input", (event) => change({ opacity: event.target.value / 100 }));
at("smooth").addEventListener("change", (event) => change({ smooth: event.target.checked }));
at("help").addEventListener("click", () => at("help-dialog").showModal());
listenToKeys({ active, cards: () => [...cards.values()] });
apply();
