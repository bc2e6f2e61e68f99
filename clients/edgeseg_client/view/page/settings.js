// What is chosen for all sources; kept in the browser.

const defaults = { opacity: 0.55, smooth: true, mask: true, readNote: "" };

function read() {
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem("edgeseg-view") ?? "{}") };
  } catch {
    return { ...defaults };
  }
}

export const settings = read();

export function change(changes) {
  Object.assign(settings, changes);
  try {
    localStorage.setItem("edgeseg-view", JSON.stringify(settings));
  } catch {
    // The browser keeps nothing; the settings last as long as the page.
  }
  apply();
}

/** Styles show the settings; nothing is drawn again. */
export function apply() {
  document.body.style.setProperty("--opacity", settings.opacity);
  document.body.classList.toggle("sharp", !settings.smooth);
  document.body.classList.toggle("no-mask", !settings.mask);
  const opacity = document.getElementById("opacity");
  opacity.value = Math.round(settings.opacity * 100);
  document.getElementById("opacity-shown").textContent = `${opacity.value} %`;
  document.getElementById("smooth").checked = settings.smooth;
}
