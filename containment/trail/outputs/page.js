"use strict";
// All values come from a log that an attacker may have written: they reach the page through
// textContent and setAttribute of fixed names only, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const make = (name, attributes = {}, text) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const draw = (name, attributes = {}, text) => {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const seed = {
  id: data.seed, tier: "seed", kind: data.seed_kind, event_count: data.seed_event_count,
  event_names: data.seed_event_names, errors: data.seed_errors, owner: data.seed_principal,
  generation: 0, why: "the credential the trace was asked for", parent: null, link_event_ids: [],
};
const nodes = [seed, ...data.credentials];
const byId = new Map();
for (const node of nodes) if (!byId.has(node.id)) byId.set(node.id, node);
const children = new Map();
for (const node of data.credentials) {
  const parent = byId.has(node.parent) && node.parent !== node.id ? node.parent : seed.id;
  if (!children.has(parent)) children.set(parent, []);
  children.get(parent).push(node);
}
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const rows = [];
const placed = new Set();
// No recursion: renewing again and again makes chains deeper than a stack.
const place = (root, depth) => {
  const stack = [[root, depth]];
  while (stack.length) {
    const [node, level] = stack.pop();
    if (placed.has(node)) continue;
    placed.add(node);
    rows.push({ node, depth: level, y: rows.length });
    for (const child of (children.get(node.id) || []).slice().reverse()) stack.push([child, level + 1]);
  }
};
place(seed, 0);
for (const node of nodes) place(node, 1);

const STEP = 22, LANES = 400;
const deepest = rows.reduce((depth, row) => Math.max(depth, row.depth), 0);
const INDENT = Math.max(2, Math.min(34, Math.floor(1400 / Math.max(1, deepest))));
const graph = document.getElementById("graph");
const elements = new Map();
const drawGraph = () => {
  const svg = draw("svg", { width: deepest * INDENT + 860, height: rows.length * STEP + 16, role: "tree", "aria-label": "credentials" });
  const at = new Map(rows.map((row) => [row.node, row]));
  for (const row of rows) {
    const parent = row.node === seed ? null : at.get(byId.get(row.node.parent)) || at.get(seed);
    if (parent) {
      const x = parent.depth * INDENT + 14, y = row.y * STEP + 16;
      svg.append(draw("path", { class: "edge", d: `M${x} ${parent.y * STEP + 22}V${y}H${row.depth * INDENT + 8}` }));
    }
  }
  for (const row of rows) {
    const group = draw("g", { class: "node", tabindex: "-1", role: "treeitem", "aria-level": row.depth + 1,
      transform: `translate(${row.depth * INDENT + 14} ${row.y * STEP + 16})` });
    const size = 4 + Math.min(4, Math.log10(1 + row.node.event_count));
    group.append(draw("circle", { r: size, class: `tier-${row.node.tier}` }));
    const whose = row.node.owner && row.node.kind.endsWith("key") ? ` of ${row.node.owner}` : "";
    const label = `${row.node.id}  ${row.node.kind.replaceAll("_", " ")}${whose}  ${plural(row.node.event_count, "call")}`;
    group.append(draw("text", { x: 12, y: 4 }, label));
    group.addEventListener("click", () => select(row.node));
    svg.append(group);
    elements.set(row.node, group);
  }
  svg.addEventListener("keydown", walk);
  graph.append(svg);
};
// One stop for the Tab key; the arrows walk, Enter is not needed.
const walk = (event) => {
  const shown = rows.filter((row) => !elements.get(row.node).classList.contains("off"));
  const at = shown.findIndex((row) => row.node === selected);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 20, PageUp: at - 20, Home: 0, End: shown.length - 1 }[event.key];
  if (to === undefined || !shown.length) return;
  event.preventDefault();
  const row = shown[Math.min(shown.length - 1, Math.max(0, to))];
  select(row.node);
  elements.get(row.node).focus();
  elements.get(row.node).scrollIntoView({ block: "nearest" });
};

const timeline = document.getElementById("timeline");
const drawTimeline = () => {
  const all = rows.map((row) => row.node).filter((node) => node.event_count > 0);
  const active = all.slice(0, LANES);
  const lane = new Map(active.map((node, index) => [node.id, index]));
  const times = data.calls.map((call) => Date.parse(call.at)).filter((time) => !Number.isNaN(time));
  if (!times.length) { timeline.append(make("p", { class: "dim" }, "no calls")); return; }
  const first = times.reduce((a, b) => Math.min(a, b)), last = times.reduce((a, b) => Math.max(a, b));
  const left = 190, width = Math.max(500, timeline.clientWidth - left - 40), span = Math.max(1, last - first);
  const svg = draw("svg", { width: left + width + 30, height: active.length * 16 + 40 });
  const ticks = Math.max(1, Math.floor(width / 180));
  for (let tick = 0; tick <= ticks; tick += 1) {
    const x = left + (width * tick) / ticks;
    svg.append(draw("line", { class: "grid", x1: x, x2: x, y1: 18, y2: active.length * 16 + 24 }));
    const when = new Date(first + (span * tick) / ticks).toISOString().slice(5, 19).replace("T", " ");
    svg.append(draw("text", { x, y: 12, "text-anchor": tick ? (tick === ticks ? "end" : "middle") : "start" }, when));
  }
  active.forEach((node, index) => svg.append(draw("text", { x: 4, y: index * 16 + 34 }, node.id.slice(0, 26))));
  const dots = new Map();
  for (const call of data.calls) {
    const row = lane.get(call.credential);
    if (row === undefined) continue;
    const x = left + Math.round((width * (Date.parse(call.at) - first)) / span);
    const key = `${row}/${x}/${call.class}/${call.outcome}`;
    if (!dots.has(key)) dots.set(key, { x, row, call, count: 0 });
    dots.get(key).count += 1;
  }
  for (const dot of dots.values()) {
    const circle = draw("circle", { cx: dot.x, cy: dot.row * 16 + 30, r: 3 + Math.min(3, Math.log10(dot.count) * 2),
      class: `class-${dot.call.class}${dot.call.outcome === "failure" ? " failed" : ""}` });
    circle.append(draw("title", {}, `${dot.call.at} ${dot.call.name} ×${dot.count} ${dot.call.outcome}`));
    circle.addEventListener("click", () => select(byId.get(dot.call.credential)));
    svg.append(circle);
  }
  timeline.append(svg);
  if (all.length > LANES) timeline.append(make("p", { class: "dim" }, `${all.length - LANES} more credentials with calls are in the tables of --csv`));
};

