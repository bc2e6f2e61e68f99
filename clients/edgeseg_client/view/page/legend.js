// The classes of a source: their colours, names and shares; each can be hidden.

const BLACK = "#000000";

export const percent = (share) =>
  share >= 0.0995 ? `${Math.round(share * 100)} %` : `${(share * 100).toFixed(1)} %`;

export class Legend {
  /** Ids of classes that are not drawn; names need not differ. */
  hidden = new Set();
  #list;
  #items = new Map();
  #onToggle;

  constructor(list, onToggle) {
    this.#list = list;
    this.#onToggle = onToggle;
  }

  /** Learn classes, which another model may name and colour otherwise; a new one that is black is hidden. */
  learn(classes) {
    for (const one of classes) {
      const item = this.#items.get(one.id) ?? this.#add(one.id);
      if (item.name !== one.name) this.#name(item, one);
      item.button.style.setProperty("--color", one.color);
    }
  }

  /** Show the shares of all classes that it has learned. */
  update(classes) {
    const shares = new Map(classes.map((one) => [one.id, one.share]));
    for (const [id, item] of this.#items) {
      const share = shares.get(id) ?? 0;
      item.share.textContent = shares.has(id) ? percent(share) : "–";
      item.button.style.setProperty("--share", share);
      item.button.classList.toggle("absent", !shares.has(id));
    }
  }

  showAll(shown) {
    for (const item of this.#items.values()) this.#set(item, shown);
    this.#onToggle();
  }

  #add(id) {
    const button = document.createElement("button");
    button.type = "button";
    const parts = ["swatch", "name", "share", "meter"].map((kind) => {
      const part = document.createElement("span");
      part.className = kind;
      return part;
    });
    parts[3].append(document.createElement("i"));
    button.append(...parts);
    const item = { id, button, name: null, label: parts[1], share: parts[2] };
    button.addEventListener("click", () => {
      this.#set(item, this.hidden.has(id));
      this.#onToggle();
    });
    const line = document.createElement("li");
    line.append(button);
    const next = [...this.#items.values()].find((other) => other.id > id);
    this.#list.insertBefore(line, next ? next.button.parentElement : null);
    this.#items.set(id, item);
    this.#items = new Map([...this.#items].sort((one, other) => one[0] - other[0]));
    return item;
  }

  /** Name a class that is new, or another than before. */
  #name(item, { name, color }) {
    item.name = name;
    item.label.textContent = name;
    // A black class is the background: it is not drawn unless somebody wants it.
    this.#set(item, color !== BLACK);
  }

  #set(item, shown) {
    if (shown) this.hidden.delete(item.id);
    else this.hidden.add(item.id);
    item.button.setAttribute("aria-pressed", String(shown));
  }
}
