// What a script adds to the desk: keys, menus that close, and live changes that wait while somebody types.
(() => {
  "use strict";
  const inField = (target) => target.closest("input, textarea, select, [contenteditable]");

  // Menus close on Escape and on a click outside.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  const rows = () => [...document.querySelectorAll("table.rows tbody tr")];
  const move = (step) => {
    const all = rows();
    const now = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(Math.max(now + step, 0), all.length - 1)];
    next?.querySelector("th a")?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("find")?.focus();
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  // A part that somebody uses isn't swapped: an open menu, a chosen row, a field with the focus.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    const inUse = part.querySelector("details[open], input:checked") || (inField(document.activeElement ?? part) && part.contains(document.activeElement));
    if (!inUse) return;
    event.detail.shouldSwap = false;
    const live = part.querySelector(".live");
    if (!live || live.querySelector("a")) return;
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = document.body.dataset.changed;
    live.replaceChildren(link);
  });
})();
