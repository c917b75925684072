// SPDX-License-Identifier: Apache-2.0
// The data of the page enters; exhibits with stage, cards, plot and table, and the commands to try, leave.
"use strict";

const LAYER_OPACITY = [1, 0.66, 0.42, 0.3, 0.24, 0.2, 0.17, 0.15];

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const kilobytes = (bytes) => (bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1000).toFixed(bytes < 99950 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`);

const duration = (seconds) => (seconds < 100 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`);

function title(version) {
  return version.codec === "lamina" ? `Lamina, level ${version.level}` : version.label;
}

function hint(element, lines) {
  const tip = document.getElementById("tip");
  const show = (event) => {
    tip.replaceChildren(...lines.map((line, index) => make(index ? "div" : "b", { textContent: line })));
    tip.hidden = false;
    const box = event.target.getBoundingClientRect();
    const left = box.left + box.width / 2 - tip.offsetWidth / 2;
    tip.style.left = `${Math.min(Math.max(left, 8), innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${box.top - tip.offsetHeight - 10}px`;
  };
  for (const name of ["pointerenter", "focus"]) element.addEventListener(name, show);
  for (const name of ["pointerleave", "blur"]) element.addEventListener(name, () => (tip.hidden = true));
}

// The file as a bar: what each layer adds, and what a file that is cut there is worth.
function fileStrip(exhibit) {
  const levels = exhibit.versions.filter((version) => version.codec === "lamina");
  const total = levels.at(-1).point.bytes;
  const bar = make("div", { className: "bar" });
  const cuts = make("div", { className: "cuts num" });
  let before = 0;
  levels.forEach((version, index) => {
    const share = `${(100 * (version.point.bytes - before)) / total}%`;
    const piece = bar.appendChild(make("i"));
    piece.style.width = share;
    piece.style.opacity = LAYER_OPACITY[index];
    hint(piece, [`Layer ${index}`, `${kilobytes(version.point.bytes - before)} more: ${version.point.psnr.toFixed(2)} dB`]);
    // A label wider than its piece would lie over its neighbour's: the pointer tells what it says.
    const room = (version.point.bytes - before) / total;
    const label = make("bdi", {}, ...(room > 0.06 ? [make("b", { textContent: kilobytes(version.point.bytes) })] : []), room > 0.14 ? ` ${version.point.psnr.toFixed(1)} dB` : "");
    const cut = cuts.appendChild(make("span", {}, label));
    cut.style.width = share;
    before = version.point.bytes;
  });
  const caption = make("h3", { textContent: `${exhibit.file}, from its first byte to its last: wherever a layer ends, it can be cut` });
  return make("div", { className: "strip" }, caption, bar, cuts);
}

function pickers(stage, versions) {
  const box = make("div", { className: "pickers" });
  const rows = ["left", "right"].map((side) => {
    box.append(make("span", { textContent: side === "left" ? "Left" : "Right" }));
    const row = box.appendChild(make("div", { className: "chips" }));
    versions.forEach((version, index) => {
      const chip = row.appendChild(make("button", { type: "button", textContent: version.codec === "lamina" ? version.label : title(version) }));
      chip.addEventListener("click", () => {
        stage[side] = index;
        update();
      });
    });
    return row;
  });
  const update = () => {
    rows.forEach((row, side) => [...row.children].forEach((chip, index) => chip.setAttribute("aria-pressed", index === [stage.left, stage.right][side])));
    stage.draw();
  };
  return [box, update];
}

function cards(exhibit, stage, update) {
  const box = make("div", { className: "cards" });
  const middle = Math.floor(exhibit.frameCount / 2) * exhibit.height;
  exhibit.versions.forEach((version, index) => {
    if (version.codec && version.codec !== "lamina") return;
    const point = version.point;
    const canvas = make("canvas", { width: exhibit.width, height: exhibit.height });
    const paint = () => canvas.getContext("2d").drawImage(version.picture, 0, middle, exhibit.width, exhibit.height, 0, 0, exhibit.width, exhibit.height);
    if (version.picture.complete) paint();
    version.picture.addEventListener("load", paint);
    const frames = exhibit.frameCount > 1 ? `, ${exhibit.frameCount} ${exhibit.isSeenByCameras ? "views" : "frames"}` : "";
    const lines = point
      ? [exhibit.isSeenByCameras ? exhibit.measuredOn : `${point.bpp.toFixed(3)} bits per pixel`, `PSNR ${point.psnr.toFixed(2)} dB · SSIM ${point.ssim.toFixed(4)}`]
      : [`${exhibit.width} × ${exhibit.height} pixels${frames}`, `${kilobytes(exhibit.sourceBytes)} as it came`];
    const card = make("button", { type: "button", className: point ? "card ours" : "card" }, canvas,
      make("div", {}, make("h4", { textContent: version.label }),
        make("p", { className: "big num", textContent: point ? kilobytes(point.bytes) : "original" }),
        ...lines.map((line) => make("p", { className: "num", textContent: line }))));
    card.title = "Show on the right";
    card.addEventListener("click", () => {
      stage.right = index;
      update();
      stage.element.scrollIntoView({ behavior: "smooth", block: "center" });
    });
    box.append(card);
  });
  return box;
}

