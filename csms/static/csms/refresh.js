// Fetches the part of a page marked data-refresh="url" every few seconds, and says when that fails.
document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll("[data-refresh]:not([data-refreshing])")) {
    // The script may stand on a page twice.
    part.dataset.refreshing = "";
    const mark = document.querySelector("[data-refresh-mark]");
    const seconds = Number(part.dataset.refreshSeconds || 5);
    const refresh = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetch(part.dataset.refresh, { headers: { "X-Requested-With": "fetch" } });
          if (answer.redirected) { window.location.reload(); return; }
          if (!answer.ok) throw new Error(answer.statusText);
          const places = [...part.querySelectorAll(".office-scroll")].map((box) => box.scrollLeft);
          part.innerHTML = await answer.text();
          part.querySelectorAll(".office-scroll").forEach((box, index) => { box.scrollLeft = places[index] || 0; });
          if (mark) mark.textContent = mark.dataset.live;
        } catch {
          if (mark) mark.textContent = mark.dataset.lost;
        }
      }
      window.setTimeout(refresh, seconds * 1000);
    };
    // data-refresh-now: the part is not in the page yet.
    window.setTimeout(refresh, "refreshNow" in part.dataset ? 0 : seconds * 1000);
  }
  for (const page of document.querySelectorAll("[data-reload-seconds]")) {
    window.setTimeout(() => window.location.reload(), Number(page.dataset.reloadSeconds) * 1000);
  }
});
