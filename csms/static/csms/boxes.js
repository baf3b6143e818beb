// The boxes that take the place of selects (Django's autocomplete) have no names of their own: they get those of the labels.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const selects = document.querySelectorAll("select.admin-autocomplete");
  const nameBoxes = () => {
    for (const select of selects) {
      const label = document.querySelector(`label[for="${select.id}"]`);
      for (const box of select.nextElementSibling?.querySelectorAll("[role=combobox], [role=textbox]") || []) {
        if (label) box.setAttribute("aria-label", label.textContent.trim());
      }
    }
  };
  // They are made some time after the page.
  if (selects.length) new MutationObserver(nameBoxes).observe(document.body, { childList: true, subtree: true });
});
