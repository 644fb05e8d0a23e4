// The list of pairs. The stepper that shows them is told which pair is pointed at, and tells which one it shows;
// they meet on the document, under the stepper's name.

const lists = new WeakMap(); // root element -> AbortController

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".dictionary");
  if (lists.has(root)) return;
  const gone = new AbortController();
  lists.set(root, gone);
  const show = (step) => {
    const detail = { name: data.stepper, step };
    document.dispatchEvent(new CustomEvent("nearest-plane:go-to", { detail }));
  };
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const title of ["Quantization", "Lattice"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  const rows = data.pairs.map((pair, step) => {
    const row = body.insertRow();
    pair.forEach((words, side) => {
      const cell = row.insertCell();
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      if (side) button.tabIndex = -1; // one stop for each pair is enough; both are there for the pointer
      button.addEventListener("focus", () => show(step));
      button.addEventListener("click", () => show(step));
      cell.append(button);
    });
    row.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(step));
    return row;
  });
  const mark = (step) => rows.forEach((row, k) => row.toggleAttribute("data-shown", k === step));
  document.addEventListener(
    "nearest-plane:shows",
    ({ detail }) => detail.name === data.stepper && mark(detail.step),
    { signal: gone.signal },
  );
  root.replaceChildren(table);
  mark(0);
  return () => {
    if (!root.isConnected) {
      gone.abort();
      lists.delete(root);
    }
  };
}
