"use strict";
{
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const said = document.getElementById("said");
  const raw = document.getElementById("raw");

  // Sorting: a column's head becomes a button; what has no value stays last.
  const value = (row, column, numeric) => {
    const { textContent, dataset: { sort } } = row.cells[column];
    if (!numeric) return textContent.trim();
    return sort ? Number(sort) : null;
  };
  const compare = (a, b, numeric, turn) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return turn * (numeric ? a - b : a.localeCompare(b));
  };
  const sort = (head) => {
    const row = head.parentElement, body = head.closest("table").tBodies[0], column = head.cellIndex;
    const numeric = [...body.rows].some((each) => each.cells[column].dataset.sort !== undefined);
    const turn = head.getAttribute("aria-sort") === (numeric ? "descending" : "ascending") ? -1 : 1;
    const way = numeric ? -turn : turn;
    for (const each of row.cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
    const rows = [...body.rows].map((each) => [value(each, column, numeric), each]);
    rows.sort((a, b) => compare(a[0], b[0], numeric, way));
    body.append(...rows.map((each) => each[1]));
    said.textContent = `Sorted by ${head.textContent.trim()}, ${head.getAttribute("aria-sort")}`;
  };
  for (const head of all("main thead th")) {
    if (head.closest("table").tBodies[0].rows.length < 2) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }

  // Filtering: what is not ticked is hidden in tables and charts alike.
  const filters = document.getElementById("filters");
  const filter = () => {
    const unticked = (name) =>
      new Set(all(`input[name=${name}]:not(:checked)`, filters).map((each) => each.value));
    const targets = unticked("target"), scenarios = unticked("scenario");
    for (const each of all("main [data-target], main [data-scenario]")) {
      const off = targets.has(each.dataset.target) || scenarios.has(each.dataset.scenario);
      if (each.closest("svg")) each.classList.toggle("off", off);
      else each.hidden = off;
    }
    for (const each of all("svg [data-panel]"))
      each.classList.toggle("off", scenarios.has(each.dataset.panel));
    const off = targets.size + scenarios.size;
    said.textContent = off ? `${off} hidden` : "All shown";
  };
  filters.hidden = false;
  filters.addEventListener("change", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());

  // Launches and samples of a value: on pointing at it, or by keyboard, one stop a table and arrows within.
  let pointed = null;
  const hide = () => {
    raw.hidden = true;
    pointed?.removeAttribute("aria-describedby");
    pointed = null;
  };
  const show = (cell) => {
    hide();
    pointed = cell;
    raw.textContent = cell.dataset.raw.replaceAll(" | ", "\n");
    raw.hidden = false;
    cell.setAttribute("aria-describedby", "raw");
    const box = cell.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - raw.offsetWidth - 8);
    raw.style.left = `${Math.max(8, left) + scrollX}px`;
    raw.style.top = `${box.bottom + scrollY + 4}px`;
  };
  const told = (event) => event.target.closest?.("[data-raw]");
  document.addEventListener("mouseover", (event) => (told(event) ? show(told(event)) : hide()));
  document.addEventListener("focusin", (event) => (told(event) ? show(told(event)) : hide()));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    const cell = told(event);
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!cell || !step) return undefined;
    event.preventDefault();
    const rows = all("tbody tr:not([hidden])", cell.closest("table"));
    let [row, column] = [rows.indexOf(cell.parentElement), cell.cellIndex];
    for (;;) {
      row += step[0];
      column += step[1];
      const next = rows[row]?.cells[column];
      if (!next) return undefined;
      if (next.dataset.raw !== undefined) {
        cell.tabIndex = -1;
        next.tabIndex = 0;
        return next.focus();
      }
    }
  });
  for (const table of all("table")) {
    all("[data-raw]", table).forEach((cell, place) => { cell.tabIndex = place ? -1 : 0; });
  }
  for (const each of all(".hint")) each.hidden = false;
}
