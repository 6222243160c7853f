// The photos: their order, filters, and the table as text.

const $ = (id) => document.getElementById(id);
const photos = JSON.parse($("data").textContent);
const cards = [...document.querySelectorAll(".gallery > li")];
const rows = [...document.querySelectorAll("tbody > tr")];
const last = (values) => values[values.length - 1];
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const number = (value, digits) => value.toFixed(digits).replace("-", "−");
const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// ---- order and filter ---------------------------------------------------------------------------------------------

const STATUSES = ["failed", "damaged", "not done", "to check", "done"];
const collator = new Intl.Collator("en", {numeric: true});
const KEYS = {
  name: (photo) => photo.name,
  status: (photo) => STATUSES.indexOf(photo.status),
  segments: (photo) => photo.n_segments,
  largest: (photo) => photo.shares && Math.max(...photo.shares),
  likelihood: (photo) => photo.fit && last(photo.fit.log_likelihoods),
  steps: (photo) => photo.fit && photo.fit.n_iterations,
  pixels: (photo) => photo.input && photo.input.width * photo.input.height,
  seconds: (photo) => photo.seconds,
};
const byName = photos.map((_, place) => place).sort((a, b) => collator.compare(photos[a].name, photos[b].name) || a - b);
const choice = {key: "name", descending: false, status: "", text: ""};
let shown = byName;

function inOrder() {
  const values = photos.map(KEYS[choice.key]);
  const sign = choice.descending ? -1 : 1;
  if (choice.key === "name") return choice.descending ? [...byName].reverse() : byName;
  return [...byName].sort((a, b) => {
    const [u, v] = [values[a], values[b]];
    if (u == null || v == null) return (u == null) - (v == null);  // what is unknown comes last, either way
    return sign * (u - v);
  });
}

function matches(photo) {
  return (!choice.status || photo.status === choice.status) && photo.name.toLowerCase().includes(choice.text);
}

function arrange() {
  const order = inOrder();
  shown = order.filter((place) => matches(photos[place]));
  const visible = new Set(shown);
  for (const [items, parent] of [[cards, $("gallery")], [rows, document.querySelector("tbody")]]) {
    for (const place of order) items[place].hidden = !visible.has(place);
    parent.append(...order.map((place) => items[place]));
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

function change(values) {
  Object.assign(choice, values);
  arrange();
}

function view(name) {
  $("gallery").hidden = name !== "gallery";
  $("table").hidden = name !== "table";
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", button.dataset.view === name);
  }
}

$("search").addEventListener("input", (event) => change({text: event.target.value.trim().toLowerCase()}));
$("sort").addEventListener("change", (event) => change({key: event.target.value}));
$("direction").addEventListener("click", () => change({descending: !choice.descending}));
$("clear").addEventListener("click", () => { $("search").value = ""; change({text: "", status: ""}); });
for (const chip of document.querySelectorAll(".chip")) {
  chip.addEventListener("click", () => change({status: chip.dataset.status}));
}
for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => view(button.dataset.view));
}
for (const head of document.querySelectorAll("th[data-sort]")) {
  head.firstElementChild.disabled = false;
  head.firstElementChild.addEventListener("click", () => {
    change({key: head.dataset.sort, descending: choice.key === head.dataset.sort && !choice.descending});
  });
}

// ---- the table as text --------------------------------------------------------------------------------------------

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

function csv() {
  const quoted = (value) => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const lines = shown.map((place) => Object.values(COLUMNS).map((of) => quoted(String(of(photos[place]) ?? ""))));
  return [Object.keys(COLUMNS), ...lines].map((fields) => fields.join(",") + "\n").join("");
}

async function copy(text, told) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // not allowed everywhere for files
    const area = element("textarea", {value: text});
    (detail.open ? detail : document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  told();
}

$("copy").addEventListener("click", () => copy(csv(), () => { $("copied").textContent = `${shown.length} rows copied`; }));
$("save").addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob([csv()], {type: "text/csv"}));
  element("a", {href: address, download: "segments.csv"}).click();
  URL.revokeObjectURL(address);
});
