// The staff desk. Everything it shows is text: nothing from a record is ever read as markup.
"use strict";

const institution = decodeURIComponent(location.pathname.split("/")[3] || "");
const at = (id) => document.getElementById(id);
const base = `/sim/${encodeURIComponent(institution)}`;

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body ? { "content-type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(value.code ? `${value.code}: ${value.message}` : `HTTP ${answer.status}`);
  return value;
}

function say(text, refused) {
  const said = at("said");
  said.textContent = text;
  said.className = refused ? "refused" : "done";
}

async function act(told, method, path, body) {
  try {
    const value = await call(method, base + path, body);
    say(value.additional_info || told, false);
    await refresh();
    return true;
  } catch (refusal) {
    say(refusal.message, true);
    return false;
  }
}

function place() {
  const [library, desk] = at("place").value.split("\n");
  return { library, desk };
}

function element(tag, text, classes) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = String(text);
  if (classes) made.className = classes;
  return made;
}

function button(text, label, action) {
  const made = element("button", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", action);
  return made;
}

// Rows are made anew only when they have changed, so that a focused button keeps its focus.
const shown = {};
function rows(id, list, cells) {
  const text = JSON.stringify(list);
  if (shown[id] === text) return;
  shown[id] = text;
  const body = at(id).tBodies[0];
  body.replaceChildren(...list.map((row) => {
    const line = element("tr");
    line.append(...cells(row).map((cell) => {
      const box = element("td");
      box.append(...[cell].flat().map((part) => (part instanceof Node ? part : document.createTextNode(part ?? ""))));
      return box;
    }));
    return line;
  }));
  if (list.length === 0) {
    const line = element("tr");
    const box = element("td", "none", "none");
    box.colSpan = at(id).tHead.rows[0].cells.length;
    line.append(box);
    body.append(line);
  }
}

const MARKS = ["missing", "lost", "claimed_returned", "lost_and_paid", "found", "technical"];

function marks(item) {
  const choice = element("select");
  choice.setAttribute("aria-label", `Mark ${item.barcode}`);
  choice.append(element("option", "…"));
  choice.append(...MARKS.map((mark) => {
    const option = element("option", mark.replaceAll("_", " "));
    option.value = mark;
    return option;
  }));
  choice.addEventListener("change", async () => {
    await act(`${item.barcode} is marked ${choice.value.replaceAll("_", " ")}.`, "POST",
      `/items/${encodeURIComponent(item.barcode)}/mark`, { mark: choice.value });
    choice.selectedIndex = 0;
  });
  return choice;
}

function pick(barcode) {
  return button(barcode, `Take ${barcode} to the desk`, () => {
    at("barcode").value = barcode;
    at("barcode").focus();
  });
}

function show(board) {
  document.title = `${board.name} – staff desk`;
  at("name").textContent = board.name;
  at("code").textContent = "";
  at("now").textContent = board.now.slice(0, 19).replace("T", " ");
  places(board.libraries);
  rows("items", board.items, (item) => [
    item.barcode ? pick(item.barcode) : "", item.title, `${item.library} ${item.location}`,
    element("span", item.process ? item.process + (item.destination ? ` → ${item.destination}` : "") : "in place",
      item.process ? "away" : "home"),
    item.queue || "", marks(item),
  ]);
  rows("requests", board.requests, (request) => [
    request.barcode ? pick(request.barcode) : request.title, request.user, request.pickup, request.status,
    request.until, request.comment,
    button("Cancel", `Cancel the request of ${request.user}`, () =>
      act("The request is cancelled.", "POST", `/requests/${request.id}/cancel`, { reason: "CannotBeFulfilled" })),
  ]);
  rows("loans", board.loans, (loan) => [
    pick(loan.barcode), loan.user, element("span", loan.due.slice(0, 10), loan.overdue ? "away" : ""), loan.status,
    [
      button("Return", `Return ${loan.barcode}`, () =>
        act(`${loan.barcode} is returned.`, "POST", "/return", { barcode: loan.barcode, ...place() })),
      button("Renew", `Renew ${loan.barcode}`, () =>
        act(`${loan.barcode} is renewed.`, "POST", "/renew", { barcode: loan.barcode })),
    ],
  ]);
  rows("users", board.users, (user) => [
    user.id, user.name, user.group, user.blocked ? element("span", `${user.status}, blocked`, "away") : user.status,
    user.loans, user.requests,
    user.blocked
      ? button("Unblock", `Unblock ${user.id}`, () =>
        act(`${user.id} is unblocked.`, "DELETE", `/users/${encodeURIComponent(user.id)}/blocks`))
      : button("Block", `Block ${user.id}`, () =>
        act(`${user.id} is blocked.`, "POST", `/users/${encodeURIComponent(user.id)}/blocks`, { code: "02-GLOBAL" })),
  ]);
  at("user-ids").replaceChildren(...board.users.map((user) => {
    const option = element("option");
    option.value = user.id;
    return option;
  }));
  rows("calls", board.calls, (row) => [
    row.at.slice(11, 23), `${row.method} ${row.path}`,
    element("span", row.status, row.status >= 400 ? "away" : "home"),
  ]);
}

function places(libraries) {
  const choice = at("place");
  if (choice.options.length) return;
  for (const library of libraries) {
    for (const desk of library.desks) {
      const option = element("option", `${library.name} – ${desk.name}`);
      option.value = `${library.code}\n${desk.code}`;
      choice.append(option);
    }
  }
  const kept = localStorage.getItem(`place ${institution}`);
  if (kept && [...choice.options].some((option) => option.value === kept)) choice.value = kept;
  choice.addEventListener("change", () => localStorage.setItem(`place ${institution}`, choice.value));
}

async function refresh() {
  const search = at("search").value;
  show(await call("GET", `${base}/board?q=${encodeURIComponent(search)}`));
}

async function start() {
  const { institutions } = await call("GET", "/sim/institutions");
  at("institutions").append(...institutions.map((code) => {
    const link = element("a", code);
    link.href = `/sim/desk/${encodeURIComponent(code)}`;
    if (code === institution) link.setAttribute("aria-current", "page");
    return link;
  }));
  if (!institution) {
    at("code").textContent = institutions.length ? "Choose an institution." : "There is no institution yet.";
    return;
  }
  at("desk").hidden = false;
  at("scan").addEventListener("submit", async (event) => {
    event.preventDefault();
    const barcode = at("barcode").value.trim();
    if (barcode && (await act(`${barcode} is scanned in.`, "POST", "/scan-in", { barcode, ...place() }))) {
      at("barcode").value = "";
    }
    at("barcode").focus();
  });
  at("lend").addEventListener("click", () => {
    const [barcode, user] = [at("barcode").value.trim(), at("user").value.trim()];
    act(`${barcode} is lent to ${user}.`, "POST", "/loan", { barcode, user, ...place() });
  });
  at("search").addEventListener("input", () => refresh().catch((error) => say(error.message, true)));
  const again = async () => {
    try {
      if (!document.hidden) await refresh();
    } catch (error) {
      say(error.message, true);
    }
    setTimeout(again, 1000);
  };
  await again();
  at("barcode").focus();
}

start().catch((error) => {
  at("code").textContent = error.message;
});
