"use strict";
// All values come from a log that an attacker may have written: they reach the page through
// textContent and setAttribute of fixed names only, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const dress = (element, attributes, text) => {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const make = (name, attributes = {}, text) => dress(document.createElement(name), attributes, text);
const draw = (name, attributes = {}, text) => dress(document.createElementNS(NS, name), attributes, text);
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const by = (id) => document.getElementById(id);

const seed = {
  id: data.seed, tier: "seed", kind: data.seed_kind, event_count: data.seed_event_count,
  event_names: data.seed_event_names, errors: data.seed_errors, owner: data.seed_principal,
  generation: 0, why: "the credential the trace was asked for", parent: null, link_event_ids: [],
};
const nodes = [seed, ...data.credentials];
const told = new Map([[seed, { line: data.seed_line, kind: "" }]]);
data.credentials.forEach((node, number) => told.set(node, data.told[number]));
const byId = new Map();
for (const node of nodes) if (!byId.has(node.id)) byId.set(node.id, node);
const children = new Map();
for (const node of data.credentials) {
  const parent = byId.has(node.parent) && node.parent !== node.id ? node.parent : seed.id;
  if (!children.has(parent)) children.set(parent, []);
  children.get(parent).push(node);
}

// The tree: one item a credential; more than a few leaves of one kind are folded under one item.
const MANY = 3, DEEPEST = 12;
const items = [];
const itemOf = new Map();
const under = (node, depth, fold) => {
  const entries = [], leaves = new Map();
  for (const child of node === byId.get(node.id) ? children.get(node.id) || [] : []) {
    if (children.has(child.id)) { entries.push({ node: child, depth }); continue; }
    const kind = told.get(child).kind;
    if (!leaves.has(kind)) leaves.set(kind, []);
    leaves.get(kind).push(child);
  }
  for (const [kind, members] of leaves)
    if (members.length > MANY) entries.push({ kind, members, depth, open: false });
    else for (const member of members) entries.push({ node: member, depth });
  return entries;
};
// No recursion: renewing again and again makes chains deeper than a stack.
const place = (root) => {
  const stack = [{ node: root, depth: 0 }];
  while (stack.length) {
    const item = stack.pop();
    if (item.node && itemOf.has(item.node)) continue;
    items.push(item);
    if (item.node) itemOf.set(item.node, item);
    const next = item.members
      ? item.members.map((node) => ({ node, depth: item.depth + 1, inside: item }))
      : under(item.node, item.depth + 1);
    stack.push(...next.reverse());
  }
};
place(seed);
for (const node of nodes) if (!itemOf.has(node)) place(node);

const tree = by("graph");
let word = "";
const dot = (name) => {
  const mark = draw("svg", { width: 12, height: 12, "aria-hidden": "true" });
  mark.append(draw("circle", { cx: 6, cy: 6, r: 5, class: name }));
  return mark;
};
const hay = (node) => [node.id, node.kind, node.tier, node.owner, told.get(node).line,
  ...Object.keys(node.event_names || {})].join(" ").toLowerCase();
const isShown = (item) => {
  if (word !== "") return Boolean(item.node) && hay(item.node).includes(word);
  return !item.inside || item.inside.open;
};
const refresh = () => {
  let hits = 0;
  for (const item of items) {
    const shown = isShown(item);
    item.element.hidden = !shown;
    if (item.members) item.element.setAttribute("aria-expanded", String(item.open));
    if (shown && item.node) hits += 1;
  }
  by("hits").textContent = word === "" ? "" : `${hits} of ${plural(nodes.length, "credential")}`;
  if (current && current.element.hidden) {
    const first = items.find((item) => !item.element.hidden);
    if (first) stopAt(first);
  }
};
const drawTree = () => {
  for (const item of items) {
    const element = make("li", { role: "treeitem", "aria-level": item.depth + 1, tabindex: "-1", "aria-selected": "false" });
    element.style.setProperty("--depth", Math.min(item.depth, DEEPEST));
    const first = item.node || item.members[0];
    element.append(dot(`tier-${first.tier}`));
    const text = make("span");
    if (item.depth > DEEPEST) text.append(make("span", { class: "dim" }, `${item.depth} … `));
    if (item.node) text.append(make("b", {}, item.node.id), `  ${told.get(item.node).line}`);
    else {
      const calls = item.members.reduce((sum, node) => sum + node.event_count, 0);
      text.append(make("b", {}, plural(item.members.length, item.kind)), `  ${calls ? plural(calls, "call") : "no calls seen"}, folded`);
    }
    element.append(text);
    element.addEventListener("click", () => choose(item));
    item.element = element;
    tree.append(element);
  }
};
// One stop for the Tab key; the arrows walk, and open and close what is folded.
let current = null;
const stopAt = (item) => {
  if (current) current.element.setAttribute("tabindex", "-1");
  current = item;
  item.element.setAttribute("tabindex", "0");
};
const choose = (item) => {
  if (item.members) { item.open = !item.open; stopAt(item); refresh(); return; }
  select(item.node);
  document.body.classList.add("chosen");
};
tree.addEventListener("keydown", (event) => {
  const shown = items.filter((item) => !item.element.hidden);
  const place = shown.indexOf(current);
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(current); return; }
  if (event.key === "ArrowRight" && current.members && !current.open) { choose(current); return; }
  if (event.key === "ArrowLeft" && current.members && current.open) { choose(current); return; }
  const to = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + 20, PageUp: place - 20, Home: 0, End: shown.length - 1,
    ArrowLeft: shown.indexOf(current && current.inside) }[event.key];
  if (to === undefined || (event.key === "ArrowLeft" && to < 0) || !shown.length) return;
  event.preventDefault();
  const item = shown[Math.min(shown.length - 1, Math.max(0, to))];
  if (item.node) select(item.node); else stopAt(item);
  item.element.focus();
  item.element.scrollIntoView({ block: "nearest" });
});
by("search").addEventListener("input", (event) => { word = event.target.value.trim().toLowerCase(); refresh(); });

