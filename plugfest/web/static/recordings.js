// A recording that is dropped on the page, or chosen, and its report.

import { ask, find } from "./dom.js";

async function show(file) {
  const dialog = find("report"), frame = find("report-frame"), link = find("report-link");
  find("report-title").textContent = file.name;
  find("report-text").textContent = "reading …";
  frame.hidden = link.hidden = true;
  if (!dialog.open) dialog.showModal();
  const found = await ask(`/reports?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file })
    .catch((why) => ({ error: String(why) }));
  if (found.error) {
    find("report-text").textContent = found.error;
    return;
  }
  find("report-text").textContent = found.headline;
  frame.src = link.href = found.report;
  frame.hidden = link.hidden = false;
}

export function listen() {
  const drop = find("drop"), input = find("file");
  let depth = 0;
  const files = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (files(event)) { depth += 1; drop.hidden = false; } });
  addEventListener("dragleave", () => { depth = Math.max(depth - 1, 0); drop.hidden = depth === 0; });
  addEventListener("dragover", (event) => { if (files(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    depth = 0;
    drop.hidden = true;
    if (!files(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) show(file);
  });
  input.onchange = () => {
    const [file] = input.files;
    if (file) show(file);
    input.value = "";
  };
  find("report-close").onclick = () => find("report").close();
}
