"""What a report looks like, and the little script that filters its messages."""

CSS = """
:root { --ink:#1c2128; --soft:#5c6673; --line:#e3e7ec; --pale:#f6f8fa; --evcc:#1f5fae; --secc:#1a7f5a; --bad:#b42318;
  --warn:#9a6700; --good:#1a7f37; }
* { box-sizing:border-box; }
html { -webkit-text-size-adjust:100%; }
body { margin:0; background:#fff; color:var(--ink);
  font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif; }
main { max-width:1080px; margin:0 auto; padding:36px 28px 72px; }
h1 { font-size:25px; line-height:1.25; font-weight:650; margin:0 0 4px; letter-spacing:-.01em; overflow-wrap:anywhere; }
h2 { font-size:16px; font-weight:650; margin:44px 0 12px; padding-top:14px; border-top:1px solid var(--line); }
h3 { font-size:13px; font-weight:600; margin:18px 0 6px; overflow-wrap:anywhere; }
p { margin:0 0 10px; } .soft { color:var(--soft); }
.verdict { display:flex; gap:14px; align-items:baseline; margin:18px 0 22px; padding:13px 18px; border-radius:8px;
  border:1px solid; }
.verdict b { font-size:17px; white-space:nowrap; }
.verdict.passed { border-color:#b7e1c2; background:#f1faf3; } .verdict.passed b { color:var(--good); }
.verdict.warnings, .verdict.not { border-color:#ecd8a6; background:#fffaeb; }
.verdict.warnings b, .verdict.not b { color:var(--warn); }
.verdict.failed, .verdict.empty { border-color:#f2c1bb; background:#fef3f2; }
.verdict.failed b, .verdict.empty b { color:var(--bad); }
.facts { display:grid; grid-template-columns:repeat(auto-fill,minmax(225px,1fr)); gap:14px 24px; margin:0; }
.facts dt { color:var(--soft); font-size:12px; } .facts dd { margin:0; font-weight:550; overflow-wrap:anywhere; }
table { width:100%; border-collapse:collapse; font-size:13px; }
th { text-align:left; color:var(--soft); font-weight:550; font-size:12px; padding:5px 12px 5px 0;
  border-bottom:1px solid var(--line); white-space:nowrap; }
td { padding:5px 12px 5px 0; border-bottom:1px solid var(--line); vertical-align:top; overflow-wrap:break-word; }
.times td:first-child { min-width:215px; }
td.n, th.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap; }
code, pre, .mono { font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace; }
pre { margin:0; white-space:pre-wrap; overflow-wrap:anywhere; }
a { color:inherit; text-decoration-color:#b9c2cc; text-underline-offset:2px; }
.tag { display:inline-block; padding:0 7px; border-radius:9px; font-size:12px; font-weight:550; line-height:18px;
  background:var(--pale); color:var(--soft); white-space:nowrap; }
.tag.violation { background:#fde7e4; color:var(--bad); } .tag.warning { background:#fdf1d0; color:var(--warn); }
.tag.evcc { background:#e8f0fb; color:var(--evcc); } .tag.secc { background:#e4f4ec; color:var(--secc); }
td.timer { font:11px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace; color:var(--soft);
  white-space:nowrap; }
.missed { color:var(--bad); font-weight:600; }
svg { display:block; width:100%; height:auto; } svg text { font-family:inherit; }
.plot { margin:0 0 8px; } .grid { stroke:var(--line); stroke-width:1; }
.tick { fill:var(--soft); font-size:11px; font-variant-numeric:tabular-nums; }
.title { fill:var(--ink); font-size:13px; font-weight:600; }
.unit { fill:var(--soft); font-weight:400; font-size:12px; }
.legend { fill:var(--soft); font-size:12px; }
.curve { fill:none; stroke-width:1.6; stroke-linejoin:round; stroke:var(--soft); }
.curve.target { stroke:#94a3b5; stroke-dasharray:4 3; } .curve.secc { stroke:var(--secc); }
.curve.evcc { stroke:var(--evcc); } .curve.plant { stroke:#b98a2f; stroke-width:1.1; } .dot { fill:var(--soft); }
.dot.secc { fill:var(--secc); } .dot.evcc { fill:var(--evcc); }
.curve.limit { stroke:#8250a8; stroke-width:1.3; } .curve.target.evcc { stroke:#7fa6d6; }
.grid.zero { stroke:#9aa5b1; } .arrow.side { stroke-dasharray:5 3; } .name.side { font-style:italic; }
.bar { fill:#9db8d9; } .mean { stroke:var(--evcc); stroke-dasharray:5 4; }
.phase { fill:#c3ccd6; } .phase.low { fill:#c9bfe3; } .phase.setup { fill:#a9c4e8; } .phase.prepare { fill:#f0cf86; }
.phase.loop { fill:#8fd0ab; } .phase.end { fill:#d8b7ae; } .label { fill:var(--ink); font-size:12px; }
.life { stroke:#c4ccd5; } .head.evcc { fill:var(--evcc); } .head.secc { fill:var(--secc); }
.headtext { fill:#fff; font-size:12.5px; font-weight:600; }
.arrow { stroke-width:1.2; } .arrow.evcc { stroke:var(--evcc); } .arrow.secc { stroke:var(--secc); }
.tip.evcc { fill:var(--evcc); } .tip.secc { fill:var(--secc); } .name { font-size:12px; fill:var(--ink); }
.aside { font-size:11.5px; fill:var(--soft); } .right { font-size:11.5px; fill:var(--soft); }
.right.late, .name.late { fill:var(--bad); } .arrow.late { stroke:var(--bad); } .tip.late { fill:var(--bad); }
.right.violation { fill:var(--bad); font-weight:600; } .right.warning { fill:var(--warn); }
.filter { font:inherit; padding:6px 10px; width:320px; max-width:100%; border:1px solid #cfd6de; border-radius:6px;
  margin:0 0 10px; }
.messages { border-top:1px solid var(--line); }
.messages details { border-bottom:1px solid var(--line); }
.messages summary { display:grid; grid-template-columns:76px 46px 236px 82px 1fr; gap:0 10px; padding:4px 4px;
  cursor:pointer; list-style:none; align-items:baseline; }
.messages summary::-webkit-details-marker { display:none; } .messages summary:hover { background:var(--pale); }
.messages details[open] summary { background:var(--pale); }
.messages .tag { justify-self:start; }
.messages .t, .messages .d { text-align:right; font-variant-numeric:tabular-nums; color:var(--soft); }
.messages .x { color:var(--soft); overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }
.messages pre { padding:8px 14px 12px 150px; } .messages pre .k { color:var(--soft); }
.messages .hex { color:var(--soft); border-top:1px dashed var(--line); margin-top:6px; padding-top:6px; display:block; }
.cert { display:grid; grid-template-columns:repeat(auto-fill,minmax(310px,1fr)); gap:12px; }
.cert div { border:1px solid var(--line); border-radius:8px; padding:10px 14px; font-size:13px;
  overflow-wrap:anywhere; }
.config td { overflow-wrap:anywhere; } .config td:first-child { color:var(--soft); width:260px; }
footer { margin-top:52px; padding-top:12px; border-top:1px solid var(--line); color:var(--soft); font-size:12px; }
.scroll { overflow-x:auto; }
@media (max-width:720px) { main { padding:20px 14px 40px; }
  .messages summary { grid-template-columns:64px 44px minmax(0,1fr) 74px; } .messages .x { display:none; }
  .messages summary span { overflow-wrap:anywhere; }
  .messages pre { padding-left:14px; } }
@media print { main { max-width:none; padding:0; } .filter { display:none; } h2 { break-after:avoid; }
  svg, tr, .cert div { break-inside:avoid; } }
"""

SCRIPT = """
const box = document.getElementById("filter");
const rows = Array.from(document.querySelectorAll(".messages details"));
function show() {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const row of rows) {
    const text = row.firstElementChild.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
  }
}
if (box) { box.hidden = false; box.addEventListener("input", show); }
function reveal() {
  const row = location.hash && document.getElementById(location.hash.slice(1));
  if (row && row.tagName === "DETAILS") { row.open = true; row.hidden = false; }
}
addEventListener("hashchange", reveal);
reveal();
"""
