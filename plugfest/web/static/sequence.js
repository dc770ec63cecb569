// The sequence chart: a row for each message and event; the rounds of a loop fold into one row, messages unfold.

import { ask, make } from "./dom.js";

const MOST = 1000;

export class Sequence {
  constructor(place, latest, role) {
    this.place = place;
    this.latest = latest;
    this.role = role;
    this.loop = { base: "", shown: 0, fold: null, count: 0 };
    place.replaceChildren();
    latest.onclick = () => this.toEnd();
    place.onscroll = () => { latest.hidden = this.atEnd(); };
  }

  atEnd() {
    return this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight < 40;
  }

  toEnd() {
    this.place.scrollTop = this.place.scrollHeight;
    this.latest.hidden = true;
  }

  add(rows, lost) {
    const follow = this.atEnd();
    if (lost) this.place.append(this.plain({ time: rows[0].time, kind: "note", name: `${lost} rows are not kept any more` }));
    for (const row of rows) this.append(row);
    while (this.place.childElementCount > MOST) this.place.firstElementChild.remove();
    if (follow) this.toEnd();
    else this.latest.hidden = false;
  }

  append(row) {
    if (row.kind !== "message") {
      this.loop = { base: "", shown: 0, fold: null, count: 0 };
      this.place.append(this.plain(row));
      return;
    }
    const base = row.name.replace(/(Req|Res)$/, "");
    if (base !== this.loop.base || base.startsWith("CM_")) this.loop = { base, shown: 0, fold: null, count: 0 };
    const loop = this.loop;
    if (loop.shown < 2) {
      loop.shown += 1;
      this.place.append(this.message(row));
      return;
    }
    if (!loop.fold) {
      loop.title = make("summary");
      loop.fold = make("details", { className: "loop" }, loop.title);
      this.place.append(loop.fold);
    }
    loop.count += 1;
    loop.title.textContent = `${loop.count} more ${loop.count === 1 ? "message" : "messages"} of ${base}`;
    loop.fold.append(this.message(row));
    if (loop.fold.childElementCount > MOST) loop.fold.children[1].remove();
  }

  plain(row) {
    return make("div", { className: `row plain ${row.kind}` }, ...this.content(row));
  }

  content(row) {
    const words = row.words ? make("span", { className: "words", textContent: row.words }) : null;
    return [
      make("time", { textContent: row.time.toFixed(3) }),
      make("span", { className: "what" }, make("span", { textContent: row.name }), words),
    ];
  }

  message(row) {
    const fromVehicle = (row.direction === "tx") !== (this.role === "secc");
    const side = row.direction ? (fromVehicle ? "to-charger" : "to-vehicle") : "";
    if (!row.more) return make("div", { className: `row plain ${side}` }, ...this.content(row));
    const whole = make("details", { className: `row ${side}` }, make("summary", {}, ...this.content(row)));
    whole.addEventListener("toggle", () => this.unfold(whole, row.n), { once: true });
    return whole;
  }

  async unfold(whole, number) {
    const text = make("pre", { textContent: "…", tabIndex: 0 });
    whole.append(text);
    const found = await ask(`/rows/${number}`);
    if (found.error) {
      text.textContent = found.error;
      return;
    }
    const content = typeof found.message === "string" ? found.message : JSON.stringify(found.message, null, 2);
    text.textContent = `${content}\n\n${found.protocol}, ${found.bytes} bytes of EXI\n${found.exi}`;
  }
}
