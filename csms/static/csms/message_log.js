// The OCPP log follows the station: new rows appear on top, and calls that were waiting get their answers.
"use strict";
(() => {
  const list = document.querySelector("[data-tail]");
  if (!list) return;
  const button = document.querySelector("[data-follow]"), mark = document.querySelector("[data-follow-mark]");
  const none = document.querySelector("[data-none]");
  const EVERY_MS = 2500, MOST = 400;
  let timer = 0, follows = true;

  const say = (text) => { if (mark.textContent !== text) mark.textContent = text; };

  // Rows come newest first, their keys sort as text; what is open stays open, what has the focus keeps it.
  const merge = (html) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const known = new Map([...list.querySelectorAll(".log-row")].map((row) => [row.dataset.key, row]));
    const rows = [...fresh.content.querySelectorAll(".log-row")];
    // More than a page came since: rows between would be missing, so what is older goes.
    if (known.size && rows.length && !rows.some((row) => known.has(row.dataset.key))) list.replaceChildren();
    for (const row of rows.reverse()) {
      const before = known.get(row.dataset.key);
      if (before) {
        if ("settled" in before.dataset || !("settled" in row.dataset)) continue;
        const focused = before.contains(document.activeElement);
        row.open = before.open;
        before.replaceWith(row);
        if (focused) row.querySelector("summary").focus();
      } else {
        const next = [...list.querySelectorAll(".log-row")].find((one) => one.dataset.key < row.dataset.key);
        list.insertBefore(row, next || null);
        row.classList.add("log-new");
      }
    }
    for (const row of [...list.querySelectorAll(".log-row")].slice(MOST)) if (!row.open) row.remove();
    none.hidden = Boolean(list.querySelector(".log-row"));
  };

  const look = async () => {
    window.clearTimeout(timer);
    if (!follows) return;
    if (!document.hidden) {
      const address = new URL(list.dataset.tail, window.location.href);
      const newest = list.querySelector(".log-row");
      if (newest) address.searchParams.set("since", newest.dataset.key);
      try {
        const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
        if (answer.redirected) { window.location.reload(); return; }
        if (!answer.ok) throw new Error(answer.statusText);
        const html = await answer.text();
        if (!follows) return;
        merge(html);
        say(mark.dataset.live);
      } catch {
        say(mark.dataset.lost);
      }
    }
    timer = window.setTimeout(look, EVERY_MS);
  };

  button.addEventListener("click", () => {
    follows = !follows;
    button.setAttribute("aria-pressed", String(follows));
    say(follows ? mark.dataset.live : mark.dataset.still);
    look();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  timer = window.setTimeout(look, EVERY_MS);
})();
