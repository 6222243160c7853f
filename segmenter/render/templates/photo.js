// The view of one photo: pictures, segments and log-likelihood.

// ---- the pictures of one photo ------------------------------------------------------------------------------------

const detail = $("detail");
const state = {index: -1, labels: null, width: 0, height: 0, pinned: 0, highlighted: 0};
const waiting = new Map();
window.segmenterPictures = (index, pictures) => waiting.get(index)?.(pictures);

async function loadPictures(index) {
  if (document.readyState === "loading") await new Promise((go) => document.addEventListener("DOMContentLoaded", go));
  const text = $(`pictures-${index}`);
  if (text) return JSON.parse(text.textContent);
  if (!photos[index].script) return null;
  return new Promise((resolve) => {
    const script = createElement("script", {src: photos[index].script, onerror: () => resolve(null)});
    waiting.set(index, resolve);
    document.head.append(script);
    script.addEventListener("load", () => script.remove());
  });
}

async function decodeImage(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

async function drawPhoto(index) {
  const layers = $("layers");
  state.labels = null;
  for (const canvas of layers.querySelectorAll("canvas")) canvas.width = canvas.width;
  $("photo").removeAttribute("src");
  layers.classList.add("alone");
  fitLayers(photos[index].input.width, photos[index].input.height);
  const loaded = await loadPictures(index);
  if (state.index !== index) return;
  if (!loaded) {
    const isSeparate = photos[index].script !== "";  // the pictures are in a file of their own
    $("message").textContent = isSeparate ? "The pictures are missing: keep their folder next to this page." : "";
    return;
  }
  const [image] = await Promise.all([loaded.labels, loaded.photo].filter(Boolean).map(decodeImage));
  if (state.index !== index) return;
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const canvas = createElement("canvas", {width, height});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, width, height).data;
  const labels = new Uint16Array(width * height);
  const isWide = photos[index].n_segments > 255;
  for (let i = 0; i < labels.length; i++) labels[i] = bytes[4 * i] + (isWide ? 256 * bytes[4 * i + 1] : 0);
  Object.assign(state, {labels, width, height});
  for (const other of layers.querySelectorAll("canvas")) Object.assign(other, {width, height});
  // Contours are drawn on a finer canvas, so that those of small, enlarged pictures stay thin.
  state.scale = Math.max(2, Math.min(16, Math.floor(1280 / Math.max(width, height))));
  Object.assign($("contours"), {width: state.scale * width, height: state.scale * height});
  if (loaded.photo) $("photo").src = loaded.photo;
  layers.classList.toggle("alone", !loaded.photo);
  fitLayers(width, height);
  paintSegments();
  paintContours();
  highlight(state.highlighted || state.pinned);
  layers.dataset.ready = index;
}

function fitLayers(width, height) {
  const layers = $("layers");
  const maxWidth = layers.parentElement.clientWidth;
  const maxHeight = Math.max(160, 0.68 * window.innerHeight);
  const scale = Math.min(maxWidth / width, maxHeight / height);
  layers.style.width = `${Math.max(1, scale * width)}px`;
  layers.style.height = `${Math.max(1, scale * height)}px`;
  layers.classList.toggle("coarse", scale > 2.5);
}

function fillCanvas(canvas, getColor) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = getColor(i);
  context.putImageData(picture, 0, 0);
}

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const rgba = (red, green, blue, alpha) => (isLittleEndian
  ? (alpha << 24) | (blue << 16) | (green << 8) | red : (red << 24) | (green << 16) | (blue << 8) | alpha) >>> 0;

function listColors(photo) {
  const colors = photo[document.querySelector("[name=colors]:checked").value];
  return Array.from({length: photo.n_segments}, (_, i) => colors[i % colors.length]);
}

