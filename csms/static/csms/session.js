// A session's page: parts marked data-live are fetched anew while it runs; the question before a stop.
(() => {
  const page = document.querySelector("[data-session]");
  if (!page) return;
  const mark = page.querySelector("[data-mark]"), announce = page.querySelector("[data-announce]");
  const FOCUSABLE = "a, button, summary";
  const texts = new WeakMap();

  const say = (state) => {
    if (mark && mark.textContent !== mark.dataset[state]) mark.textContent = mark.dataset[state];
  };
  const stateOf = (part) => part.querySelector("[data-state]")?.dataset.state;
  const saidIn = (part) => part.querySelector("[data-said]")?.textContent ?? "";

  // What was open, scrolled or focused stays so.
  const replace = (part, html) => {
    const open = [...part.querySelectorAll("details")].map((one) => one.open);
    const boxes = () => [part.firstElementChild, ...part.querySelectorAll(".office-scroll")];
    const scrolled = boxes().map((box) => [box.scrollLeft, box.scrollTop]);
    const focused = [...part.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((one, index) => { one.open = open[index] || false; });
    boxes().forEach((box, index) => { [box.scrollLeft, box.scrollTop] = scrolled[index] || [0, 0]; });
    if (focused >= 0) part.querySelectorAll(FOCUSABLE)[focused]?.focus();
  };

  const refresh = async (part) => {
    const state = stateOf(part), said = saidIn(part);
    const answer = await fetch(part.dataset.live, { headers: { "X-Requested-With": "fetch" } });
    if (answer.redirected) { window.location.reload(); return; }
    if (!answer.ok) throw new Error(answer.statusText);
    const html = await answer.text();
    if (texts.get(part) !== html) { texts.set(part, html); replace(part, html); }
    if (saidIn(part) !== said) announce.textContent = saidIn(part);
    // It has ended: everything else on the page is another now.
    if (stateOf(part) !== state) window.location.reload();
  };

  const follow = (part) => {
    const turn = async () => {
      if (!document.hidden) {
        try { await refresh(part); say("on"); } catch { say("lost"); }
      }
      later();
    };
    // Somebody waits for an answer: ask again at once.
    const later = () => window.setTimeout(turn, (part.querySelector("[data-soon]") ? 1 : Number(part.dataset.liveSeconds)) * 1000);
    later();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(part).catch(() => say("lost")); });
  };

  for (const part of page.querySelectorAll("[data-live]")) follow(part);
  for (const link of page.querySelectorAll("[data-asks]")) {
    const dialog = document.getElementById(link.dataset.asks);
    if (!dialog.showModal) continue;
    link.addEventListener("click", (event) => { event.preventDefault(); dialog.showModal(); });
    dialog.querySelector("[data-closes]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
})();
