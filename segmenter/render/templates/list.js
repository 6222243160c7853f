// The list of photos: order, filters, and the table as CSV.

const $ = (id) => document.getElementById(id);
const photos = JSON.parse($("data").textContent);
const cards = [...document.querySelectorAll(".gallery > li")];
const rows = [...document.querySelectorAll("tbody > tr")];
const last = (values) => values[values.length - 1];
const formatNumber = (value, digits) => value.toFixed(digits).replace("-", "−");
const pluralize = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const createElement = (tag, properties = {}, ...children) => {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
};

// ---- order and filter ---------------------------------------------------------------------------------------------

const STATUSES = ["failed", "damaged", "not done", "to check", "done"];
const collator = new Intl.Collator("en", {numeric: true});
const SORT_KEYS = {
  name: (photo) => photo.name,
  status: (photo) => STATUSES.indexOf(photo.status),
  segments: (photo) => photo.n_segments,
  largest: (photo) => photo.shares && Math.max(...photo.shares),
  likelihood: (photo) => photo.fit && last(photo.fit.log_likelihoods),
  steps: (photo) => photo.fit && photo.fit.n_iterations,
  pixels: (photo) => photo.input && photo.input.width * photo.input.height,
  seconds: (photo) => photo.seconds,
};
const byName = photos.map((_, index) => index).sort((a, b) => collator.compare(photos[a].name, photos[b].name) || a - b);
const choice = {key: "name", descending: false, status: "", text: ""};
let shown = byName;  // indices of the photos that match the filter, in order

function sortPhotos() {
  const values = photos.map(SORT_KEYS[choice.key]);
  const sign = choice.descending ? -1 : 1;
  if (choice.key === "name") return choice.descending ? [...byName].reverse() : byName;
  return [...byName].sort((a, b) => {
    const [u, v] = [values[a], values[b]];
    if (u == null || v == null) return (u == null) - (v == null);  // unknown values come last in either direction
    return sign * (u - v);
  });
}

function matches(photo) {
  return (!choice.status || photo.status === choice.status) && photo.name.toLowerCase().includes(choice.text);
}

function updateList() {
  const order = sortPhotos();
  shown = order.filter((index) => matches(photos[index]));
  const visible = new Set(shown);
  for (const [items, parent] of [[cards, $("gallery")], [rows, document.querySelector("tbody")]]) {
    for (const index of order) items[index].hidden = !visible.has(index);
    parent.append(...order.map((index) => items[index]));
  }
  $("shown").textContent = shown.length === photos.length ? "" : `${shown.length} of ${photos.length}`;
  $("empty").hidden = shown.length > 0;
  $("sort").value = choice.key;
  $("direction").setAttribute("aria-pressed", choice.descending);
  $("direction").textContent = choice.descending ? "↓" : "↑";
  for (const head of document.querySelectorAll("th[data-sort]")) {
    if (head.dataset.sort !== choice.key) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", choice.descending ? "descending" : "ascending");
  }
  for (const chip of document.querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", chip.dataset.status === choice.status);
  }
}

function changeChoice(values) {
  Object.assign(choice, values);
  updateList();
}

function showView(name) {
  $("gallery").hidden = name !== "gallery";
  $("table").hidden = name !== "table";
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", button.dataset.view === name);
  }
}

$("search").addEventListener("input", (event) => changeChoice({text: event.target.value.trim().toLowerCase()}));
$("sort").addEventListener("change", (event) => changeChoice({key: event.target.value}));
$("direction").addEventListener("click", () => changeChoice({descending: !choice.descending}));
$("clear").addEventListener("click", () => { $("search").value = ""; changeChoice({text: "", status: ""}); });
for (const chip of document.querySelectorAll(".chip")) {
  chip.addEventListener("click", () => changeChoice({status: chip.dataset.status}));
}
for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => showView(button.dataset.view));
}
for (const head of document.querySelectorAll("th[data-sort]")) {
  head.firstElementChild.disabled = false;
  head.firstElementChild.addEventListener("click", () => {
    changeChoice({key: head.dataset.sort, descending: choice.key === head.dataset.sort && !choice.descending});
  });
}

// ---- the table as CSV ---------------------------------------------------------------------------------------------

const COLUMNS = {
  photo: (photo) => photo.name,
  status: (photo) => photo.status,
  n_segments: (photo) => photo.n_segments,
  width: (photo) => photo.input?.width,
  height: (photo) => photo.input?.height,
  log_likelihood: (photo) => photo.fit && last(photo.fit.log_likelihoods),
  n_iterations: (photo) => photo.fit?.n_iterations,
  stop: (photo) => photo.fit?.stop,
  shares: (photo) => photo.shares?.join(" "),
  colors: (photo) => photo.colors?.join(" "),
  seconds: (photo) => photo.seconds,
  notes: (photo) => photo.notes.join("; "),
  reason: (photo) => photo.reason,
};

function formatCsv() {
  const quote = (value) => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const lines = shown.map((index) => Object.values(COLUMNS).map((column) => quote(String(column(photos[index]) ?? ""))));
  return [Object.keys(COLUMNS), ...lines].map((fields) => fields.join(",") + "\n").join("");
}

async function copyText(text, onCopied) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // some browsers forbid the clipboard on pages opened from a file
    const area = createElement("textarea", {value: text});
    (detail.open ? detail : document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  onCopied();
}

$("copy").addEventListener("click", () => {
  copyText(formatCsv(), () => { $("copied").textContent = `${pluralize(shown.length, "row")} copied`; });
});
$("save").addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob([formatCsv()], {type: "text/csv"}));
  createElement("a", {href: address, download: "segments.csv"}).click();
  URL.revokeObjectURL(address);
});
