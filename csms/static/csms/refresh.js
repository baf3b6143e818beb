// Fetches the part of a page marked data-refresh="url" every few seconds, and says when that fails.
document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const mark = document.querySelector("[data-refresh-mark]");
    const seconds = Number(part.dataset.refreshSeconds || 5);
    const refresh = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetch(part.dataset.refresh, { headers: { "X-Requested-With": "fetch" } });
          if (answer.redirected) { window.location.reload(); return; }
          if (!answer.ok) throw new Error(answer.statusText);
          part.innerHTML = await answer.text();
          if (mark) mark.textContent = mark.dataset.live;
        } catch {
          if (mark) mark.textContent = mark.dataset.lost;
        }
      }
      window.setTimeout(refresh, seconds * 1000);
    };
    window.setTimeout(refresh, seconds * 1000);
  }
  for (const page of document.querySelectorAll("[data-reload-seconds]")) {
    window.setTimeout(() => window.location.reload(), Number(page.dataset.reloadSeconds) * 1000);
  }
});
