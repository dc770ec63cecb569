// Makes elements. Text is always put in as text: nothing from the wire is ever read as HTML.

export const find = (id) => document.getElementById(id);

export function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export async function ask(path, options = {}) {
  const headers = { "X-Plugfest": "1", ...(options.headers ?? {}) };
  const response = await fetch(path, { ...options, headers, credentials: "same-origin" });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { ok: false, error: text || `the program answered ${response.status}` };
  }
}