const TIERS = { seed: "the leaked credential", A_issued: "handed out to it", B_principal: "principals it made or changed, and who comes in by them",
  C_service_issued: "given to compute it made", D_forwarded: "a service acting for it", E_inferred: "inferred: check first" };
const legend = (id, prefix, names) => {
  const line = document.getElementById(id);
  for (const [name, words] of names) {
    const key = make("span", { class: "key" });
    const mark = draw("svg", { width: 12, height: 10, "aria-hidden": "true" });
    mark.append(draw("circle", { cx: 5, cy: 5, r: 4, class: `${prefix}${name}` }));
    key.append(mark, make("span", {}, words));
    line.append(key);
  }
};

const detail = document.getElementById("detail");
const table = (head, lines) => {
  const element = make("table");
  const top = make("tr");
  for (const name of head) top.append(make("th", {}, name));
  element.append(top);
  for (const line of lines) {
    const tr = make("tr");
    for (const cell of line) tr.append(make("td", {}, cell === null || cell === undefined ? "" : String(cell)));
    element.append(tr);
  }
  return element;
};
let selected = null;
const select = (node) => {
  if (!node) return;
  for (const one of [selected, node]) {
    const element = elements.get(one);
    if (!element) continue;
    element.classList.toggle("on", one === node);
    element.setAttribute("tabindex", one === node ? "0" : "-1");
    element.setAttribute("aria-selected", String(one === node));
  }
  selected = node;
  detail.replaceChildren(make("h2", {}, node.id));
  const facts = ["tier", "kind", "owner", "owner_arn", "for_principal", "parent", "issued_by", "issued_at",
    "why", "confidence", "expires", "event_count", "not_told_apart", "errors", "first_seen", "last_seen"];
  detail.append(table(["", ""], facts.filter((name) => node[name] !== undefined && node[name] !== null).map((name) => [name.replaceAll("_", " "), name === "tier" ? `${TIERS[node.tier]} (${node.tier})` : node[name]])));
  for (const name of ["link_event_ids", "source_ips", "regions"])
    if (node[name] && node[name].length) detail.append(make("p", { class: "mono" }, `${name}: ${node[name].join(", ")}`));
  const calls = data.calls.filter((call) => call.credential === node.id);
  detail.append(make("h2", {}, plural(calls.length, "call")));
  detail.append(table(["at", "call", "class", "outcome"],
    calls.slice(0, 500).map((call) => [call.at, call.name, call.class.replaceAll("_", " "), call.error || call.outcome])));
  if (calls.length > 500) detail.append(make("p", { class: "dim" }, `${calls.length - 500} more are in --json`));
};

document.getElementById("search").addEventListener("input", (event) => {
  const word = event.target.value.toLowerCase();
  let first = null, count = 0;
  for (const [node, element] of elements) {
    const hay = [node.id, node.kind, node.tier, node.owner, ...Object.keys(node.event_names || {})].join(" ").toLowerCase();
    const hit = hay.includes(word);
    element.classList.toggle("off", !hit);
    if (hit) { first = first || element; count += 1; }
  }
  document.getElementById("hits").textContent = word === "" ? "" : `${plural(count, "match").replace("matchs", "matches")}`;
  if (word !== "" && first) first.scrollIntoView({ block: "nearest" });
});
const fill = (id, head, lines, none) => {
  const place = document.getElementById(id);
  place.append(lines.length ? table(head, lines) : make("p", { class: "dim" }, none));
};
const present = new Set(nodes.map((node) => node.tier));
legend("tiers", "tier-", Object.entries(TIERS).filter(([tier]) => present.has(tier)));
const did = Object.keys(data.classes);
legend("classes", "class-", [...did.map((name) => [name, name.replaceAll("_", " ")])]);
if (data.calls.some((call) => call.outcome === "failure")) legend("classes", "class-plain_read failed", [["", "pale: failed"]]);
drawGraph();
drawTimeline();
fill("trust", ["role", "trusts", "since", "event"], data.external_trust.map((t) => [t.role, t.principal, t.at, t.event_id]), "none was opened");
fill("resources", ["resource", "type", "owner", "what", "last touched"],
  data.resources.map((r) => [r.arn || r.id, r.type, r.owner, Object.entries(r.classes).map(([name, count]) => `${count} ${name}`).join(", "), r.last_touched]), "none");
for (const step of data.next) document.getElementById("next").append(make("li", {}, step));
fill("gaps", ["kind", "what"], data.gaps.map((gap) => [gap.kind, gap.what]), "none known");
fill("files", ["file", "status", "records", "sha256"], data.files.filter((f) => f.status !== "pruned").slice(0, 2000).map((f) => [f.path, `${f.status} ${f.detail}`, f.records, f.sha256]), "none");
select(seed);
