// The page: takes the news of the program and hands them to its parts.

import { find, make } from "./dom.js";
import { Actions } from "./actions.js";
import { Campaign } from "./campaign.js";
import { Curves } from "./curves.js";
import { listen } from "./recordings.js";
import { Sequence } from "./sequence.js";

const LINKS = ["pilot", "vehicle", "modem", "SLAC", "SDP", "TCP", "TLS"];
const OFF = ["closed", "asking", "left", "none", "asleep"];
const ENDED = "the program has ended";
const AGAIN = 2000; // ms
const SIDES = { evcc: "vehicle", secc: "charger" };

let curves, sequence, actions, campaign;

function begin(about) {
  document.title = `plugfest: ${about.title}`;
  find("title").textContent = about.title;
  find("main").dataset.kind = about.kind;
  for (const part of document.querySelectorAll("section[data-kind]")) {
    part.hidden = part.dataset.kind !== about.kind || part.id === "findings";
  }
  curves = new Curves(find("curves"));
  sequence = new Sequence(find("rows"), find("latest"), about.role);
  actions = new Actions(about.actions);
  find("answer").textContent = "";
  campaign = new Campaign();
}

function showState(state) {
  find("protocol").textContent = state.protocol || "no protocol yet";
  const quiet = state.links.vehicle === "asleep" ? "paused" : state.ended ? "ended" : "waiting";
  find("state").textContent = state.state || quiet;
  find("since").textContent = state.state ? `from ${state.since.toFixed(1)} s on` : "";
  const ended = find("ended");
  ended.hidden = !state.ended;
  ended.textContent = state.ended;
  const outcomes = Object.entries(state.outcomes);
  const good = outcomes.length > 0 && outcomes.every(([, outcome]) => outcome.ok);
  ended.className = good ? "good" : "bad";
  find("links").replaceChildren(
    ...LINKS.filter((name) => state.links[name]).map((name) => {
      const value = state.links[name];
      const off = OFF.includes(value) || value.includes("failed");
      return make("li", { className: off ? "off" : "" }, make("b", { textContent: name }), value);
    }),
  );
  curves.now(state.numbers);
  showFindings(state, outcomes);
  if (state.over) connection("over", "the session is over");
  actions.enable(!state.over);
}

function showFindings(state, outcomes) {
  const found = [
    ...state.warnings.map((one) => ({ severity: "warning", side: "", ...one })),
    ...state.findings,
  ];
  find("findings").hidden = found.length === 0 && outcomes.length === 0;
  find("outcomes").replaceChildren(
    ...outcomes.map(([role, outcome]) => {
      const why = outcome.verdict || (outcome.ok ? (outcome.paused ? "paused" : "completed") : outcome.reason);
      const energy = `${(outcome.energy / 1000).toFixed(3)} kWh, ${outcome.messages} messages in ${outcome.seconds.toFixed(1)} s`;
      return make("p", { className: outcome.ok && !outcome.verdict ? "good" : "bad" }, make("strong", { textContent: `${role}: ` }), `${why} (${energy})`);
    }),
  );
  find("warnings").replaceChildren(
    ...found.map((one) =>
      make(
        "li",
        { className: one.severity, title: one.rule ?? "" },
        make("time", { textContent: one.time.toFixed(3) }),
        make("span", { className: "mark", textContent: one.side ? `${one.severity}, ${SIDES[one.side] ?? one.side}` : one.severity }),
        make("span", { textContent: one.text }),
      ),
    ),
  );
}

function connection(state, text) {
  const shown = find("connection");
  shown.dataset.state = state;
  shown.textContent = text;
}

function take(news) {
  if (news.about) begin(news.about);
  if (news.points) curves.add(news.points);
  if (news.rows) sequence.add(news.rows, news.lost ?? 0);
  if (news.runs) campaign.add(news.runs);
  if (news.state) {
    if (find("main").dataset.kind === "campaign") campaign.state(news.state);
    else if (news.state.links) showState(news.state);
  }
}

// A program that ended, or was never there, may be started again at the same place.
function connect(ended = false) {
  const source = new EventSource("/events");
  source.onopen = () => {
    ended = false;
    connection("live", "live");
  };
  source.onmessage = (message) => {
    const news = JSON.parse(message.data);
    if (news.gone) {
      source.close();
      connection("lost", ENDED);
      actions?.enable(false);
      setTimeout(connect, AGAIN, true);
      return;
    }
    take(news);
  };
  source.onerror = () => {
    const closed = source.readyState === EventSource.CLOSED;
    connection("lost", ended && !closed ? ENDED : closed ? "refused" : "connection lost, trying again");
    if (closed) setTimeout(connect, AGAIN);
  };
}

listen();
connect();
