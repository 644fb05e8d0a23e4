// Shows a plotly figure with frames: steps, plays, scrubs, drags its points. Draws what Python sent, computes nothing.
//
// For tests, the graph element carries __stepper = {
//   step,                 the step on the screen (set once it is drawn)
//   drawMilliseconds,     one number a drawing: from the first line of draw() until Plotly.react has finished
//   answerMilliseconds,   one number an answered drag: from sending it until the figure that answers it is drawn
// }

const NARROW = 640; // px; the same width as the container query in stepper.css
const SETTLE = 120; // ms without a further step before the server is told
const PATIENCE = 2000; // ms to wait for the server's answer before telling it again
const PLAY = 1400; // ms a step, time to read its sentence
// No mode bar: its two useful buttons are in our bar, with labels. No wheel zoom: it would trap the page's scrolling.
const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, responsive: false };

const steppers = new WeakMap(); // root element -> Stepper

// Streamlit calls this on mount and again whenever the data or the theme changes.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".stepper");
  if (!steppers.has(root)) steppers.set(root, new Stepper(root, data));
  steppers.get(root).receive(data, setStateValue);
  // Streamlit runs this on unmount, but also at once when newer data overtook this call: then the root is still there.
  return () => {
    if (!root.isConnected) steppers.get(root).remove();
  };
}

class Stepper {
  constructor(root, data) {
    this.root = root;
    for (const part of ["stage", "graph", "message", "scrub", "position", "sentence"])
      this[part] = root.querySelector(`.stepper-${part}`);
    this.buttons = Object.fromEntries([...root.querySelectorAll("button")].map((b) => [b.dataset.action, b]));
    this.step = data.step;
    this.count = data.echo; // of the last thing the visitor did; the server echoes the last one it has seen
    this.handles = new Map(); // name of a point that can be dragged -> its ring
    this.drag = null; // {name, ranges, offset, held, moved, waiting}: the drag under way, until the server has answered it
    this.moved = new Map(); // name -> {x, y}: where the visitor has put points, until the server has caught up
    this.flight = null; // {count, sent}: the one drag on its way to Python
    this.revision = 1; // plotly keeps camera and legend choices as long as this stays the same (and is not 0)
    this.graph.__stepper = { step: null, drawMilliseconds: [], answerMilliseconds: [] };
    this.listen();
    this.marks = new Marks(this, { signal: this.gone.signal }); // marks.js
  }

  listen() {
    const actions = {
      first: () => this.goTo(0),
      back: () => this.goTo(this.step - 1),
      play: () => (this.timer ? this.pause() : this.play()),
      forward: () => this.goTo(this.step + 1),
      last: () => this.goTo(this.lastStep),
      reset: () => this.resetView(),
      save: () => this.save(),
    };
    for (const [name, act] of Object.entries(actions))
      this.buttons[name].addEventListener("click", () => {
        if (name !== "play") this.pause();
        act();
      });
    this.scrub.addEventListener("input", () => {
      this.goTo(Number(this.scrub.value));
      this.pause();
    });

    this.gone = new AbortController();
    const options = { signal: this.gone.signal };
    document.addEventListener("keydown", (event) => this.pressKey(event), options);
    // Something else on the page (a list of what the steps show) leads; describe() tells it where we are.
    const led = ({ detail }) => detail.name === this.data.name && (this.pause(), this.goTo(detail.step));
    document.addEventListener("nearest-plane:go-to", led, options);
    document.addEventListener("visibilitychange", () => document.hidden && this.pause(), options);
    this.resizing = new ResizeObserver(() => this.graph.clientWidth !== this.drawnWidth && this.requestDraw());
    this.resizing.observe(this.graph);
  }

  remove() {
    this.pause();
    clearTimeout(this.telling);
    clearTimeout(this.patience);
    this.gone.abort();
    this.resizing.disconnect();
    steppers.delete(this.root);
    window.Plotly?.purge(this.graph); // frees the WebGL contexts, of which a browser has few
  }

  // ---- server and browser

  receive(data, setStateValue) {
    this.data = data;
    this.setStateValue = setStateValue;
    if (data.echo >= this.count) {
      this.step = data.step;
      if (!this.drag?.held) this.drag = null;
      for (const name of this.moved.keys()) if (name !== this.drag?.name) this.moved.delete(name);
    }
    this.provideHandles();
    this.step = Math.max(0, Math.min(this.step, this.lastStep));
    if (this.flight && data.echo >= this.flight.count) {
      this.answered = this.flight.sent;
      this.flight = null;
      if (this.drag?.waiting) this.sendDrag(false);
    }
    this.describe();
    this.requestDraw();
  }

