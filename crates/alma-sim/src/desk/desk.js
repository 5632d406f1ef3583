// The staff desk. Text of records reaches the page as text only, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const institution = decodeURIComponent((location.pathname.match(/^\/sim\/desk\/([^/]+)/) || [])[1] || "");
const house = "/sim/" + encodeURIComponent(institution);
const seen = { offset: 0, total: 0, limit: 50, text: "" };

function element(name, fields, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(fields || {})) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

async function ask(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body) Object.assign(options, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw { code: "", message: "The simulator does not answer." };
  }
  const found = await answer.json();
  if (!answer.ok) throw found;
  return found;
}

// What happened -------------------------------------------------------------------------------------------------------

function tell(how, ...parts) {
  $("told").dataset.how = how;
  $("told").replaceChildren(...parts);
}

async function act(method, path, body, describe) {
  try {
    tell("done", ...[describe(await ask(method, house + path, body))].flat());
  } catch (refusal) {
    tell("refused", element("strong", {}, refusal.code ? refusal.code + ": " : ""), refusal.message || String(refusal));
  }
  $("barcode").focus();
  $("barcode").select();
  await refresh();
}

function place() {
  const [kind, code] = $("place").value.split(/:(.*)/s);
  const where = { library: $("library").value };
  return kind === "department" ? { ...where, department: code, done: $("done").checked } : { ...where, desk: code };
}

const bold = (text) => element("strong", {}, text);

function scan(barcode) {
  const where = $("library").selectedOptions[0].textContent;
  act("POST", "/scan-in", { barcode, ...place() }, (scanned) => [
    bold(barcode), ` scanned in at ${where}. `, scanned.additional_info, " ",
    bold(scanned.process_type || "Item in place"),
  ]);
}

function lend() {
  const [barcode, user] = [$("barcode").value.trim(), $("user").value.trim()];
  const body = { barcode, user, ...place(), override: $("override").checked };
  if (body.department) {
    tell("refused", "A department does not lend. Choose a desk.");
    return;
  }
  act("POST", "/loan", body, () => [bold(barcode), " lent to ", bold(user), "."]);
}

function hold() {
  const [barcode, user] = [$("barcode").value.trim(), $("user").value.trim()];
  const body = { barcode, user, pickup_library: $("library").value };
  act("POST", "/hold", body, (placed) => [bold(barcode), " held for ", bold(user), ": request ", placed.request_id, "."]);
}

function mark() {
  const barcode = $("barcode").value.trim();
  const how = $("mark").selectedOptions[0].textContent;
  act("POST", `/items/${encodeURIComponent(barcode)}/mark`, { mark: $("mark").value }, () =>
    [bold(barcode), ` marked: ${how}.`]);
}

const cancel = (row) => act("POST", `/requests/${row.id}/cancel`, { reason: $("reason").value }, () =>
  ["Request ", bold(row.id), " cancelled."]);
const expire = (row) => act("POST", `/requests/${row.id}/expire`, {}, () =>
  ["The shelf time of request ", bold(row.id), " ended yesterday."]);
const renew = (row) => act("POST", "/renew", { barcode: row.barcode }, () => ["Loan of ", bold(row.barcode), " renewed."]);
const block = (row) => act("POST", `/users/${encodeURIComponent(row.id)}/blocks`, { code: $("block").value }, () =>
  ["User ", bold(row.id), ` blocked: ${$("block").selectedOptions[0].textContent}.`]);
const unblock = (row) => act("DELETE", `/users/${encodeURIComponent(row.id)}/blocks`, {}, () =>
  ["Blocks of user ", bold(row.id), " taken away."]);

// Lists ---------------------------------------------------------------------------------------------------------------

const moment = (text) => (text ? text.slice(0, 16).replace("T", " ") : "");
const small = (text) => (text ? element("small", {}, text) : "");
const doing = (text, name, row, what) =>
  element("button", { type: "button", "data-key": `${name}:${row.id}`, "aria-label": `${text} ${row.id}`, onclick: () => what(row) }, text);
const code = (text) => element("span", { class: "code" }, text);
const pick = (field, text) => text && element("button", {
  type: "button", class: "code", "data-key": `pick:${text}`, title: "Take over into the form",
  onclick: () => { $(field).value = text; $(field).focus(); },
}, text);