function paintSegments() {
  if (!state.labels) return;
  const photo = photos[state.index];
  const colors = listColors(photo);
  const table = new Uint32Array(photo.n_segments + 1);
  for (let label = 1; label < table.length; label++) {
    const value = parseInt(colors[label - 1].slice(1), 16);
    table[label] = rgba(value >> 16, (value >> 8) & 255, value & 255, 255);
  }
  fillCanvas($("segments"), (i) => table[state.labels[i]]);
}

function paintContours() {
  const isOn = $("show-contours").checked;
  $("contours").hidden = !isOn;
  if (!isOn || !state.labels) return;
  const {labels, width, height, scale} = state;
  const [dark, bright] = [rgba(0, 0, 0, 255), rgba(255, 255, 255, 255)];
  // A border is drawn along the edges of the labels on its two sides: dark to the left or above it, bright beyond.
  fillCanvas($("contours"), (i) => {
    const [column, row] = [i % (scale * width), Math.floor(i / (scale * width))];
    const [x, y] = [Math.floor(column / scale), Math.floor(row / scale)];
    const [left, top] = [column - scale * x, row - scale * y];
    const here = y * width + x;
    const differs = (isEdge, isInside, other) => isEdge && isInside && labels[other] !== labels[here];
    if (differs(left === scale - 1, x + 1 < width, here + 1)) return dark;
    if (differs(top === scale - 1, y + 1 < height, here + width)) return dark;
    return differs(left === 0, x > 0, here - 1) || differs(top === 0, y > 0, here - width) ? bright : 0;
  });
}

function highlight(label) {
  state.highlighted = label;
  for (const button of $("legend").querySelectorAll("button")) {
    button.classList.toggle("lit", Number(button.dataset.label) === label);
  }
  $("veil").hidden = !label;
  $("layers").dataset.lit = label;
  if (!label || !state.labels) return;
  const veil = rgba(20, 20, 20, 205);
  fillCanvas($("veil"), (i) => (state.labels[i] === label ? 0 : veil));
}

function findLabel(event) {
  if (!state.labels) return 0;
  const box = $("layers").getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * state.width);
  const y = Math.floor((event.clientY - box.top) / box.height * state.height);
  return x >= 0 && y >= 0 && x < state.width && y < state.height ? state.labels[y * state.width + x] : 0;
}

// ---- one photo ----------------------------------------------------------------------------------------------------

function showPhoto(index) {
  const photo = photos[index];
  Object.assign(state, {index, pinned: 0, highlighted: 0});
  delete $("layers").dataset.ready;
  if (!detail.open) detail.showModal();
  detail.scrollTop = 0;
  const viewable = shown.filter((other) => photos[other].input);
  const position = viewable.indexOf(index);
  $("title").textContent = photo.name;
  $("facts").textContent = `${photo.input.width}×${photo.input.height} · ${pluralize(photo.n_segments, "segment")}`
    + (photo.selection ? `, chosen by ${photo.selection}` : "") + (photo.model ? ` · ${photo.model} applied` : "");
  $("position").textContent = position < 0 ? "" : `${position + 1} of ${viewable.length}`;
  $("previous").disabled = position <= 0;
  $("next").disabled = position < 0 || position === viewable.length - 1;
  $("photo").alt = `The photo ${photo.name}`;
  const problem = photo.photo_problem;
  $("message").textContent = problem ? `Segments only: the photo is not shown (${problem}).` : "";
  $("notes").replaceChildren(...photo.notes.map((note) => createElement("li", {textContent: note})));
  $("under").textContent = "";
  fillLegend(photo);
  drawCurve(photo.fit);
  fillRecipe(photo);
  moveDivider();
  drawPhoto(index);
}

