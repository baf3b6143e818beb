// The rates of a tariff (data-tariff-sheet): rows added, copied, moved, removed. Prices are worked out by the server:
// its answer (htmx) fills the example, and says what is wrong in which row and field.
(() => {
  const sheetOf = () => document.querySelector("[data-tariff-sheet]");
  const rowsIn = (sheet) => [...sheet.querySelectorAll("[data-rows] > [data-rate]")];
  const fieldsOf = (row) => [...row.querySelectorAll("[data-slot]")];

  class Editor {
    constructor(form) {
      this.form = form;
      this.faults = [];
      this.touched = new Set();
      // What was refused when it was sent stays marked; on a new page nothing is wrong yet.
      this.strict = !!form.querySelector("[data-fault] li, .errorlist li");
      form.addEventListener("input", (event) => { this.touched.add(event.target.name); if (event.target.name === "currency") this.number(); });
      form.addEventListener("click", (event) => this.clicked(event));
      form.addEventListener("keydown", (event) => this.pressed(event));
      form.addEventListener("focusout", () => setTimeout(() => this.mark()));
      document.body.addEventListener("htmx:afterSettle", (event) => this.settled(event));
      this.number();
    }

    clicked(event) {
      const button = event.target.closest("button");
      if (!button) return;
      if ("add" in button.dataset) this.add();
      else if ("do" in button.dataset) this[button.dataset.do](button.closest("[data-rate]"));
    }

    pressed(event) {
      const row = event.target.closest("[data-rate]");
      const todo = { ArrowUp: "up", ArrowDown: "down", Delete: "remove" }[event.key];
      if (!row || !todo || !event.altKey) return;
      event.preventDefault();
      this[todo](row, event.target);
    }

    settled(event) {
      if (event.target.id === "tariff-draft") this.answered();
      else if (event.target.id === "tariff-sheet" || event.target.querySelector?.("#tariff-sheet")) {
        this.strict = true;
        this.number();
        this.tell();
        sheetOf().querySelector("[data-switch]").focus();
      }
    }

    // Rows.

    add() { this.put(this.fresh(), null); }

    copy(row) {
      const made = this.fresh();
      const values = new Map(fieldsOf(row).map((field) => [`${field.dataset.slot} ${field.type === "checkbox" ? field.value : ""}`, field]));
      for (const field of fieldsOf(made)) {
        const from = values.get(`${field.dataset.slot} ${field.type === "checkbox" ? field.value : ""}`);
        if (field.type === "checkbox") field.checked = from.checked; else field.value = from.value;
      }
      made.querySelector("details").open = row.querySelector("details").open;
      this.put(made, row);
    }

    fresh() {
      const sheet = sheetOf();
      const keys = rowsIn(sheet).map((row) => Number(row.dataset.rate)).filter((key) => !Number.isNaN(key));
      this.key = Math.max(this.key ?? -1, -1, ...keys) + 1;
      const place = document.createElement("template");
      place.innerHTML = sheet.querySelector("template[data-blank]").innerHTML.replaceAll("__row__", String(this.key));
      return place.content.firstElementChild;
    }

    put(row, after) {
      const sheet = sheetOf();
      if (rowsIn(sheet).length >= Number(sheet.dataset.most)) return;
      if (after) after.after(row); else sheet.querySelector("[data-rows]").append(row);
      this.changed("added");
      fieldsOf(row)[0].focus();
    }

    remove(row) {
      const rows = rowsIn(sheetOf());
      if (rows.length < 2) return;
      const near = rows[rows.indexOf(row) + 1] || rows[rows.indexOf(row) - 1];
      row.remove();
      this.changed("removed");
      fieldsOf(near)[0].focus();
    }

    up(row, focused) { this.move(row, focused, row.previousElementSibling, (other) => other.before(row)); }

    down(row, focused) { this.move(row, focused, row.nextElementSibling, (other) => other.after(row)); }

    move(row, focused, other, put) {
      if (!other) return;
      const at = focused || document.activeElement;
      put(other);
      this.changed("moved");
      // The button that was used may have nothing left to do.
      (at.disabled ? fieldsOf(row)[0] : at).focus();
      row.scrollIntoView({ block: "nearest" });
      const status = sheetOf().querySelector("[data-status]");
      status.textContent = `${status.dataset.moved} ${rowsIn(sheetOf()).indexOf(row) + 1}`;
    }

    changed(what) {
      this.number();
      const status = sheetOf().querySelector("[data-status]");
      status.textContent = status.dataset[what];
      this.tell();
    }

    // The server's example listens to it.
    tell() { this.form.dispatchEvent(new Event("csms:changed", { bubbles: true })); }

    number() {
      const sheet = sheetOf();
      const rows = rowsIn(sheet);
      rows.forEach((row, index) => {
        row.querySelector("[data-number]").textContent = index + 1;
        row.querySelector("[data-do=up]").disabled = index === 0;
        row.querySelector("[data-do=down]").disabled = index === rows.length - 1;
        row.querySelector("[data-do=remove]").disabled = rows.length < 2;
      });
      const most = rows.length >= Number(sheet.dataset.most);
      for (const button of sheet.querySelectorAll("[data-add], [data-do=copy]")) button.disabled = most;
      const currency = this.form.elements.currency?.value.toUpperCase() || "";
      for (const place of sheet.querySelectorAll("[data-currency]")) place.textContent = currency;
    }

    // The server's answer.

    answered() {
      const place = document.getElementById("tariff-answer");
      if (!place) return;
      const { faults, total } = JSON.parse(place.textContent);
      this.faults = faults;
      const said = this.form.querySelector("[data-total]");
      if (said.textContent !== total) said.textContent = total;
      this.mark();
    }

    mark() {
      if (!document.getElementById("tariff-answer")) return;
      for (const one of this.form.querySelectorAll("[data-fault]")) one.replaceChildren();
      for (const one of this.form.querySelectorAll("[data-tariff-sheet] [aria-invalid], [data-tariff-example] [aria-invalid]")) one.removeAttribute("aria-invalid");
      for (const { row, slot, texts } of this.faults) {
        const place = this.form.querySelector(`[data-fault="${slot}"][data-row="${row}"]`);
        if (!place) continue;
        const field = this.form.elements[row ? `elements-${row}-${slot}` : slot];
        if (!this.strict && this.early(row, slot, field)) continue;
        place.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
        const folded = place.closest("details");
        if (folded) folded.open = true;
        if (field instanceof HTMLInputElement) field.setAttribute("aria-invalid", "true");
      }
    }

    // A field that nobody has come to yet is not wrong, only empty; nor is a row that somebody is filling in.
    early(row, slot, field) {
      if (field instanceof HTMLInputElement) return field.value === "" && !this.touched.has(field.name);
      const busy = row !== "" && document.activeElement?.closest("[data-rate]")?.dataset.rate === row;
      return busy || (row === "" && !this.touched.size);
    }
  }

  const sheet = sheetOf();
  if (sheet) new Editor(sheet.closest("form"));
})();
