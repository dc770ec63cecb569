// Voltage, current, power and state of charge over time.

import { make, shape } from "./dom.js";

const KINDS = [
  { name: "volts", title: "Voltage", unit: "V", scale: 1, digits: 1 },
  { name: "amps", title: "Current", unit: "A", scale: 1, digits: 1 },
  { name: "watts", title: "Power", unit: "kW", scale: 0.001, digits: 2 },
  { name: "soc", title: "SoC", unit: "%", scale: 1, digits: 1, top: 100 },
];
const KEPT = 3600;
const SHOWN = 600; // s
const WIDTH = 300, HEIGHT = 80;

export class Curves {
  constructor(place) {
    this.points = [];
    this.parts = KINDS.map((kind) => {
      const value = make("span", { className: "value", textContent: "–" });
      const area = shape("path", { class: "area" }), line = shape("path", {}), zero = shape("line", { x1: 0, x2: WIDTH });
      const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": kind.title });
      svg.append(zero, area, line);
      const from = make("span"), most = make("span");
      const part = make("div", { className: "curve" },
        make("div", { className: "head" }, make("span", { textContent: kind.title }), value),
        svg, make("div", { className: "axis" }, from, most));
      part.hidden = true;
      return { kind, value, area, line, zero, from, most, part };
    });
    place.replaceChildren(...this.parts.map((one) => one.part));
  }

  now(numbers) {
    for (const { kind, value, part } of this.parts) {
      const number = numbers[kind.name];
      if (number === undefined) continue;
      part.hidden = false;
      value.textContent = `${(number * kind.scale).toFixed(kind.digits)} ${kind.unit}`;
    }
  }

  add(points) {
    this.points.push(...points);
    if (this.points.length > KEPT) this.points.splice(0, this.points.length - KEPT);
    this.draw();
  }

  draw() {
    const last = this.points.at(-1).time;
    const shown = this.points.filter((point) => point.time >= last - SHOWN);
    const first = shown[0].time, span = Math.max(last - first, 10);
    for (const { kind, area, line, zero, from, most, part } of this.parts) {
      const values = shown.filter((point) => kind.name in point).map((point) => [point.time, point[kind.name] * kind.scale]);
      if (!values.length) continue;
      part.hidden = false;
      const high = kind.top ?? Math.max(...values.map(([, y]) => y), 0.001) * 1.08;
      const low = Math.min(...values.map(([, y]) => y), 0);
      const x = (time) => (((time - first) / span) * WIDTH).toFixed(1);
      const y = (number) => (HEIGHT - 2 - ((number - low) / (high - low)) * (HEIGHT - 4)).toFixed(1);
      const path = values.map(([time, number], at) => `${at ? "L" : "M"}${x(time)} ${y(number)}`).join("");
      line.setAttribute("d", path);
      area.setAttribute("d", `${path}L${x(values.at(-1)[0])} ${y(0)}L${x(values[0][0])} ${y(0)}Z`);
      zero.setAttribute("y1", y(0));
      zero.setAttribute("y2", y(0));
      from.textContent = `${Math.round(span)} s`;
      const top = Math.max(...values.map(([, number]) => number));
      most.textContent = `max ${top.toFixed(kind.digits)} ${kind.unit}`;
    }
  }
}
