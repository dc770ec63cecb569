// The table of a campaign: fills up, can be filtered by verdict, and leads to the evidence.

import { find, make } from "./dom.js";

export class Campaign {
  constructor() {
    this.rows = new Map();
    this.only = "";
    find("runs").replaceChildren();
    find("counts").replaceChildren();
  }

  add(runs) {
    for (const run of runs) {
      const row = this.row(run);
      const known = this.rows.get(run.run);
      if (known) known.row.replaceWith(row);
      else find("runs").append(row);
      this.rows.set(run.run, { row, verdict: run.verdict, word: run.word });
    }
    this.count();
    this.filter();
  }

  row(run) {
    const why = make("td", {}, run.reason || run.findings[0] || "");
    if (run.judged.length || run.findings.length || run.cause) {
      const list = make("ul");
      if (run.cause) list.append(make("li", {}, `most likely: ${run.cause}`));
      for (const text of run.findings) list.append(make("li", {}, `finding: ${text}`));
      for (const one of run.judged) list.append(make("li", {}, `expected ${one.expected}; observed ${one.observed}`));
      why.append(make("details", {}, make("summary", { textContent: "details" }), list));
    }
    return make("tr", {},
      make("td", { className: `verdict ${run.verdict}`, textContent: run.word + (run.findings.length ? "*" : "") }),
      make("td", {}, make("span", { className: "run-id", textContent: run.run }), make("br"), run.title),
      why,
      make("td", {}, make("a", { href: run.evidence, target: "_blank", rel: "noopener", textContent: "evidence" })));
  }

  count() {
    const counts = new Map();
    for (const { verdict, word } of this.rows.values()) counts.set(verdict, { word, number: (counts.get(verdict)?.number ?? 0) + 1 });
    find("counts").replaceChildren(...[...counts].map(([verdict, { word, number }]) => {
      const button = make("button", { type: "button", className: `verdict ${verdict}`, textContent: `${number} ${word}` });
      button.setAttribute("aria-pressed", String(this.only === verdict));
      button.onclick = () => {
        this.only = this.only === verdict ? "" : verdict;
        this.count();
        this.filter();
      };
      return button;
    }));
  }

  filter() {
    for (const { row, verdict } of this.rows.values()) row.hidden = this.only !== "" && verdict !== this.only;
  }

  state(state) {
    const bar = find("bar");
    if (state.over) {
      find("progress").textContent = "The campaign is over.";
      bar.value = bar.max;
      return;
    }
    find("progress").textContent = `${state.done} of ${state.total} runs, ${state.left}${state.under ? `: ${state.under}` : ""}`;
    bar.max = state.total || 1;
    bar.value = state.done;
  }
}
