// Fetches the part of a page marked data-refresh="url" every few seconds, and says when that fails.
// Where the answer has pieces marked data-part, only those of the page that differ are replaced.
document.addEventListener("DOMContentLoaded", () => {
  // What is replaced between a button's way down and up loses its click. (Whoever holds it for long is not waited for.)
  const HELD_MS = 10000;
  let free = Promise.resolve(), release = () => {};
  document.addEventListener("pointerdown", () => {
    free = new Promise((resolve) => { release = resolve; });
    window.setTimeout(release, HELD_MS);
  }, true);
  for (const end of ["pointerup", "pointercancel"]) {
    // The click comes after the button is up.
    document.addEventListener(end, () => window.setTimeout(release, 0), true);
  }

  // What somebody has scrolled, opened or reached by keyboard stays so.
  const put = (place, html) => {
    const scrolled = [...place.querySelectorAll(".office-scroll")].map((box) => box.scrollLeft);
    const opened = [...place.querySelectorAll("details")].map((one) => one.open);
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    place.innerHTML = html;
    place.querySelectorAll(".office-scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] || 0; });
    place.querySelectorAll("details").forEach((one, index) => { if (opened[index]) one.open = true; });
    if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  };

  const show = (part, text) => {
    const answer = new DOMParser().parseFromString(text, "text/html");
    const pieces = answer.querySelectorAll("[data-part]");
    if (!pieces.length) put(part, text);
    for (const piece of pieces) {
      const place = part.querySelector(`[data-part="${piece.dataset.part}"]`);
      if (place && place.innerHTML.trim() !== piece.innerHTML.trim()) put(place, piece.innerHTML);
    }
  };

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
          const text = await answer.text();
          await free;
          show(part, text);
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