// The timeline: one lane a credential that made calls, one dot for what happened at one moment.
const LANES = 400;
const timeline = by("timeline");
const short = (id) => { const name = id.split("/").pop(); return name.length > 20 ? `${name.slice(0, 4)}…${name.slice(-15)}` : name; };
const drawTimeline = () => {
  timeline.replaceChildren();
  const all = items.map((item) => item.node).filter((node) => node && node.event_count > 0);
  const active = all.slice(0, LANES);
  const lane = new Map(active.map((node, index) => [node.id, index]));
  const times = data.calls.map((call) => Date.parse(call.at)).filter((time) => !Number.isNaN(time));
  if (!times.length) { timeline.append(make("p", { class: "dim" }, "no calls")); return; }
  const first = times.reduce((a, b) => Math.min(a, b)), last = times.reduce((a, b) => Math.max(a, b));
  const left = 156, width = Math.max(130, timeline.clientWidth - left - 34), span = Math.max(1, last - first);
  const svg = draw("svg", { width: left + width + 12, height: active.length * 18 + 44, role: "img",
    "aria-label": `${plural(data.calls.length, "call")} of ${plural(active.length, "credential")}, ${new Date(first).toISOString()} to ${new Date(last).toISOString()}; each credential's calls are among its details` });
  const ticks = Math.max(1, Math.floor(width / 190));
  for (let tick = 0; tick <= ticks; tick += 1) {
    const x = left + (width * tick) / ticks;
    svg.append(draw("line", { class: "grid", x1: x, x2: x, y1: 20, y2: active.length * 18 + 28 }));
    const when = new Date(first + (span * tick) / ticks).toISOString().slice(5, 16).replace("T", " ");
    svg.append(draw("text", { x, y: 14, "text-anchor": tick ? (tick === ticks ? "end" : "middle") : "start" }, when));
  }
  active.forEach((node, index) => svg.append(draw("text", { x: 2, y: index * 18 + 38 }, short(node.id))));
  const dots = new Map();
  for (const call of data.calls) {
    const row = lane.get(call.credential);
    if (row === undefined) continue;
    const x = left + Math.round((width * (Date.parse(call.at) - first)) / span);
    const key = `${row}/${x}/${call.class}/${call.outcome}`;
    if (!dots.has(key)) dots.set(key, { x, row, call, count: 0 });
    dots.get(key).count += 1;
  }
  for (const { x, row, call, count } of dots.values()) {
    const circle = draw("circle", { cx: x, cy: row * 18 + 34, r: 4 + Math.min(3, Math.log10(count) * 2),
      class: `class-${call.class}${call.outcome === "failure" ? " failed" : ""}` });
    circle.append(draw("title", {}, `${call.at} ${call.name} ×${count} ${call.outcome}`));
    circle.addEventListener("click", () => choose(itemOf.get(byId.get(call.credential))));
    svg.append(circle);
  }
  timeline.append(svg);
  if (all.length > LANES) timeline.append(make("p", { class: "dim" }, `${all.length - LANES} more credentials with calls are in the tables of --csv`));
};
let drawnAt = 0;
addEventListener("resize", () => { if (innerWidth !== drawnAt) { drawnAt = innerWidth; drawTimeline(); } });

const TIERS = { seed: "the leaked credential", A_issued: "handed out to it", B_principal: "principals it made or changed, and who comes in by them",
  C_service_issued: "given to compute it made", D_forwarded: "a service acting for it", E_inferred: "inferred: check first" };
