// SPDX-License-Identifier: Apache-2.0
// Curves enter, a rate-quality plot in SVG leaves: logarithmic rate, a legend that hides curves, values under the pointer.
"use strict";

const METRICS = { psnr: ["PSNR", "dB", 2], ms_ssim: ["MS-SSIM", "", 4], vmaf: ["VMAF", "", 1] };
// What a file costs: by its pixels, or, for a scene, which has none of its own, in all.
const RATES = {
  picture: { label: "bits per pixel", of: (point) => point.bpp, text: (point) => `${point.bpp.toFixed(3)} bpp` },
  scene: { label: "kilobytes", of: (point) => point.bytes / 1000, text: () => "whole scene" },
};
const FRAME = { width: 640, height: 380, left: 50, right: 14, top: 14, bottom: 44 };

function plotPanel(exhibit, colors) {
  const panel = make("section", { className: "panel" });
  const header = panel.appendChild(make("header"));
  header.appendChild(make("h3", { textContent: "Quality for bytes" }));
  const hidden = new Set();
  let metric = "psnr";
  const names = Object.keys(METRICS).filter((name) => exhibit.curves.some((curve) => curve.points.some((point) => point[name] != null)));
  const choice = header.appendChild(make("div", { className: "switch" }));
  const holder = panel.appendChild(make("div"));
  const legend = panel.appendChild(make("div", { className: "legend" }));
  const redraw = () => {
    holder.replaceChildren(drawPlot(exhibit, colors, metric, hidden));
    [...choice.children].forEach((button, index) => button.setAttribute("aria-pressed", names[index] === metric));
  };
  for (const name of names) {
    const button = choice.appendChild(make("button", { type: "button", textContent: METRICS[name][0] }));
    button.addEventListener("click", () => ((metric = name), redraw()));
  }
  exhibit.curves.forEach((curve, index) => {
    const button = legend.appendChild(make("button", { type: "button" }));
    const line = button.appendChild(make("i", { className: isDashed(curve) ? "dashed" : "" }));
    line.style.borderColor = colors[curve.codec];
    button.append(curve.label);
    button.setAttribute("aria-pressed", true);
    button.addEventListener("click", () => {
      if (!hidden.delete(index)) hidden.add(index);
      button.setAttribute("aria-pressed", !hidden.has(index));
      redraw();
    });
  });
  redraw();
  return panel;
}

const isDashed = (curve) => curve.isOneFile && curve.codec !== "lamina";

function drawPlot(exhibit, colors, metric, hidden) {
  const curves = exhibit.curves.map((curve, index) => ({ ...curve, points: hidden.has(index) ? [] : curve.points }));
  const points = curves.flatMap((curve) => curve.points).filter((point) => point[metric] != null);
  const rate = RATES[exhibit.isSeenByCameras ? "scene" : "picture"];
  const svg = shape("svg", { viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, class: "plot", role: "img" });
  svg.setAttribute("aria-label", `${METRICS[metric][0]} over ${rate.label}`);
  if (!points.length) return svg;
  const x = axis(points.map(rate.of), FRAME.left, FRAME.width - FRAME.right, true);
  const y = axis(points.map((point) => point[metric]), FRAME.height - FRAME.bottom, FRAME.top, false);
  for (const value of x.ticks) {
    svg.append(shape("path", { class: "grid", d: `M${x(value)} ${FRAME.top}V${FRAME.height - FRAME.bottom}` }));
    svg.append(text(x(value), FRAME.height - FRAME.bottom + 18, "middle", value));
  }
  for (const value of y.ticks) {
    svg.append(shape("path", { class: "grid", d: `M${FRAME.left} ${y(value)}H${FRAME.width - FRAME.right}` }));
    svg.append(text(FRAME.left - 8, y(value) + 4, "end", value));
  }
  svg.append(text((FRAME.left + FRAME.width) / 2, FRAME.height - 6, "middle", rate.label));
  const [name, unit, digits] = METRICS[metric];
  const drawn = [...curves].sort((a, b) => (a.codec === "lamina") - (b.codec === "lamina"));
  for (const curve of drawn) {
    const ours = curve.codec === "lamina";
    const known = curve.points.filter((point) => point[metric] != null);
    if (!known.length) continue;
    const path = known.map((point, index) => `${index ? "L" : "M"}${x(rate.of(point))} ${y(point[metric])}`).join("");
    svg.append(shape("path", {
      class: "curve", d: path, stroke: colors[curve.codec], "stroke-width": ours ? 3 : 2,
      "stroke-dasharray": isDashed(curve) ? "6 5" : "none",
    }));
    for (const point of known) {
      const dot = shape("circle", { cx: x(rate.of(point)), cy: y(point[metric]), r: ours ? 6 : 4.5, fill: colors[curve.codec], tabindex: 0 });
      const facts = `${kilobytes(point.bytes)} · ${rate.text(point)} · ${name} ${point[metric].toFixed(digits)} ${unit}`;
      dot.append(shape("title", {}, `${curve.label}: ${facts}`));
      hint(dot, [curve.label, point.setting, facts]);
      svg.append(dot);
    }
  }
  return svg;
}

// A function from values to places, with `ticks` at round values.
function axis(values, from, to, isLog) {
  let low = Math.min(...values), high = Math.max(...values);
  if (isLog) [low, high] = [low / 1.15, high * 1.15];
  else { const room = 0.07 * (high - low) || 1; [low, high] = [low - room, high + room]; }
  const of = isLog ? Math.log : (value) => value;
  const place = (value) => Math.round((from + ((of(value) - of(low)) / (of(high) - of(low))) * (to - from)) * 10) / 10;
  place.ticks = isLog ? logTicks(low, high) : linearTicks(low, high);
  return place;
}

function logTicks(low, high) {
  for (const digits of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1]]) {
    const ticks = [];
    for (let decade = -4; decade < 6; decade++) for (const digit of digits) ticks.push(Number((digit * 10 ** decade).toPrecision(3)));
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    if (inside.length <= 8) return inside;
  }
  return [];
}

function linearTicks(low, high) {
  const raw = (high - low) / 8, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * unit).find((value) => value >= raw);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) ticks.push(Number(value.toPrecision(6)));
  return ticks;
}

function shape(name, attributes, content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (content != null) element.textContent = content;
  return element;
}

const text = (x, y, anchor, content) => shape("text", { x, y, "text-anchor": anchor }, content);