function fillLegend(photo) {
  $("legend").replaceChildren(...photo.segments.map((segment) => {
    const bar = createElement("i");
    bar.style.width = `${100 * segment.share}%`;
    const prefix = createElement("span", {className: "unseen", textContent: "Segment "});  // for screen readers
    const button = createElement("button", {type: "button", title: `${segment.pixels.toLocaleString("en")} pixels`},
      createElement("span", {className: "swatch"}),
      createElement("span", {className: "segment-name"}, prefix, segment.name),
      createElement("span", {className: "bar"}, bar),
      createElement("code"),
      createElement("span", {className: "share", textContent: segment.percent}));
    button.dataset.label = segment.label;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("pointerenter", () => highlight(segment.label));
    button.addEventListener("pointerleave", () => highlight(state.pinned));
    button.addEventListener("focus", () => highlight(segment.label));
    button.addEventListener("blur", () => highlight(state.pinned));
    button.addEventListener("click", () => togglePin(segment.label));
    return createElement("li", {}, button);
  }));
  colorLegend(photo);
  if (photo.n_segments > photo.segments.length) {
    const rest = `and ${pluralize(photo.n_segments - photo.segments.length, "smaller segment")}`;
    $("legend").append(createElement("li", {className: "fine", textContent: rest}));
  }
}

function colorLegend(photo) {
  const colors = listColors(photo);
  for (const button of $("legend").querySelectorAll("button")) {
    const color = colors[button.dataset.label - 1];
    button.querySelector(".swatch").style.background = color;
    button.querySelector("code").textContent = color;
  }
}

function togglePin(label) {
  state.pinned = state.pinned === label ? 0 : label;
  for (const button of $("legend").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", Number(button.dataset.label) === state.pinned);
  }
  highlight(state.pinned);
}

function fillRecipe(photo) {
  const entries = {...photo.recipe, "segmented with": photo.software, results: `${photo.results}.*`,
    values: `${photo.input.channels}×${photo.input.dtype}`, "SHA-256": photo.input.sha256 ?? "unknown"};
  const format = (value) => value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
  $("recipe").replaceChildren(...Object.entries(entries).map(([name, value]) => createElement("div", {},
    createElement("dt", {textContent: name.replaceAll("_", " ")}),
    createElement("dd", {textContent: format(value)}))));
}

// ---- log-likelihood -----------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
function createSvgElement(tag, attributes, text = "") {
  const created = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.textContent = text;
  return created;
}

function chooseTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + 1e-6 * step; i++) ticks.push(i * step);
  return {ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9))};
}

function drawCurve(fit) {
  $("curve-section").hidden = !fit;
  if (!fit) return;
  const values = fit.log_likelihoods;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = high > low ? 0.06 * (high - low) : 0.5;
  const {ticks, digits} = chooseTicks(low - margin, high + margin, 3);
  const texts = ticks.map((tick) => formatNumber(tick, digits));
  const [width, height, right, top, bottom] = [320, 150, 10, 8, 22];
  const left = 12 + 6.6 * Math.max(...texts.map((text) => text.length));
  const x = (i) => left + (width - left - right) * (values.length > 1 ? i / (values.length - 1) : 0.5);
  const span = high - low + 2 * margin;
  const y = (value) => height - bottom - (height - top - bottom) * (value - low + margin) / span;
  const svg = createSvgElement("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Log-likelihood over ${pluralize(values.length - 1, "step")}, `
      + `from ${values[0].toFixed(4)} to ${last(values).toFixed(4)}`});
  ticks.forEach((tick, i) => {
    svg.append(createSvgElement("line", {class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick)}));
    svg.append(createSvgElement("text", {x: left - 6, y: y(tick) + 4, "text-anchor": "end"}, texts[i]));
  });
  const step = Math.max(1, chooseTicks(0, Math.max(values.length - 1, 1), 5).ticks[1] || 1);
  for (let i = 0; i < values.length; i += Math.round(step)) {
    svg.append(createSvgElement("text", {x: x(i), y: height - 5, "text-anchor": "middle"}, i));
  }
  const points = values.map((value, i) => `${x(i)},${y(value)}`).join(" ");
  svg.append(createSvgElement("polyline", {class: "line", points}));
  values.forEach((value, i) => {
    const point = createSvgElement("circle", {class: "point", cx: x(i), cy: y(value), r: values.length > 40 ? 1.5 : 3});
    point.append(createSvgElement("title", {}, `step ${i}: ${value.toFixed(6)}`));
    svg.append(point);
  });
  $("curve").replaceChildren(svg);
  const nRestarts = fit.restarts.length;
  $("fit").textContent = `${formatNumber(last(values), 4)} after ${pluralize(fit.n_iterations, "step")}: `
    + `${fit.verdict}` + (nRestarts > 1 ? `; best of ${nRestarts} restarts` : "");
}

