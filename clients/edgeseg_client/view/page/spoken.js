// What a screen reader says: at most one line in some seconds, the newest.

const EVERY_MS = 4000;

let waiting = "";
let timer = null;

export function speak(text) {
  waiting = text;
  if (timer !== null) return;
  say();
  timer = setTimeout(again, EVERY_MS);
}

function again() {
  timer = null;
  if (waiting) speak(waiting);
}

function say() {
  document.getElementById("spoken").textContent = waiting;
  waiting = "";
}
