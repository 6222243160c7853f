// One photo: its pictures, its segments, its curve.

// ---- the pictures of one photo ------------------------------------------------------------------------------------

const detail = $("detail");
const state = {place: -1, labels: null, width: 0, height: 0, pinned: 0, lit: 0};
const waiting = new Map();
window.segmenterPictures = (place, pictures) => waiting.get(place)?.(pictures);

async function pictures(place) {
  if (document.readyState === "loading") await new Promise((go) => document.addEventListener("DOMContentLoaded", go));
  const text = $(`pictures-${place}`);
  if (text) return JSON.parse(text.textContent);
  if (!photos[place].script) return null;
  return new Promise((resolve) => {
    const script = element("script", {src: photos[place].script, onerror: () => resolve(null)});
    waiting.set(place, resolve);
    document.head.append(script);
    script.addEventListener("load", () => script.remove());
  });
}

async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

async function draw(place) {
  const layers = $("layers");
  state.labels = null;
  for (const canvas of layers.querySelectorAll("canvas")) canvas.width = canvas.width;
  $("photo").removeAttribute("src");
  layers.classList.add("alone");
  fit(photos[place].input.width, photos[place].input.height);
  const found = await pictures(place);
  if (state.place !== place) return;
  if (!found) {
    $("message").textContent = photos[place].script ? "The pictures are missing: keep the folder beside this page." : "";
    return;
  }
  const [image] = await Promise.all([found.labels, found.photo].filter(Boolean).map(decoded));
  if (state.place !== place) return;
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const canvas = element("canvas", {width, height});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, width, height).data;
  const labels = new Uint16Array(width * height);
  const isWide = photos[place].n_segments > 255;
  for (let i = 0; i < labels.length; i++) labels[i] = bytes[4 * i] + (isWide ? 256 * bytes[4 * i + 1] : 0);
  Object.assign(state, {labels, width, height});
  for (const other of layers.querySelectorAll("canvas")) Object.assign(other, {width, height});
  state.fine = Math.max(2, Math.min(16, Math.floor(1280 / Math.max(width, height))));  // small pictures are enlarged
  Object.assign($("contours"), {width: state.fine * width, height: state.fine * height});
  if (found.photo) $("photo").src = found.photo;
  layers.classList.toggle("alone", !found.photo);
  fit(width, height);
  paint();
  contours();
  light(state.lit || state.pinned);
  layers.dataset.ready = place;
}

function fit(width, height) {
  const layers = $("layers");
  const room = layers.parentElement.clientWidth;
  const most = Math.max(160, 0.68 * window.innerHeight);
  const scale = Math.min(room / width, most / height);
  layers.style.width = `${Math.max(1, scale * width)}px`;
  layers.style.height = `${Math.max(1, scale * height)}px`;
  layers.classList.toggle("coarse", scale > 2.5);
}

function fill(canvas, colorOf) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = colorOf(i);
  context.putImageData(picture, 0, 0);
}

const isLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const rgba = (red, green, blue, alpha) => (isLittle
  ? (alpha << 24) | (blue << 16) | (green << 8) | red : (red << 24) | (green << 16) | (blue << 8) | alpha) >>> 0;

function paint() {
  if (!state.labels) return;
  const photo = photos[state.place];
  const colors = photo[document.querySelector("[name=colors]:checked").value];
  const table = new Uint32Array(photo.n_segments + 1);
  for (let label = 1; label < table.length; label++) {
    const value = parseInt(colors[(label - 1) % colors.length].slice(1), 16);
    table[label] = rgba(value >> 16, (value >> 8) & 255, value & 255, 255);
  }
  fill($("segments"), (i) => table[state.labels[i]]);
}

function contours() {
  const isOn = $("show-contours").checked;
  $("contours").hidden = !isOn;
  if (!isOn || !state.labels) return;
  const {labels, width, height, fine} = state;
  const [dark, bright] = [rgba(0, 0, 0, 255), rgba(255, 255, 255, 255)];
  fill($("contours"), (i) => {  // in the rims of pixels: dark above and to the left of a border, bright beyond it
    const [column, row] = [i % (fine * width), Math.floor(i / (fine * width))];
    const [x, y] = [Math.floor(column / fine), Math.floor(row / fine)];
    const [left, top] = [column - fine * x, row - fine * y];
    const here = y * width + x;
    const differs = (isRim, isInside, other) => isRim && isInside && labels[other] !== labels[here];
    if (differs(left === fine - 1, x + 1 < width, here + 1) || differs(top === fine - 1, y + 1 < height, here + width)) {
      return dark;
    }
    return differs(left === 0, x > 0, here - 1) || differs(top === 0, y > 0, here - width) ? bright : 0;
  });
}

