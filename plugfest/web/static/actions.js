// Buttons for what is done often, and a form for every action with its fields; both come from the program's own list.

import { ask, find, make } from "./dom.js";

const QUICK = [
  ["Plug in", { do: "plug" }],
  ["Unplug", { do: "unplug" }],
  ["Authorize", { do: "authorize", accept: true }],
  ["Refuse", { do: "authorize", accept: false }],
  ["Stop (driver)", { do: "stop", by: "vehicle" }],
  ["Stop (charger)", { do: "stop", by: "charger" }],
  ["Pause", { do: "pause", by: "vehicle" }],
  ["Wake (vehicle)", { do: "wake", by: "vehicle" }],
  ["Wake (charger)", { do: "wake", by: "charger" }],
  ["Emergency stop", { do: "emergency-stop" }, "danger"],
  ["Repair all", { do: "repair" }],
];

export class Actions {
  constructor(known) {
    this.known = new Map(known.map((one) => [one.do, one]));
    const quick = QUICK.filter(([, facts]) => this.possible(facts));
    find("quick").replaceChildren(
      ...quick.map(([text, facts, kind]) => {
        const side = facts.do === "emergency-stop" ? { by: this.choices(facts.do, "by")[0] } : {};
        return make("button", { type: "button", textContent: text, className: kind ?? "", onclick: () => this.perform({ ...facts, ...side }) });
      }),
    );
    const select = find("action");
    select.replaceChildren(...known.map((one) => make("option", { value: one.do, textContent: one.do })));
    select.onchange = () => this.choose(select.value);
    find("act").onsubmit = (event) => {
      event.preventDefault();
      this.perform(this.read());
    };
    if (known.length) this.choose(known[0].do);
  }

  choices(action, name) {
    return this.known.get(action)?.fields.find((field) => field.name === name)?.choices ?? [];
  }

  possible(facts) {
    if (!this.known.has(facts.do)) return false;
    return !("by" in facts) || this.choices(facts.do, "by").includes(facts.by);
  }

  enable(on) {
    for (const button of document.querySelectorAll("#hands button")) button.disabled = !on;
  }

  choose(name) {
    const action = this.known.get(name);
    find("action").value = name;
    find("action-about").textContent = action.about;
    find("fields").replaceChildren(...action.fields.filter((one) => one.input !== "choice" || one.choices.length).map((one) => this.field(one)));
  }

  field(field) {
    const id = `field-${field.name}`;
    const shared = { id, title: field.about, required: field.required && field.input !== "yes" };
    let input;
    if (field.input === "choice") {
      const options = field.choices.map((value) => make("option", { value, textContent: value }));
      if (!field.required && field.default === null) options.unshift(make("option", { value: "", textContent: "–" }));
      input = make("select", shared, ...options);
      input.value = field.choices.includes(field.default) ? field.default : field.required ? field.choices[0] : input.value;
    } else if (field.input === "yes") {
      input = make("input", { ...shared, type: "checkbox", checked: field.default === true });
    } else {
      const number = field.input === "number";
      input = make("input", { ...shared, type: number ? "number" : "text", step: "any", placeholder: field.default ?? "" });
    }
    const text = make("span", { textContent: field.about ? `${field.name} (${field.about})` : field.name });
    return field.input === "yes" ? make("label", { className: "yes" }, input, text) : make("label", {}, text, input);
  }

  read() {
    const action = this.known.get(find("action").value);
    const facts = { do: action.do };
    for (const field of action.fields) {
      const input = find(`field-${field.name}`);
      if (!input) continue;
      if (field.input === "yes") {
        if (input.checked !== (field.default === true)) facts[field.name] = input.checked;
      } else if (input.value !== "") {
        facts[field.name] = field.input === "number" ? Number(input.value) : field.input === "text" ? typed(input.value) : input.value;
      }
    }
    return facts;
  }

  async perform(facts) {
    const answer = await ask("/act", { method: "POST", body: JSON.stringify(facts), headers: { "Content-Type": "application/json" } })
      .catch((why) => ({ ok: false, error: String(why) }));
    const shown = find("answer");
    shown.className = answer.ok ? "good" : "bad";
    shown.textContent = answer.ok ? `done: ${answer.done ?? "it will happen"}` : `not done: ${answer.error}`;
  }
}

// Text of a field: JSON where it is an object, a list or a number, as {"DC_EVStatus.EVRESSSOC": 99}.
function typed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