function tablePanel(exhibit, colors) {
  const metrics = Object.keys(METRICS).filter((name) => name !== "psnr" && exhibit.versions.some((version) => version.point?.[name] != null));
  const bpp = exhibit.isSeenByCameras ? [] : [(point) => point.bpp.toFixed(3)];
  const head = ["", "bytes", ...bpp.map(() => "bpp"), "PSNR", ...metrics.map((name) => METRICS[name][0])];
  const rows = exhibit.versions.filter((version) => version.point).map(({ point, ...version }) => {
    const dot = make("i");
    dot.style.background = colors[version.codec];
    const cells = [point.bytes.toLocaleString("en").replaceAll(",", " "), ...bpp.map((of) => of(point)), point.psnr.toFixed(2),
      ...metrics.map((name) => point[name]?.toFixed(METRICS[name][2]) ?? "-")];
    return make("tr", {}, make("td", {}, dot, title(version)), ...cells.map((cell) => make("td", { textContent: cell })));
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { textContent: name })))), make("tbody", {}, ...rows));
  return make("section", { className: "panel" }, make("h3", { textContent: "The same in numbers" }), make("div", { className: "scroll" }, table), where(exhibit));
}

// Where the bytes of the file go.
function where(exhibit) {
  const total = Object.values(exhibit.parts).reduce((sum, bytes) => sum + bytes, 0);
  const palette = ["#d1495b", "#2e6fba", "#2a9d6f", "#d08c28", "#8d5b99", "#8a8f98", "#4fa3a5", "#b07d62"];
  const bar = make("div", { className: "bar" }), keys = make("div", { className: "keys num" });
  Object.entries(exhibit.parts).forEach(([name, bytes], index) => {
    const piece = bar.appendChild(make("i")), key = make("i");
    piece.style.cssText = `width:${(100 * bytes) / total}%;background:${palette[index % 8]}`;
    key.style.background = palette[index % 8];
    hint(piece, [name, `${kilobytes(bytes)}, ${((100 * bytes) / total).toFixed(1)} %`]);
    keys.append(make("span", {}, key, `${name} ${((100 * bytes) / total).toFixed(1)} %`));
  });
  return make("div", { className: "where" }, make("h3", { textContent: "Where the bytes go" }), bar, keys);
}

function exhibitSection(exhibit, colors) {
  for (const version of exhibit.versions) {
    version.picture = new Image();
    version.picture.src = version.image;
  }
  const levels = exhibit.versions.flatMap((version, index) => (version.codec === "lamina" ? [index] : []));
  const stage = new Stage(exhibit, exhibit.versions, levels[0], levels.at(-1));
  const [picker, update] = pickers(stage, exhibit.versions);
  for (const version of exhibit.versions) version.picture.addEventListener("load", update);
  update();
  const keys = make("p", { className: "hint" });
  keys.innerHTML = `Drag the divider, or <kbd>←</kbd> <kbd>→</kbd>; double-click or <kbd>+</kbd> to see the pixels, then drag the picture.${exhibit.frameCount > 1 ? " <kbd>space</kbd> stops and plays." : ""}`;
  const took = duration(exhibit.encodeSeconds) + (exhibit.codedFrames ? ` for ${exhibit.codedFrames} frames` : "");
  return make("section", { className: "exhibit" },
    make("h2", { textContent: exhibit.title }),
    make("p", { className: "note", textContent: `${exhibit.note}. Coded here in ${took}.` }),
    stage.element, picker, keys, fileStrip(exhibit), cards(exhibit, stage, update),
    make("div", { className: "two" }, plotPanel(exhibit, colors), tablePanel(exhibit, colors)));
}

const data = JSON.parse(document.getElementById("data").textContent);
for (const exhibit of data.exhibits) document.getElementById("exhibits").append(exhibitSection(exhibit, data.colors));
document.getElementById("machine").textContent = `Made on ${data.machine}.`;
for (const { command, remark } of data.commands) {
  const button = make("button", { type: "button", textContent: "copy" });
  button.addEventListener("click", () => navigator.clipboard.writeText(command).then(() => (button.textContent = "copied")));
  document.getElementById("commands").append(make("li", {}, make("code", { textContent: command }), make("span", { textContent: remark }), button));
}
