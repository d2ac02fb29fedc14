// A cell in a canvas: orthographic, the far things first. The view is a 3 x 3 matrix whose rows are the axes of the screen.
class Cell {
  constructor(canvas, cell) {
    this.canvas = canvas;
    this.home();
    this.show(cell);
    this.listen();
  }

  show(cell) {
    this.cell = cell;
    const [a, b, c] = cell.lattice;
    const corner = (i, j, k) => [0, 1, 2].map(d => (i - .5) * a[d] + (j - .5) * b[d] + (k - .5) * c[d]);
    this.edges = [];
    for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]])
      this.edges.push([corner(0, i, j), corner(1, i, j)], [corner(i, 0, j), corner(i, 1, j)], [corner(i, j, 0), corner(i, j, 1)]);
    this.reach = Math.max(...this.edges.flat().map(p => Math.hypot(...p))) + 1;
    this.draw();
  }

  together() { // the cells of the same box, which turn with this one
    const box = this.canvas.closest("[data-together]");
    return box ? [...box.querySelectorAll("canvas")].map(canvas => canvas.cell).filter(Boolean) : [this];
  }

  home() {
    this.zoom = 1;
    this.view = [[1, 0, 0], [0, 0, 1], [0, -1, 0]];
    this.turn(-.35, .3);
  }

  turn(right, down) { // radians about the vertical and the horizontal axis of the screen
    const [x, y, z] = this.view, mix = (p, q, s, t) => p.map((v, d) => s * v + t * q[d]);
    const x1 = mix(x, z, Math.cos(right), Math.sin(right)), z1 = mix(z, x, Math.cos(right), -Math.sin(right));
    this.view = [x1, mix(y, z1, Math.cos(down), -Math.sin(down)), mix(z1, y, Math.cos(down), Math.sin(down))];
    this.draw();
  }

  listen() {
    const canvas = this.canvas;
    let last = null;
    canvas.addEventListener("pointerdown", e => { last = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointerup", () => { last = null; });
    canvas.addEventListener("pointermove", e => {
      if (!last) return;
      for (const cell of this.together()) cell.turn((e.clientX - last[0]) / 90, (e.clientY - last[1]) / 90);
      last = [e.clientX, e.clientY];
    });
    canvas.addEventListener("wheel", e => {
      if (!e.ctrlKey) return;
      e.preventDefault();
      this.zoom = Math.min(6, Math.max(.4, this.zoom * Math.exp(-e.deltaY / 300)));
      this.draw();
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.together().forEach(cell => cell.home()));
    canvas.addEventListener("keydown", e => {
      const step = { ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, -.1], ArrowDown: [0, .1] }[e.key];
      if (step) { e.preventDefault(); for (const cell of this.together()) cell.turn(...step); }
    });
  }

  project(p) { // [x, y] in pixels, depth in Å, larger is nearer
    const [x, y, z] = this.view.map(axis => axis[0] * p[0] + axis[1] * p[1] + axis[2] * p[2]);
    return [this.middle[0] + this.scale * x, this.middle[1] - this.scale * y, z];
  }

  draw() {
    if (!this.cell) return;
    const { canvas } = this, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    this.middle = [width / 2, height / 2];
    this.scale = this.zoom * Math.min(width, height) / 2 / this.reach;
    const things = [];
    for (const [p, q] of this.edges) things.push(this.line(p, q, "#888", 1));
    const places = this.cell.atoms.map(a => a.slice(1));
    for (const [i, j] of this.cell.bonds) {
      const middle = places[i].map((v, d) => (v + places[j][d]) / 2);
      for (const k of [i, j]) things.push(this.line(places[k], middle, DATA.elements[this.cell.atoms[k][0]][1], 4));
    }
    for (const atom of this.cell.atoms) things.push(this.ball(atom));
    things.sort((s, t) => s.depth - t.depth).forEach(thing => thing.paint(g));
    this.legend(g);
  }

  line(p, q, colour, width) {
    const [x1, y1, z1] = this.project(p), [x2, y2, z2] = this.project(q);
    return { depth: (z1 + z2) / 2, paint: g => {
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      g.moveTo(x1, y1);
      g.lineTo(x2, y2);
      g.stroke();
    } };
  }

  ball([z, ...p]) {
    const [, colour, radius] = DATA.elements[z], [x, y, depth] = this.project(p), r = Math.max(2, .45 * radius * this.scale);
    return { depth, paint: g => {
      const light = g.createRadialGradient(x - r / 3, y - r / 3, r / 8, x, y, r);
      light.addColorStop(0, "#fff");
      light.addColorStop(.35, colour);
      light.addColorStop(1, `color-mix(in srgb, ${colour} 55%, black)`);
      g.fillStyle = light;
      g.beginPath();
      g.arc(x, y, r, 0, 7);
      g.fill();
    } };
  }

  legend(g) {
    const kinds = [...new Set(this.cell.atoms.map(a => a[0]))];
    g.font = "13px system-ui, sans-serif";
    kinds.forEach((z, i) => {
      const [symbol, colour] = DATA.elements[z], y = 16 + 20 * i;
      g.fillStyle = colour;
      g.strokeStyle = "#888";
      g.lineWidth = 1;
      g.beginPath();
      g.arc(12, y - 4, 6, 0, 7);
      g.fill();
      g.stroke();
      g.fillStyle = getComputedStyle(this.canvas).color;
      g.fillText(symbol, 24, y);
    });
  }
}

// drawn when they come into sight: there may be hundreds
function wake(canvas) {
  if (!canvas.cell) canvas.cell = new Cell(canvas, DATA.cells[canvas.dataset.cell]);
}
const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) wake(target);
}, { rootMargin: "300px" });
document.querySelectorAll("canvas").forEach(canvas => seen.observe(canvas));
function redraw() {
  document.querySelectorAll("canvas").forEach(canvas => canvas.cell?.draw());
}
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// paper shows all: what is folded, and cells that nobody has looked at
addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not(.long)").forEach(part => { part.open = true; });
  document.querySelectorAll("canvas").forEach(wake);
  redraw();
});

// a button that shows another cell in a canvas of its box
document.querySelectorAll("button[data-shows]").forEach(button => button.addEventListener("click", () => {
  const box = button.closest("[data-together]"), canvas = box.querySelector("canvas.chosen");
  canvas.dataset.cell = button.dataset.shows;
  wake(canvas);
  canvas.cell.show(DATA.cells[button.dataset.shows]);
  box.querySelector(".said").textContent = button.title;
  box.querySelectorAll("button[data-shows]").forEach(other => other.setAttribute("aria-pressed", other === button));
}));