function light(label) {
  state.lit = label;
  for (const button of $("legend").querySelectorAll("button")) {
    button.classList.toggle("lit", Number(button.dataset.label) === label);
  }
  $("veil").hidden = !label;
  $("layers").dataset.lit = label;
  if (!label || !state.labels) return;
  const veil = rgba(20, 20, 20, 205);
  fill($("veil"), (i) => (state.labels[i] === label ? 0 : veil));
}

function under(event) {
  if (!state.labels) return 0;
  const box = $("layers").getBoundingClientRect();
  const x = Math.floor((event.clientX - box.left) / box.width * state.width);
  const y = Math.floor((event.clientY - box.top) / box.height * state.height);
  return x >= 0 && y >= 0 && x < state.width && y < state.height ? state.labels[y * state.width + x] : 0;
}

// ---- one photo ----------------------------------------------------------------------------------------------------

function show(place) {
  const photo = photos[place];
  Object.assign(state, {place, pinned: 0, lit: 0});
  delete $("layers").dataset.ready;
  if (!detail.open) detail.showModal();
  detail.scrollTop = 0;
  const around = shown.filter((other) => photos[other].input);
  const position = around.indexOf(place);
  $("title").textContent = photo.name;
  $("facts").textContent = `${photo.input.width}×${photo.input.height} · ${count(photo.n_segments, "segment")}`
    + (photo.selection ? `, chosen by ${photo.selection}` : "") + (photo.model ? ` · ${photo.model} applied` : "");
  $("position").textContent = position < 0 ? "" : `${position + 1} of ${around.length}`;
  $("previous").disabled = position <= 0;
  $("next").disabled = position < 0 || position === around.length - 1;
  $("photo").alt = `The photo ${photo.name}`;
  $("message").textContent = photo.photo_problem ? `Segments alone: the photo is not shown (${photo.photo_problem}).` : "";
  $("notes").replaceChildren(...photo.notes.map((note) => element("li", {textContent: note})));
  $("under").textContent = "";
  legend(photo);
  curve(photo.fit);
  facts(photo);
  slide();
  draw(place);
}

function legend(photo) {
  const largest = Math.max(...photo.segments.map((segment) => segment.share), 1e-9);
  $("legend").replaceChildren(...photo.segments.map((segment) => {
    const swatch = element("span", {className: "swatch"});
    swatch.style.background = segment.color;
    const bar = element("i");
    bar.style.width = `${100 * segment.share / largest}%`;
    const button = element("button", {type: "button", title: `${segment.pixels.toLocaleString("en")} pixels`},
      swatch, element("span", {className: "segment-name"}, element("span", {className: "unseen", textContent: "Segment "}),
        segment.name),
      element("span", {className: "bar"}, bar), element("code", {textContent: segment.color}),
      element("span", {className: "share", textContent: percent(segment.share)}));
    button.dataset.label = segment.label;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("pointerenter", () => light(segment.label));
    button.addEventListener("pointerleave", () => light(state.pinned));
    button.addEventListener("focus", () => light(segment.label));
    button.addEventListener("blur", () => light(state.pinned));
    button.addEventListener("click", () => pin(segment.label));
    return element("li", {}, button);
  }));
  if (photo.n_segments > photo.segments.length) {
    const told = `and ${photo.n_segments - photo.segments.length} smaller ones`;
    $("legend").append(element("li", {className: "fine", textContent: told}));
  }
}

function pin(label) {
  state.pinned = state.pinned === label ? 0 : label;
  for (const button of $("legend").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", Number(button.dataset.label) === state.pinned);
  }
  light(state.pinned);
}

function facts(photo) {
  const told = {...photo.recipe, "segmented by": photo.software, results: `${photo.results}.*`,
    values: `${photo.input.channels}×${photo.input.dtype}`, "SHA-256": photo.input.sha256 ?? "unknown"};
  $("recipe").replaceChildren(...Object.entries(told).map(([name, value]) => element("div", {},
    element("dt", {textContent: name.replaceAll("_", " ")}),
    element("dd", {textContent: value !== null && typeof value === "object" ? JSON.stringify(value) : String(value)}))));
}

// ---- the curve ----------------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
function drawn(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

function roundNumbers(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + 1e-6 * step; i++) ticks.push(i * step);
  return {ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9))};
}

