// SPDX-License-Identifier: Apache-2.0
// Two versions of a picture or clip enter; a canvas with a divider between them leaves: drag, zoom, pan, play.
"use strict";

const ZOOMS = [1, 2, 4, 8, 16];

class Stage {
  constructor(exhibit, versions, left, right) {
    this.exhibit = exhibit;
    this.versions = versions;
    this.left = left;
    this.right = right;
    this.split = 0.5;
    this.zoom = 1;
    this.center = [exhibit.width / 2, exhibit.height / 2];
    this.frame = 0;
    this.playing = exhibit.frameCount > 1;
    this.element = make("div", { className: "stage", tabIndex: 0 });
    this.canvas = this.element.appendChild(make("canvas"));
    this.canvas.style.aspectRatio = `${exhibit.width} / ${exhibit.height}`;
    this.names = ["left", "right"].map((side) => this.element.appendChild(make("div", { className: `name ${side}` })));
    this.addTools();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    if (this.playing) this.play();
  }

  addTools() {
    const tools = this.element.appendChild(make("div", { className: "tools" }));
    const button = (text, title, action) => {
      const made = tools.appendChild(make("button", { type: "button", textContent: text, title }));
      made.addEventListener("click", action);
      return made;
    };
    button("−", "Smaller", () => this.zoomBy(-1));
    this.zoomLabel = tools.appendChild(make("output", { textContent: "1×" }));
    button("+", "Larger: see the pixels", () => this.zoomBy(1));
    if (this.exhibit.frameCount < 2) return;
    const time = this.element.appendChild(make("div", { className: "tools time" }));
    this.playButton = time.appendChild(make("button", { type: "button", textContent: "❚❚", title: "Play or stop" }));
    this.playButton.addEventListener("click", () => this.toggle());
    this.slider = time.appendChild(make("input", { type: "range", min: 0, max: this.exhibit.frameCount - 1, value: 0 }));
    this.slider.setAttribute("aria-label", "Frame");
    this.slider.addEventListener("input", () => {
      this.playing = false;
      this.frame = Number(this.slider.value);
      this.draw();
    });
  }

  listen() {
    let grip = null;
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      const [x, y] = place(event);
      const nearDivider = Math.abs(x - this.split) * this.canvas.clientWidth < 28;
      grip = { pans: this.zoom > 1 && !nearDivider, x, y, center: [...this.center] };
      this.canvas.setPointerCapture(event.pointerId);
      if (!grip.pans) this.moveSplit(x);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [x, y] = place(event);
      if (!grip.pans) return this.moveSplit(x);
      const { width, height } = this.exhibit;
      this.moveTo([grip.center[0] - ((x - grip.x) * width) / this.zoom, grip.center[1] - ((y - grip.y) * height) / this.zoom]);
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => (grip = null));
    this.canvas.addEventListener("dblclick", (event) => this.zoomBy(this.zoom === ZOOMS.at(-1) ? -9 : 1, place(event)));
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1 : -1, place(event));
    }, { passive: false });
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const actions = {
      ArrowLeft: () => this.moveSplit(this.split - 0.02), ArrowRight: () => this.moveSplit(this.split + 0.02),
      "+": () => this.zoomBy(1), "-": () => this.zoomBy(-1), " ": () => this.toggle(),
    };
    if (!actions[event.key] || event.target !== this.element) return;
    event.preventDefault();
    actions[event.key]();
  }

  moveSplit(x) {
    this.split = Math.min(Math.max(x, 0), 1);
    this.draw();
  }

  moveTo(center) {
    const half = [this.exhibit.width / 2 / this.zoom, this.exhibit.height / 2 / this.zoom];
    const size = [this.exhibit.width, this.exhibit.height];
    this.center = center.map((value, axis) => Math.min(Math.max(value, half[axis]), size[axis] - half[axis]));
    this.draw();
  }

  // Zoom so that the picture under `at` (shares of the canvas) stays where it is.
  zoomBy(steps, at = [0.5, 0.5]) {
    const index = Math.min(Math.max(ZOOMS.indexOf(this.zoom) + steps, 0), ZOOMS.length - 1);
    const size = [this.exhibit.width, this.exhibit.height];
    const under = this.center.map((value, axis) => value + ((at[axis] - 0.5) * size[axis]) / this.zoom);
    this.zoom = ZOOMS[index];
    this.zoomLabel.textContent = `${this.zoom}×`;
    this.moveTo(under.map((value, axis) => value - ((at[axis] - 0.5) * size[axis]) / this.zoom));
  }

  toggle() {
    this.playing = !this.playing;
    if (this.playing) this.play();
    else this.draw();
  }

  play() {
    const period = 1000 / this.exhibit.framesPerSecond;
    let last = performance.now();
    const tick = (now) => {
      if (!this.playing) return;
      if (now - last >= period) {
        last = now;
        this.frame = (this.frame + 1) % this.exhibit.frameCount;
        this.draw();
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    const cut = Math.round(this.split * width);
    this.paint(context, this.versions[this.left], 0, cut);
    this.paint(context, this.versions[this.right], cut, width);
    context.fillStyle = "#fff";
    context.fillRect(cut - ratio, 0, 2 * ratio, height);
    context.beginPath();
    context.arc(cut, height / 2, 15 * ratio, 0, 7);
    context.shadowColor = "#0008";
    context.shadowBlur = 8 * ratio;
    context.fill();
    context.shadowBlur = 0;
    context.fillStyle = "#17191e";
    context.font = `${15 * ratio}px system-ui`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText("⇔", cut, height / 2 + ratio);
    [this.left, this.right].forEach((version, side) => label(this.names[side], this.versions[version]));
    if (this.slider) {
      this.slider.value = this.frame;
      this.playButton.textContent = this.playing ? "❚❚" : "▶";
    }
  }

  // Part of a version between two columns of the canvas.
  paint(context, version, from, to) {
    if (to <= from || !version.picture.complete) return;
    const { width, height } = this.exhibit;
    const scale = (context.canvas.width * this.zoom) / width;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, context.canvas.height);
    context.clip();
    context.imageSmoothingEnabled = scale < 2.5;
    context.imageSmoothingQuality = "high";
    const x = context.canvas.width / 2 - this.center[0] * scale;
    const y = context.canvas.height / 2 - this.center[1] * scale;
    context.drawImage(version.picture, 0, this.frame * height, width, height, x, y, width * scale, height * scale);
    context.restore();
  }
}

function label(element, version) {
  const facts = version.point ? `${kilobytes(version.point.bytes)} · ${version.point.psnr.toFixed(2)} dB` : "";
  element.replaceChildren(document.createTextNode(title(version)), make("small", { textContent: facts }));
}