  tellStep() {
    this.count += 1; // from now on the server's step is out of date, even before it is told
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tellPage("step", { step: this.step, count: this.count }), SETTLE);
  }

  // The page itself follows, not only the figure; see __init__.py.
  tellPage(name, event, patience = PATIENCE) {
    const page = () => window.__stepperTell?.[this.data.name];
    page()?.tell(name, event);
    // Now and then Streamlit drops what it is told while a run is under way, or the page it drew in answer: tell it
    // again until the page has heard. An echo in the figure would not do, for the fragment may know what the page lost.
    // With ever more patience, since telling again ends the run under way.
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      if (page()?.heard >= event.count) return;
      this.count += 1;
      this.tellPage(name, { ...event, count: this.count }, 2 * patience);
    }, patience);
  }

  sendDrag(final) {
    const { name } = this.drag;
    this.drag.waiting = false;
    this.count += 1;
    this.flight = { count: this.count, sent: performance.now() };
    const event = { handle: name, ...this.moved.get(name), count: this.count };
    if (final) this.tellPage("drag", event);
    else this.setStateValue("drag", event);
  }

  // ---- steps

  get lastStep() {
    return this.data.figure.frames.length - 1;
  }

  goTo(step) {
    const next = Math.max(0, Math.min(step, this.lastStep));
    if (next === this.step) return;
    this.step = next;
    this.describe();
    this.requestDraw();
    this.tellStep();
  }

  play() {
    if (this.step === this.lastStep) this.goTo(0);
    this.timer = setInterval(() => {
      this.goTo(this.step + 1);
      if (this.step === this.lastStep) this.pause();
    }, PLAY);
    this.describe();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.describe();
  }

  pressKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !this.hasKeys()) return;
    if (event.key === " " && event.target.closest("button")) return; // Space already presses a focused button
    const names = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last", " ": "play" };
    const name = names[event.key];
    if (!name) return;
    event.preventDefault();
    this.buttons[name].click();
  }

  // Keys are ours when the focus is inside, or when nothing has it and no other stepper comes first.
  hasKeys() {
    const focus = document.activeElement;
    if (this.root.contains(focus)) return true;
    // Streamlit's scrolling area takes the focus when the page's background is clicked.
    const nothing = !focus || focus.matches("body, [data-testid=stMain], [data-testid=stAppScrollToBottomContainer]");
    return nothing && document.querySelector(".stepper") === this.root;
  }

  // ---- dragging points

  // One ring for each point of meta.handles.
  provideHandles() {
    const wanted = this.data.figure.layout.meta.handles ?? {};
    for (const [name, ring] of this.handles)
      if (!(name in wanted)) {
        ring.remove();
        this.handles.delete(name);
      }
    for (const [name, index] of Object.entries(wanted)) {
      if (!this.handles.has(name)) this.handles.set(name, this.newHandle(name));
      const label = `${this.data.figure.data[index].name}: drag it, or use the numbers beside the figure`;
      this.handles.get(name).setAttribute("aria-label", label);
    }
  }

  newHandle(name) {
    const ring = document.createElement("div");
    ring.className = "stepper-handle";
    ring.dataset.handle = name;
    ring.setAttribute("role", "img"); // the keys' way in is number inputs beside the figure
    ring.hidden = true; // until it is drawn
    ring.addEventListener("pointerdown", (event) => this.grab(event, name));
    ring.addEventListener("pointermove", (event) => this.moveHandle(event));
    ring.addEventListener("pointerup", () => this.release());
    ring.addEventListener("pointercancel", () => this.release());
    this.stage.append(ring);
    return ring;
  }

  // The trace, as plotly has drawn it, of a point that can be dragged.
  handleTrace(name) {
    return this.graph._fullData?.[this.data.figure.layout.meta.handles?.[name]];
  }

  // Where the point is: under the visitor's hand, or where it is drawn.
  handlePoint(name) {
    const { x, y } = this.handleTrace(name);
    return this.moved.get(name) ?? { x: x[0], y: y[0] };
  }

  handleAxes(name) {
    const { xaxis, yaxis } = this.handleTrace(name); // "x2" is layout.xaxis2
    return ["xaxis" + xaxis.slice(1), "yaxis" + yaxis.slice(1)].map((axis) => this.graph._fullLayout[axis]);
  }

  grab(event, name) {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    this.pause();
    const ring = this.handles.get(name);
    ring.setPointerCapture(event.pointerId);
    const place = ring.getBoundingClientRect();
    this.moved.set(name, this.handlePoint(name));
    this.drag = {
      name,
      held: true,
      ranges: shownRanges(this.graph._fullLayout), // the ground must not move under the hand
      offset: [event.clientX - (place.left + place.right) / 2, event.clientY - (place.top + place.bottom) / 2],
    };
    ring.classList.add("stepper-held");
  }

  moveHandle(event) {
    if (!this.drag?.held) return;
    const { name } = this.drag;
    const [xaxis, yaxis] = this.handleAxes(name);
    const graph = this.graph.getBoundingClientRect();
    const [right, down] = this.drag.offset;
    const within = (axis, pixel) => axis.p2d(Math.max(0, Math.min(pixel, axis._length)));
    const x = within(xaxis, event.clientX - right - graph.left - xaxis._offset);
    const y = within(yaxis, event.clientY - down - graph.top - yaxis._offset);
    this.moved.set(name, { x, y });
    this.drag.moved = true;
    this.placeHandles();
    if (this.flight) this.drag.waiting = true;
    else this.sendDrag(false);
  }

  release() {
    if (!this.drag?.held) return;
    this.drag.held = false;
    this.handles.get(this.drag.name)?.classList.remove("stepper-held");
    if (this.drag.moved) this.sendDrag(true);
    else this.drag = null;
  }

  // Rings and points follow the hand at once; a whole Plotly.react for it would take the time the answers need.
  placeHandles() {
    for (const [name, ring] of this.handles) {
      const trace = this.handleTrace(name);
      ring.hidden = !trace;
      if (!trace) continue;
      const [xaxis, yaxis] = this.handleAxes(name);
      const { x, y } = this.handlePoint(name);
      const [right, down] = [xaxis.d2p(x), yaxis.d2p(y)];
      ring.style.left = `${xaxis._offset + right}px`;
      ring.style.top = `${yaxis._offset + down}px`;
      const point = this.graph.querySelector(`.trace${trace.uid} .points path`);
      point?.setAttribute("transform", `translate(${right},${down})`);
    }
  }

  // ---- drawing

  // One drawing an animation frame, however many steps and answers arrive; never two at once, plotly is not re-entrant.
  requestDraw() {
    if (this.drawRequested) return;
    this.drawRequested = true;
    requestAnimationFrame(async () => {
      await this.drawing;
      this.drawRequested = false;
      this.drawing = this.draw().catch((error) => this.fail(error));
    });
  }

  async draw() {
    const Plotly = await loadPlotly(this.data.plotly_url);
    const width = this.graph.clientWidth;
    if (!width || !this.root.isConnected) return; // in a closed tab or gone; ResizeObserver calls when it is back
    const started = performance.now();
    const { step, answered } = this;
    this.answered = null;
    const { data, layout } = this.picture(step, width);
    await Plotly.react(this.graph, data, layout, CONFIG);
    this.drawnWidth = width;
    this.graph.style.minHeight = "";
    this.placeHandles();
    this.message.hidden = true;
    const record = this.graph.__stepper;
    record.step = step;
    this.marks.place();
    record.drawMilliseconds.push(performance.now() - started);
    if (answered) record.answerMilliseconds.push(performance.now() - answered);
  }

  picture(step, width) {
    const { figure, height } = this.data;
    const frame = figure.frames[step];
    const { meta } = figure.layout;
    const data = figure.data.map((trace) => ({ ...trace }));
    (frame.data ?? []).forEach((change, i) => {
      const index = frame.traces?.[i] ?? i;
      data[index] = merge(data[index], change);
    });
    for (const [name, { x, y }] of this.moved)
      if (meta.handles?.[name] != null) Object.assign(data[meta.handles[name]], { x: [x], y: [y] });
    const theme = { template: merge(figure.layout.template ?? {}, { layout: themeLayout(this.root, figure) }) };
    const size = { width, height, uirevision: this.revision };
    const narrow = width < NARROW ? meta.narrow : null;
    const layout = [frame.layout, theme, size, narrow, this.drag?.ranges].reduce(
      (whole, patch) => merge(whole, patch ?? {}),
      figure.layout,
    );
    // plotly writes the camera into the layout it is given: with a clone it compares the old figure with the new one,
    // finds both silent about the camera, and keeps the visitor's.
    return { data, layout: structuredClone(layout) };
  }

  // Everything in words: what the controls, the sentence and screen readers say.
  describe() {
    const { figure } = this.data;
    const { meta, title } = figure.layout;
    const sentence = meta.sentences[this.step];
    const hasScene = Object.keys(figure.layout).some((name) => name.startsWith("scene"));
    if (this.sentence.textContent !== sentence) this.sentence.textContent = sentence; // else it would be read again
    this.graph.setAttribute("aria-label", title?.text ? `${title.text}. ${sentence}` : sentence);
    // Room for the first picture, so that the page does not jump when plotly arrives.
    this.graph.style.minHeight = this.drawnWidth ? "" : `${this.data.height}px`;
    this.position.textContent = `Step ${this.step} of ${this.lastStep}`;
    this.scrub.max = this.lastStep;
    this.scrub.value = this.step;
    this.scrub.setAttribute("aria-valuetext", `Step ${this.step} of ${this.lastStep}: ${sentence}`);
    this.scrub.style.setProperty("--stepper-progress", this.lastStep ? this.step / this.lastStep : 0);
    // aria-disabled and not disabled: a disabled button loses the keyboard focus.
    for (const name of ["first", "back"]) this.buttons[name].setAttribute("aria-disabled", this.step === 0);
    for (const name of ["last", "forward"]) this.buttons[name].setAttribute("aria-disabled", this.step === this.lastStep);
    const shown = { name: this.data.name, step: this.step };
    document.dispatchEvent(new CustomEvent("nearest-plane:shows", { detail: shown }));
    this.buttons.play.setAttribute("aria-label", this.timer ? "Pause" : "Play");
    this.buttons.play.setAttribute("aria-pressed", Boolean(this.timer));
    this.buttons.reset.hidden = !hasScene;
    this.root.querySelector("[data-hint=scene]").hidden = !hasScene;
    const handles = Object.keys(meta.handles ?? {}).length;
    this.root.querySelector("[data-hint=one-handle]").hidden = handles !== 1;
    this.root.querySelector("[data-hint=handles]").hidden = handles < 2;
  }

  resetView() {
    this.revision += 1;
    this.requestDraw();
  }

  save() {
    const { data, layout, _fullLayout } = this.graph;
    const paper_bgcolor = themeColour(this.root, "background-color"); // on the page it is transparent
    const { width, height } = _fullLayout;
    const figure = { data, layout: { ...layout, paper_bgcolor } };
    window.Plotly.downloadImage(figure, { format: "svg", filename: this.data.name, width, height });
  }

  fail(error) {
    this.message.textContent = `The figure cannot be drawn: ${error.message}`;
    this.message.hidden = false;
    console.error(error);
  }
}

