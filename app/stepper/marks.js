// What a linked formula points at: arrows, lengths and points drawn over the figure, and the way back, from the pointer
// to the symbol whose mark it is on. They come with the figure, in meta.symbols; nothing of plotly's is drawn anew.

const NEAR = 10; // px from a mark within which the pointer is on it
const SVG = "http://www.w3.org/2000/svg";

class Marks {
  constructor(stepper, options) {
    this.stepper = stepper;
    this.lit = null; // the symbol pointed at
    this.layer = shape("svg", { class: "stepper-marks", "aria-hidden": "true" });
    stepper.stage.append(this.layer);
    const light = ({ detail }) => detail.name === stepper.data.name && this.light(detail);
    document.addEventListener("nearest-plane:light", light, options);
    stepper.stage.addEventListener("pointermove", (event) => event.buttons || this.announce(this.under(event)), options);
    stepper.stage.addEventListener("pointerleave", () => this.announce(null), options);
  }

  // Marks by symbol, of the step on the screen.
  get shown() {
    return this.stepper.data.figure.layout.meta.symbols?.[this.stepper.graph.__stepper.step] ?? {};
  }

  light({ symbol, from }) {
    this.lit = symbol;
    this.stepper.graph.classList.toggle("stepper-dimmed", Boolean(symbol) && from === "formula");
    this.place();
  }

  // The pointer leaves what the formula has lit alone, unless it is on a mark.
  announce(symbol) {
    if (symbol === (this.pointed ?? null)) return;
    this.pointed = symbol;
    const detail = { name: this.stepper.data.name, symbol, from: "figure" };
    document.dispatchEvent(new CustomEvent("nearest-plane:light", { detail }));
  }

  // After each drawing, and while a scene is turned.
  place() {
    if (!this.watched && this.stepper.graph.on) {
      this.watched = true;
      this.stepper.graph.on("plotly_relayouting", () => this.place());
    }
    this.layer.replaceChildren();
    for (const mark of this.shown[this.lit] ?? []) {
      const panel = this.panel(mark.panel);
      if (panel) this.layer.append(drawn(mark, panel));
    }
  }

  // The symbol under the pointer: the nearest point before any length, the shorter of two lengths.
  under(event) {
    const box = this.stepper.graph.getBoundingClientRect();
    const pointer = [event.clientX - box.left, event.clientY - box.top];
    let [found, least] = [null, Infinity];
    for (const [symbol, marks] of Object.entries(this.shown))
      for (const mark of marks) {
        const panel = this.panel(mark.panel);
        if (!panel) continue;
        const path = mark.points.map((point) => panel.at(point).map((v, i) => v + panel.origin[i]));
        const [distance, length] = distanceTo(path, pointer);
        const rank = length || distance / NEAR - 1;
        if (distance < NEAR && rank < least - 0.01) [found, least] = [symbol, rank];
      }
    return found;
  }

  // Where a panel is, in pixels of the graph, and where it shows a point, in pixels of the panel.
  panel(name) {
    const layout = this.stepper.graph._fullLayout;
    if (!layout) return null;
    if (name.startsWith("scene")) return scenePanel(layout[name]?._scene, this.stepper.graph);
    const [, x, y] = name.match(/^x(\d*)y(\d*)$/);
    const [xaxis, yaxis] = [layout[`xaxis${x}`], layout[`yaxis${y}`]];
    if (!xaxis || !yaxis) return null;
    return {
      origin: [xaxis._offset, yaxis._offset],
      size: [xaxis._length, yaxis._length],
      at: ([u, v]) => [xaxis.d2p(u), yaxis.d2p(v)],
    };
  }
}

// As plotly places the annotations of a scene.
function scenePanel(scene, graph) {
  const camera = scene?.glplot?.cameraParams;
  if (!camera) return null;
  const outer = graph.getBoundingClientRect();
  const inner = scene.container.getBoundingClientRect();
  const size = [inner.width, inner.height];
  const times = (matrix, v) => [0, 1, 2, 3].map((i) => v.reduce((sum, value, j) => sum + matrix[4 * j + i] * value, 0));
  return {
    origin: [inner.left - outer.left, inner.top - outer.top],
    size,
    at: (point) => {
      const scaled = [...point.map((v, i) => v * scene.dataScale[i]), 1];
      const [x, y, , w] = times(camera.projection, times(camera.view, times(camera.model, scaled)));
      return [((1 + x / w) * size[0]) / 2, ((1 - y / w) * size[1]) / 2];
    },
  };
}

// A clipped picture of one mark: everything twice, first wide in the background's colour, so that it stands out.
function drawn({ kind, points, label }, { origin, size, at }) {
  const [x, y] = origin;
  const [width, height] = size;
  const picture = shape("svg", { x, y, width, height });
  const path = points.map(at);
  const parts = kind === "point" ? path.map(([cx, cy]) => ["circle", { cx, cy, r: 12 }]) : [["path", { d: route(path) }]];
  const [from, to] = [path.at(-2), path.at(-1)];
  const length = from ? Math.hypot(to[0] - from[0], to[1] - from[1]) : 0;
  if (kind === "arrow" && length > 1) parts.push(["path", { d: head(from, to, length) }]);
  for (const layer of ["halo", "line"])
    for (const [tag, attributes] of parts) picture.append(shape(tag, { ...attributes, class: `stepper-mark-${layer}` }));
  if (label) {
    const [a, b] = [path[0], path[1] ?? path[0]];
    const aside = b[0] === a[0] && b[1] === a[1] ? 24 : 18;
    const across = Math.abs(b[0] - a[0]) > Math.abs(b[1] - a[1]) || b === a;
    const words = shape("text", {
      x: Math.max(30, Math.min((a[0] + b[0]) / 2 + (across ? 0 : aside), width - 30)),
      y: Math.max(16, Math.min((a[1] + b[1]) / 2 - (across ? aside : 0), height - 6)),
      "text-anchor": across ? "middle" : "start",
    });
    words.textContent = label;
    picture.append(words);
  }
  return picture;
}

function route(path) {
  return path.map(([x, y], i) => `${i ? "L" : "M"}${x} ${y}`).join("");
}

function head([x, y], [tipX, tipY], length) {
  const reach = Math.min(14, length);
  const turn = Math.atan2(tipY - y, tipX - x);
  const barb = (angle) => `${tipX - reach * Math.cos(turn + angle)} ${tipY - reach * Math.sin(turn + angle)}`;
  return `M${barb(0.45)}L${tipX} ${tipY}L${barb(-0.45)}`;
}

// How far the pointer is from a path, and how long the path is; in pixels.
function distanceTo(path, [x, y]) {
  let [distance, length] = [Math.hypot(path[0][0] - x, path[0][1] - y), 0];
  for (let i = 1; i < path.length; i++) {
    const [[ax, ay], [bx, by]] = [path[i - 1], path[i]];
    const squared = (bx - ax) ** 2 + (by - ay) ** 2;
    const along = squared ? Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared)) : 0;
    distance = Math.min(distance, Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y));
    length += Math.sqrt(squared);
  }
  return [distance, length];
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