const lists = {
  items: {
    name: "Items",
    columns: ["Barcode", "Title", "Place", "State", "Waiting"],
    cells: (row) => [
      [pick("barcode", row.barcode)], [row.title], [row.library, small(row.location)],
      [row.state, small(row.transit_to && `to ${row.transit_to}`),
        small(row.lent_to && `${row.lent_to}, due ${moment(row.due)}`)],
      [row.waiting ? String(row.waiting) : ""],
    ],
  },
  requests: {
    name: "Requests",
    columns: ["Request", "User", "Title", "Item", "Pickup", "Status", "Do"],
    cells: (row) => [
      [code(row.id), small(row.kind), small(moment(row.placed))], [pick("user", row.user)], [row.title],
      [pick("barcode", row.barcode)], [row.pickup],
      [row.status, small(`place ${row.place_in_queue} in the queue`), small(row.expiry && `until ${row.expiry.replace("Z", "")}`)],
      [element("div", { class: "acts" }, doing("Cancel", "cancel", row, cancel),
        row.status === "ON_HOLD_SHELF" ? doing("Expire", "expire", row, expire) : "")],
    ],
  },
  loans: {
    name: "Loans",
    columns: ["Item", "Title", "User", "Due", "Status", "Do"],
    cells: (row) => [
      [pick("barcode", row.barcode)], [row.title], [pick("user", row.user)],
      [element("span", { class: row.overdue ? "wrong" : null }, moment(row.due)), small(row.overdue && "overdue")],
      [row.process_status],
      [element("div", { class: "acts" }, doing("Return", "return", { ...row, id: row.barcode }, () => scan(row.barcode)),
        doing("Renew", "renew", { ...row, id: row.barcode }, renew))],
    ],
  },
  users: {
    name: "Users",
    columns: ["User", "Name", "Group", "Status", "Blocks", "Loans", "Requests", "Do"],
    cells: (row) => [
      [pick("user", row.id)], [row.name], [row.group || ""],
      [element("span", { class: row.status === "INACTIVE" ? "wrong" : null }, row.status || "")],
      row.blocks.map((each) => element("div", { class: "wrong" }, `${each.value} ${each.desc || ""}`)),
      [row.loans ? String(row.loans) : ""], [row.requests ? String(row.requests) : ""],
      [element("div", { class: "acts" }, doing("Block", "block", row, block),
        row.blocks.length ? doing("Unblock", "unblock", row, unblock) : "")],
    ],
  },
  calls: {
    name: "Calls of the API",
    columns: ["Number", "Time", "Call", "Answer"],
    cells: (row) => [
      [String(row.number)], [row.at.replace("T", " ").replace("Z", "")], [element("span", { class: "code long" }, `${row.method} ${row.path}`)],
      [element("span", { class: row.status && row.status < 400 ? null : "wrong" },
        row.status ? String(row.status) : "no answer", row.code ? ` ${row.code}` : "")],
    ],
  },
};

const which = () => (location.hash.slice(1) in lists ? location.hash.slice(1) : "items");

function show(answer) {
  $("now").textContent = answer.now.slice(0, 19).replace("T", " ");
  Object.assign(seen, { total: answer.total, limit: answer.limit });
  const last = Math.min(seen.offset + answer.rows.length, answer.total);
  $("range").textContent = answer.total ? `${seen.offset + 1}–${last} of ${answer.total}` : "";
  $("back").disabled = seen.offset === 0;
  $("next").disabled = last >= answer.total;
  $("none").hidden = answer.rows.length > 0;
  const text = which() + JSON.stringify(answer.rows);
  if (text === seen.text) return;
  seen.text = text;
  const { columns, cells } = lists[which()];
  const key = document.activeElement && document.activeElement.dataset.key;
  $("head").replaceChildren(element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name))));
  $("rows").replaceChildren(...answer.rows.map((row) =>
    element("tr", {}, ...cells(row).map((cell, at) => element("td", { "data-label": columns[at] }, ...cell.some(Boolean) ? [element("div", {}, ...cell)] : [])))));
  if (key) {
    const again = [...$("rows").querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
    if (again) again.focus();
  }
}

let asking = 0;

async function refresh() {
  const mine = ++asking;
  const query = new URLSearchParams({ offset: seen.offset, limit: 50, search: $("search").value, moving: $("moving").checked });
  try {
    const answer = await ask("GET", `${house}/desk/${which()}?${query}`);
    if (mine === asking) show(answer);
    document.body.dataset.live = "yes";
  } catch (refusal) {
    document.body.dataset.live = "no";
    tell("refused", refusal.message || String(refusal));
  }
}