function loadPlotly(url) {
  window.__plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.__plotly = undefined; // the next drawing tries again
      reject(new Error(`${script.src} did not load. Is server.enableStaticServing on? Start the app with "make app".`));
    };
    document.head.append(script);
  });
  return window.__plotly;
}

// Plotly's own rule for frames: objects attribute by attribute, everything else (lists too) as a whole.
function merge(base, patch) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const merged = { ...base };
  for (const [name, value] of Object.entries(patch))
    merged[name] = isObject(value) && isObject(base[name]) ? merge(base[name], value) : value;
  return merged;
}

// A layout patch that keeps every axis, flat or in a scene, at the range it shows now.
function shownRanges(fullLayout) {
  const patch = {};
  for (const [name, part] of Object.entries(fullLayout)) {
    if (/^[xy]axis\d*$/.test(name)) patch[name] = { range: [...part.range], autorange: false };
    if (/^scene\d*$/.test(name)) patch[name] = shownRanges(part);
    if (name === "zaxis") patch[name] = { range: [...part.range], autorange: false };
  }
  return patch;
}

function themeColour(root, name) {
  return getComputedStyle(root).getPropertyValue(`--st-${name}`).trim();
}

// As a template, so that whatever the figure says itself wins, and every axis of every subplot is reached.
function themeLayout(root, figure) {
  const [text, background, border] = ["text-color", "background-color", "border-color"].map((n) => themeColour(root, n));
  const family = themeColour(root, "font");
  const clear = "rgba(0,0,0,0)";
  const axis = { gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, automargin: true };
  const sceneAxis = { ...axis, backgroundcolor: clear, showbackground: false, showspikes: false, color: text };
  return {
    font: { color: text, family, size: 13 },
    paper_bgcolor: clear,
    plot_bgcolor: clear,
    margin: { l: 8, r: 8, t: figure.layout.title?.text ? 48 : 8, b: 8 },
    xaxis: axis,
    yaxis: axis,
    scene: { bgcolor: clear, dragmode: "turntable", xaxis: sceneAxis, yaxis: sceneAxis, zaxis: sceneAxis },
    dragmode: false, // a finger on a flat figure scrolls the page; only the rings are there to be dragged
    legend: { orientation: "h", x: 0, xanchor: "left", yref: "container", y: 0, yanchor: "bottom", bgcolor: clear },
    annotationdefaults: { font: { color: text, family }, arrowcolor: text },
    hoverlabel: { bgcolor: background, bordercolor: border, font: { color: text, family } },
  };
}
