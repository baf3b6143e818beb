// On the pages of a charge point: the row of tabs shows the active one, and JSON is copied with a button.
"use strict";
(() => {
  for (const row of document.querySelectorAll("[data-tabs]")) {
    const active = row.querySelector("[aria-current]");
    // Within the row only: the page itself must not move.
    if (active) row.scrollLeft = active.offsetLeft - (row.clientWidth - active.offsetWidth) / 2;
  }

  const copied = (button) => {
    const text = button.textContent;
    button.textContent = button.dataset.copied;
    window.setTimeout(() => { button.textContent = text; }, 1500);
  };

  // Where there is no clipboard (a page that isn't served over TLS) the text is selected, to be copied by hand.
  const select = (box) => {
    const range = document.createRange(), selection = window.getSelection();
    range.selectNodeContents(box);
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const box = button.closest(".json-box").querySelector("pre");
    try {
      await navigator.clipboard.writeText(box.textContent);
      copied(button);
    } catch {
      if (select(box)) copied(button);
    }
  });
})();