function turn(by) {
  seen.offset = Math.max(0, seen.offset + by * seen.limit);
  return refresh();
}

function choose() {
  const name = which();
  seen.offset = 0;
  $("search").value = "";
  $("list-name").textContent = lists[name].name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === "#" + name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const tool of document.querySelectorAll("[data-for]")) tool.hidden = tool.dataset.for !== name;
  return refresh();
}

// Where one stands ----------------------------------------------------------------------------------------------------

const kept = "desk:" + institution;

function options(select, rows) {
  select.replaceChildren(...rows.map(([value, name]) => element("option", { value }, name)));
}

function places(libraries, chosen) {
  const library = libraries.find((each) => each.code === $("library").value) || { desks: [], departments: [] };
  options($("place"), [
    ...library.desks.map((desk) => ["desk:" + desk.code, desk.name]),
    ...library.departments.map((each) => ["department:" + each.code, each.name + " (department)"]),
  ]);
  if (chosen && [...$("place").options].some((each) => each.value === chosen)) $("place").value = chosen;
  keep();
}

function keep() {
  $("done-line").hidden = !$("place").value.startsWith("department:");
  localStorage.setItem(kept, JSON.stringify({ library: $("library").value, place: $("place").value }));
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(kept)) || {};
  } catch {
    return {};
  }
}

async function desk() {
  const about = await ask("GET", house + "/desk/house");
  document.title = `${about.code} – staff desk`;
  $("house").textContent = about.name.includes(about.code) ? about.name : `${about.name} (${about.code})`;
  const before = remembered();
  options($("library"), about.libraries.map((each) => [each.code, each.name]));
  if (about.libraries.some((each) => each.code === before.library)) $("library").value = before.library;
  places(about.libraries, before.place);
  options($("reason"), about.cancellation_reasons.map((row) => [row.code, row.name]));
  options($("block"), about.block_codes.map((row) => [row.code, `${row.name} (${row.code})`]));
  $("library").addEventListener("change", () => places(about.libraries));
  $("place").addEventListener("change", keep);
  $("act").addEventListener("submit", (event) => {
    event.preventDefault();
    const barcode = $("barcode").value.trim();
    if (barcode) scan(barcode);
  });
  $("user").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    lend();
  });
  $("lend").addEventListener("click", lend);
  $("hold").addEventListener("click", hold);
  $("do-mark").addEventListener("click", mark);
  $("search").addEventListener("input", () => { seen.offset = 0; refresh(); });
  $("moving").addEventListener("change", () => { seen.offset = 0; refresh(); });
  $("back").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  window.addEventListener("hashchange", choose);
  $("desk").hidden = false;
  await choose();
  $("barcode").focus();
  // Large houses are looked at less often: each look walks through all items.
  watch(about.counts.items > 20000 ? 10000 : 1000);
}

function watch(every) {
  setTimeout(async () => {
    if (!document.hidden) await refresh();
    watch(every);
  }, every);
}

// The list of institutions --------------------------------------------------------------------------------------------

async function index() {
  const { institutions } = await ask("GET", "/sim/institutions");
  $("house").textContent = "Staff desks";
  const all = await Promise.all(institutions.map((each) => ask("GET", `/sim/${encodeURIComponent(each)}/desk/house`)));
  $("institutions").replaceChildren(...all.map((about) => element("tr", {},
    element("td", { "data-label": "Staff desk" }, element("a", { href: "/sim/desk/" + encodeURIComponent(about.code) }, about.code)),
    element("td", { "data-label": "Name" }, about.name),
    ...["Items", "Requests", "Users"].map((each) =>
      element("td", { "data-label": each }, String(about.counts[each.toLowerCase()]))))));
  $("now").textContent = (await ask("GET", "/sim/clock")).now.slice(0, 19).replace("T", " ");
  $("index").hidden = false;
}

for (const button of document.querySelectorAll("[data-advance]")) {
  button.addEventListener("click", async () => {
    const { now } = await ask("POST", "/sim/clock", { advance_seconds: Number(button.dataset.advance) });
    $("now").textContent = now.slice(0, 19).replace("T", " ");
    if (institution) await refresh();
  });
}

(institution ? desk() : index()).catch((refusal) => {
  $("house").textContent = refusal.message || String(refusal);
});
