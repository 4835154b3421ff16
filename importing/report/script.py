"""What a report does in a browser beyond being read: it is searched, sorted and printed, without asking any server."""

SCRIPT = r"""
"use strict";
document.documentElement.classList.add("js");
const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

// Sorting: the titles of the columns become buttons.

function sortedBy(row, index, isNumber) {
  const cell = row.cells[index];
  return isNumber ? Number(cell.dataset.order ?? cell.textContent) : cell.textContent;
}

function sort(head) {
  const table = head.closest("table"), isNumber = head.dataset.sort === "number";
  const isDown = head.getAttribute("aria-sort") === "ascending";
  const order = new Intl.Collator("en", {numeric: true}).compare;
  const keys = new Map(all("tbody tr", table).map((row) => [row, sortedBy(row, head.cellIndex, isNumber)]));
  const compare = ([, one], [, other]) => (isNumber ? one - other : order(one, other)) * (isDown ? -1 : 1);
  table.tBodies[0].append(...Array.from(keys).sort(compare).map(([row]) => row));
  all("th", table).forEach((each) => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
}

for (const head of all("th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sort(head));
  head.append(button);
}

// Searching: rows that do not have all the words are hidden, and what has some is opened.

const search = document.getElementById("search"), found = document.getElementById("found");
const texts = new Map(), wasOpen = new Map();

function searched(table) {
  const details = table.closest("details");
  const kind = details ? all("summary h3, summary code", details) : [];
  const text = (row) => [...row.cells, ...kind].map((each) => each.textContent).join("\n").toLowerCase();
  return all("tbody tr", table).map((row) => [row, text(row)]);
}

function filterTable(table, words) {
  if (!texts.has(table)) texts.set(table, searched(table));
  let matching = 0;
  for (const [row, text] of texts.get(table)) {
    row.hidden = !words.every((word) => text.includes(word));
    matching += row.hidden ? 0 : 1;
  }
  return matching;
}

const matches = (count) => count === 1 ? "1 row matches" : `${count.toLocaleString("en")} rows match`;

function open(details, isSearching, matching) {
  if (isSearching && !wasOpen.has(details)) wasOpen.set(details, details.open);
  details.hidden = isSearching && matching === 0;
  details.open = isSearching ? matching > 0 : wasOpen.get(details) ?? details.open;
  if (!isSearching) wasOpen.delete(details);
  details.querySelector(".found").textContent = isSearching ? matches(matching) : "";
}

function filterSection(section, words) {
  let matching = 0;
  for (const table of all("table", section)) {
    const inTable = filterTable(table, words), details = table.closest("details");
    if (details) open(details, words.length > 0, inTable);
    table.closest(".scroll").hidden = words.length > 0 && inTable === 0;
    matching += inTable;
  }
  section.querySelector("h2 .found").textContent = words.length ? matches(matching) : "";
  return matching;
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const sections = all("section").filter((section) => section.querySelector("table"));
  const total = sections.reduce((sum, section) => sum + filterSection(section, words), 0);
  const more = document.querySelector(".cut") ? "; not every row is on this page" : "";
  found.textContent = words.length ? `${matches(total)} “${search.value.trim()}”${more}` : "";
}

let waiting = 0;
search.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(filter, 120);
});
search.closest(".search").hidden = false;

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== search && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && event.target === search) {
    search.value = "";
    filter();
  }
});

// Printing: paper can't be opened.

let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details:not([open])");
  closed.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));
"""