function curve(fit) {
  $("curve-section").hidden = !fit;
  if (!fit) return;
  const values = fit.log_likelihoods;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0.06 * (high - low) : 0.5;
  const {ticks, digits} = roundNumbers(low - room, high + room, 3);
  const texts = ticks.map((tick) => number(tick, digits));
  const [width, height, right, top, bottom] = [320, 150, 10, 8, 22];
  const left = 12 + 6.6 * Math.max(...texts.map((text) => text.length));
  const x = (i) => left + (width - left - right) * (values.length > 1 ? i / (values.length - 1) : 0.5);
  const y = (value) => height - bottom - (height - top - bottom) * (value - low + room) / (high - low + 2 * room);
  const svg = drawn("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Log-likelihood of ${values.length - 1} steps, from ${values[0].toFixed(4)} to ${last(values).toFixed(4)}`});
  ticks.forEach((tick, i) => {
    svg.append(drawn("line", {class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick)}));
    svg.append(drawn("text", {x: left - 6, y: y(tick) + 4, "text-anchor": "end"}, texts[i]));
  });
  const step = Math.max(1, roundNumbers(0, Math.max(values.length - 1, 1), 5).ticks[1] || 1);
  for (let i = 0; i < values.length; i += Math.round(step)) {
    svg.append(drawn("text", {x: x(i), y: height - 5, "text-anchor": "middle"}, i));
  }
  svg.append(drawn("polyline", {class: "line", points: values.map((value, i) => `${x(i)},${y(value)}`).join(" ")}));
  values.forEach((value, i) => {
    const point = drawn("circle", {class: "point", cx: x(i), cy: y(value), r: values.length > 40 ? 1.5 : 3});
    point.append(drawn("title", {}, `step ${i}: ${value.toFixed(6)}`));
    svg.append(point);
  });
  $("curve").replaceChildren(svg);
  const starts = fit.restarts.length;
  $("fit").textContent = `${number(last(values), 4)} after ${count(fit.n_iterations, "step")}: `
    + `${fit.stop.replaceAll("_", " ")}` + (starts > 1 ? `; best of ${starts} starts` : "");
}

// ---- the controls of one photo ------------------------------------------------------------------------------------

function slide() {
  const at = $("slider").value;
  $("layers").style.setProperty("--at", `${at}%`);
  $("slider").setAttribute("aria-valuetext", `${Math.round(at)} % photo, ${Math.round(100 - at)} % segments`);
}

function go(place) {
  if (place === undefined) return;
  history.replaceState(null, "", `#photo-${place + 1}`);
  show(place);
}

function neighbor(by) {
  const around = shown.filter((place) => photos[place].input);
  return around[around.indexOf(state.place) + by];
}

function follow() {
  const place = Number(/^#photo-(\d+)$/.exec(location.hash)?.[1]) - 1;
  if (photos[place]?.input) show(place);
  else if (detail.open) detail.close();
}

$("slider").addEventListener("input", slide);
$("show-contours").addEventListener("change", contours);
for (const radio of document.querySelectorAll("[name=colors]")) radio.addEventListener("change", paint);
$("previous").addEventListener("click", () => go(neighbor(-1)));
$("next").addEventListener("click", () => go(neighbor(1)));
$("close").addEventListener("click", () => detail.close());
$("copy-colors").addEventListener("click", (event) => {
  copy(photos[state.place].colors.join("\n"), () => { event.target.textContent = "Copied"; });
  setTimeout(() => { event.target.textContent = "Copy colors"; }, 1500);
});
$("layers").addEventListener("pointermove", (event) => {
  const label = under(event);
  const segment = photos[state.place].segments.find((one) => one.label === label);
  $("under").textContent = segment ? `segment ${segment.name} · ${percent(segment.share)}` : "";
  for (const button of $("legend").querySelectorAll("button")) {
    button.classList.toggle("lit", Number(button.dataset.label) === (label || state.lit));
  }
});
$("layers").addEventListener("pointerleave", () => { $("under").textContent = ""; light(state.pinned); });
detail.addEventListener("click", (event) => { if (event.target === detail) detail.close(); });
detail.addEventListener("close", () => {
  const card = cards[state.place]?.querySelector("a");
  state.place = -1;
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
  if (event.key === "ArrowLeft") go(neighbor(-1));
  if (event.key === "ArrowRight") go(neighbor(1));
});
window.addEventListener("hashchange", follow);
window.addEventListener("resize", () => { if (state.place >= 0 && state.width) fit(state.width, state.height); });

view("gallery");
arrange();
$("no-script").remove();
$("toolbar").hidden = false;
document.querySelector(".actions").hidden = false;
document.documentElement.dataset.ready = "true";
document.addEventListener("DOMContentLoaded", () => {
  if (location.hash) follow();
  else if (photos.length === 1 && photos[0].input) show(0);
});