const words = (name) => data.class_words[name] || name.replaceAll("_", " ");
const legend = (id, prefix, names) => {
  for (const [name, text] of names) {
    const key = make("span", { class: "key" });
    key.append(dot(`${prefix}${name}`), make("span", {}, text));
    by(id).append(key);
  }
};

// A table says what each of its cells is, also where a narrow page puts them one below the other.
const SHOWN = 25, WHOLE = 14, TIME = /^[\d-]{10}T[\d:]{8}Z$/;
const table = (head, lines) => {
  const box = make("div"), element = make("table", { role: "table" }), top = make("tr", { role: "row" });
  for (const name of head) top.append(make("th", { scope: "col", role: "columnheader" }, name));
  const body = make("tbody", { role: "rowgroup" }), caption = make("thead", { role: "rowgroup" });
  caption.append(top);
  element.append(caption, body);
  box.append(element);
  const add = (some) => {
    for (const line of some) {
      const row = make("tr", { role: "row" });
      line.forEach((cell, column) => {
        const text = cell === null || cell === undefined ? "" : String(cell);
        const kind = text === "" ? "none" : TIME.test(text) || text.length <= WHOLE ? "whole" : "";
        row.append(make("td", { role: "cell", "data-head": head[column], class: kind }, text));
      });
      body.append(row);
    }
  };
  add(lines.slice(0, SHOWN));
  if (lines.length > SHOWN) {
    const more = make("button", { type: "button" }, `show all ${lines.length.toLocaleString("en")}`);
    more.addEventListener("click", () => { add(lines.slice(SHOWN)); more.remove(); });
    box.append(more);
  }
  return box;
};
const fill = (id, head, lines, none) => by(id).append(lines.length ? table(head, lines) : make("p", { class: "dim" }, none));

const detail = by("detail");
const FACTS = ["tier", "owner", "owner_arn", "for_principal", "parent", "issued_by", "issued_at", "why", "confidence", "expires",
  "event_count", "not_told_apart", "errors", "first_seen", "last_seen", "source_ips", "regions", "link_event_ids"];
const NAMES = { owner_arn: "owner's ARN", for_principal: "for", event_count: "calls", not_told_apart: "calls that may be its",
  errors: "failed", tier: "what it is", source_ips: "from", link_event_ids: "shown by event", parent: "came out of" };
const select = (node) => {
  const item = itemOf.get(node);
  for (const one of tree.querySelectorAll("[aria-selected=true]")) one.setAttribute("aria-selected", "false");
  item.element.setAttribute("aria-selected", "true");
  if (item.inside && !item.inside.open && word === "") { item.inside.open = true; refresh(); }
  stopAt(item);
  const close = make("button", { type: "button", id: "close" }, "close");
  close.addEventListener("click", () => { document.body.classList.remove("chosen"); item.element.focus(); });
  const facts = make("dl");
  for (const name of FACTS) {
    const value = node[name];
    if (value === undefined || value === null || value === 0 || value.length === 0) continue;
    const text = name === "tier" ? TIERS[value] : Array.isArray(value) ? value.join(", ") : String(value);
    facts.append(make("dt", {}, NAMES[name] || name.replaceAll("_", " ")), make("dd", {}, text));
  }
  const calls = data.calls.filter((call) => call.credential === node.id);
  detail.replaceChildren(close, make("h2", {}, node.id), facts, make("h3", {}, plural(calls.length, "call")));
  if (calls.length) detail.append(table(["at", "call", "what", "outcome"],
    calls.map((call) => [call.at, call.name, words(call.class), call.error || call.outcome])));
  detail.scrollTop = 0;
};

const present = new Set(nodes.map((node) => node.tier));
legend("tiers", "tier-", Object.entries(TIERS).filter(([tier]) => present.has(tier)));
legend("classes", "class-", Object.keys(data.classes).map((name) => [name, words(name)]));
if (data.calls.some((call) => call.outcome === "failure")) legend("classes", "class-plain_read failed", [["", "pale: failed"]]);
drawTree();
stopAt(items[0]);
refresh();
select(seed);
drawnAt = innerWidth;
drawTimeline();
fill("trust", ["role", "trusts", "since", "event"], data.external_trust.map((t) => [t.role, t.principal, t.at, t.event_id]), "none was opened");
fill("resources", ["resource", "type", "owner", "what was done", "last touched"],
  data.resources.map((r) => [r.arn || r.id, r.type, r.owner, Object.entries(r.classes).map(([name, count]) => `${words(name)} ${count}`).join(", "), r.last_touched]), "none");
fill("gaps", ["kind", "what"], data.gaps.map((gap) => [gap.kind.replaceAll("_", " "), gap.what]), "none known");
fill("files", ["file", "status", "records", "sha256"], data.files.filter((f) => f.status !== "pruned").map((f) => [f.path, `${f.status} ${f.detail}`.trim(), f.records, f.sha256]), "none");