// ---- the controls of one photo ------------------------------------------------------------------------------------

function moveDivider() {
  const position = $("slider").value;
  $("layers").style.setProperty("--at", `${position}%`);
  const shares = `${Math.round(position)} % photo, ${Math.round(100 - position)} % segments`;
  $("slider").setAttribute("aria-valuetext", shares);
}

function openPhoto(index) {
  if (index === undefined) return;
  history.replaceState(null, "", `#photo-${index + 1}`);
  showPhoto(index);
}

function findNeighbor(offset) {
  const viewable = shown.filter((index) => photos[index].input);
  return viewable[viewable.indexOf(state.index) + offset];
}

function openFromAddress() {
  const index = Number(/^#photo-(\d+)$/.exec(location.hash)?.[1]) - 1;
  if (photos[index]?.input) showPhoto(index);
  else if (detail.open) detail.close();
}

$("slider").addEventListener("input", moveDivider);
$("show-contours").addEventListener("change", paintContours);
for (const radio of document.querySelectorAll("[name=colors]")) {
  radio.addEventListener("change", () => { paintSegments(); colorLegend(photos[state.index]); });
}
$("previous").addEventListener("click", () => openPhoto(findNeighbor(-1)));
$("next").addEventListener("click", () => openPhoto(findNeighbor(1)));
$("close").addEventListener("click", () => detail.close());
$("copy-colors").addEventListener("click", (event) => {
  copyText(listColors(photos[state.index]).join("\n"), () => { event.target.textContent = "Copied"; });
  setTimeout(() => { event.target.textContent = "Copy colors"; }, 1500);
});
$("layers").addEventListener("pointermove", (event) => {
  const label = findLabel(event);
  const segment = photos[state.index].segments.find((other) => other.label === label);
  $("under").textContent = segment ? `segment ${segment.name} · ${segment.percent}` : "";
  for (const button of $("legend").querySelectorAll("button")) {
    button.classList.toggle("lit", Number(button.dataset.label) === (label || state.highlighted));
  }
});
$("layers").addEventListener("pointerleave", () => { $("under").textContent = ""; highlight(state.pinned); });
detail.addEventListener("click", (event) => { if (event.target === detail) detail.close(); });
detail.addEventListener("close", () => {
  const card = cards[state.index]?.querySelector("a");
  state.index = -1;
  if (location.hash.startsWith("#photo-")) history.replaceState(null, "", location.pathname + location.search);
  if (card && !$("gallery").hidden) card.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (!detail.open) {
    if (event.key === "/" && !isTyping) { event.preventDefault(); $("search").focus(); }
    return;
  }
  if (event.key.toLowerCase() === "c") $("show-contours").click();
  if (isTyping) return;
  if (event.key === "ArrowLeft") openPhoto(findNeighbor(-1));
  if (event.key === "ArrowRight") openPhoto(findNeighbor(1));
});
window.addEventListener("hashchange", openFromAddress);
window.addEventListener("resize", () => { if (state.index >= 0 && state.width) fitLayers(state.width, state.height); });

showView("gallery");
updateList();
$("no-script").remove();
$("toolbar").hidden = false;
document.querySelector(".actions").hidden = false;
document.documentElement.dataset.ready = "true";
document.addEventListener("DOMContentLoaded", () => {
  if (location.hash) openFromAddress();
  else if (photos.length === 1 && photos[0].input) showPhoto(0);
});
