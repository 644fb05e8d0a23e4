// The formulas of the step on show. A symbol is a button: pointed at, focused or tapped, it lights up in the figure of
// the stepper named in the data; lit in the figure, it lights up here. Everything is put in as text, never as HTML.

const HINT = "Point at a symbol, or at the figure: the two light up together.";
const boards = new WeakMap(); // root element -> Board

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".linked-formulas");
  if (!boards.has(root)) boards.set(root, new Board(root));
  boards.get(root).receive(data);
  return () => {
    if (root.isConnected) return;
    boards.get(root).gone.abort();
    boards.delete(root);
  };
}

class Board {
  constructor(root) {
    this.root = root;
    this.gone = new AbortController();
    const options = { signal: this.gone.signal };
    const ours = (act) => ({ detail }) => detail.name === this.data?.stepper && act(detail);
    document.addEventListener("nearest-plane:shows", ours(({ step }) => this.show(step)), options);
    document.addEventListener("nearest-plane:light", ours((detail) => this.follow(detail)), options);
  }

  receive(data) {
    const another = this.data?.stepper !== data.stepper;
    const changed = JSON.stringify(this.data?.steps) !== JSON.stringify(data.steps);
    this.data = data;
    if (another) this.step = data.step;
    if (another || changed) this.draw();
  }

  show(step) {
    if (step === this.step) return;
    this.step = step;
    this.draw();
  }

  // ---- pointing

  light(symbol) {
    const detail = { name: this.data.stepper, symbol, from: "formula" };
    document.dispatchEvent(new CustomEvent("nearest-plane:light", { detail }));
  }

  get focused() {
    return this.root.contains(document.activeElement) ? document.activeElement.dataset.symbol : undefined;
  }

  // What has the keyboard's focus is lit again when the pointer leaves the figure's marks, or a symbol.
  follow({ symbol, from }) {
    if (symbol === null && from === "figure" && this.focused) this.light(this.focused);
    else this.mark(symbol);
  }

  mark(symbol) {
    let meaning = HINT;
    for (const button of this.root.querySelectorAll("[data-symbol]")) {
      const lit = button.dataset.symbol === symbol;
      button.toggleAttribute("data-lit", lit);
      if (lit && (meaning === HINT || button.matches(":hover, :focus"))) meaning = button.ariaLabel;
    }
    if (this.hint) this.hint.textContent = meaning;
  }

  // ---- drawing

  draw() {
    const { focused } = this;
    const formulas = this.data.steps[Math.min(this.step, this.data.steps.length - 1)];
    this.reached = new Set(); // a symbol that comes twice is one stop for the Tab key
    const groups = element("div", "linked-groups");
    groups.append(...formulas.map((each) => this.group(each)));
    this.root.replaceChildren(groups);
    this.hint = this.reached.size ? element("p", "linked-hint", HINT) : null;
    if (this.hint) this.root.append(this.hint);
    const again = focused && this.root.querySelector(`[data-symbol="${focused}"]`);
    if (again) again.focus();
    else if (focused) this.light(null);
  }

  group({ title, lines, note }) {
    const group = element("section", "linked-group");
    if (title) group.append(element("p", "linked-title", title));
    for (const line of lines) {
      const row = element("p", "linked-line");
      row.append(...this.parts(line));
      group.append(row);
    }
    if (note.length) {
      const remark = element("p", "linked-note");
      remark.append(...this.parts(note));
      group.append(remark);
    }
    return group;
  }

  parts(parts) {
    return parts.map((part) => {
      if (typeof part === "string") return part;
      if (part.top) return this.fraction(part);
      return part.symbol ? this.button(part) : letter(part);
    });
  }

  fraction({ top, bottom }) {
    const fraction = element("span", "linked-fraction");
    const [above, below] = [element("span"), element("span")];
    above.append(...this.parts(top));
    below.append(...this.parts(bottom));
    fraction.append(above, element("span", "linked-over", " over "), below);
    return fraction;
  }

  button({ symbol, text, meaning, shown }) {
    const button = element("button");
    button.type = "button";
    button.dataset.symbol = symbol;
    button.ariaLabel = `${text}: ${meaning}`;
    button.append(...this.parts(shown));
    if (this.reached.has(symbol)) button.tabIndex = -1;
    this.reached.add(symbol);
    const mouse = (act) => (event) => event.pointerType === "mouse" && act();
    button.addEventListener("pointerenter", mouse(() => this.light(symbol)));
    button.addEventListener("pointerleave", mouse(() => this.light(this.focused ?? null)));
    button.addEventListener("focus", () => this.light(symbol));
    button.addEventListener("blur", () => this.light(null));
    button.addEventListener("click", () => button.focus()); // a tap does not focus a button everywhere
    button.addEventListener("keydown", (event) => event.key === "Escape" && button.blur());
    return button;
  }
}

function letter({ letter, index, star }) {
  const whole = element("span", "linked-letter");
  whole.append(element("i", "", letter));
  if (star || index) {
    const scripts = element("span", "linked-scripts");
    scripts.toggleAttribute("data-star", star);
    scripts.append(...(star ? [element("span", "", "∗")] : []), element("span", "", index));
    whole.append(scripts);
  }
  return whole;
}

function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}
