// The editor of a charging profile (data-profile-editor): its periods as a table, drawn while one types.
// Below it the server's answer (htmx): what the connector follows with the profile, and what is wrong with it.
(() => {
  const { LineChart, element, instant, offset } = window.csmsCharts;
  const HOUR = 3600000, DAY = 86400000;
  const rowsOf = (table) => [...table.querySelectorAll("tr")];
  const field = (row, name) => row.querySelector(`[name=${name}]`);

  // "22:00", "7:30", "36:00" -> seconds; NaN: not a time yet.
  const seconds = (text) => {
    const found = /^(\d{1,4}):([0-5]\d)(?::([0-5]\d))?$/.exec(text.trim());
    return found ? Number(found[1]) * 3600 + Number(found[2]) * 60 + Number(found[3] || 0) : NaN;
  };

  class Editor {
    constructor(form) {
      this.form = form;
      this.config = JSON.parse(document.getElementById(form.dataset.profileEditor).textContent);
      this.table = form.querySelector("[data-periods]");
      this.blank = form.querySelector("template[data-row]");
      this.own = this.chart(form.querySelector("[data-chart=profile]"));
      const result = document.querySelector("[data-chart=result]");
      this.result = result && this.chart(result);
      // Fields that somebody has come to, or that were refused when the form was sent.
      const refused = [...form.querySelectorAll("[data-fault]")].filter((one) => one.textContent.trim());
      this.touched = new Set(refused.map((one) => one.dataset.fault));
      this.listen();
      this.change();
      this.answered();
    }

    chart(card) {
      const chart = new LineChart(card, {
        zone: this.config.zone, texts: this.config.texts, fromZero: true, tight: false, fixed: null,
        onZoom: (start, end) => chart.show(chart.data, start, end),
        onReset: () => chart.show(chart.data, chart.data.start, chart.data.end),
      });
      return chart;
    }

    listen() {
      this.form.addEventListener("input", (event) => { this.touched.add(event.target.name); this.change(); });
      const template = this.form.querySelector("[data-goto]");
      if (template) template.addEventListener("change", () => { if (template.value) window.location = template.value; });
      this.form.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        if ("add" in button.dataset) this.add(null);
        else if ("remove" in button.dataset) this.remove(button.closest("tr"));
      });
      this.table.addEventListener("keydown", (event) => {
        const row = event.target.closest("tr");
        if (event.key === "Enter" && event.target.tagName !== "BUTTON") { event.preventDefault(); this.add(row); }
        else if (event.key === "Delete" && event.altKey) { event.preventDefault(); this.remove(row); }
      });
      document.body.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "profile-result") this.answered(); });
    }

    add(after) {
      const row = this.blank.content.firstElementChild.cloneNode(true);
      if (after) after.after(row); else this.table.append(row);
      this.change();
      this.tell();
      const first = [...row.querySelectorAll("input, select")].find((one) => one.offsetParent !== null);
      if (first) first.focus();
    }

    remove(row) {
      const rows = rowsOf(this.table);
      if (rows.length < 2) return;
      const near = rows[rows.indexOf(row) + 1] || rows[rows.indexOf(row) - 1];
      row.remove();
      this.change();
      this.tell();
      const limit = field(near, "limit");
      if (limit) limit.focus();
    }

    // The server's preview listens to it.
    tell() { this.form.dispatchEvent(new Event("csms:changed", { bubbles: true })); }

    get kind() { return this.form.elements.kind.value; }

    change() {
      this.form.dataset.kind = this.kind;
      this.form.dataset.purpose = this.form.elements.purpose.value;
      rowsOf(this.table).forEach((row, index, all) => {
        row.querySelector("[data-number]").textContent = index + 1;
        row.querySelector("[data-remove]").disabled = all.length < 2;
      });
      for (const place of this.form.querySelectorAll("[data-unit-shown]")) place.textContent = this.form.elements.unit.value;
      this.draw();
    }

    // [{at: milliseconds, limit}] in order, and the window [from, to] that shows them.
    drawn() {
      const { zone } = this.config;
      const now = Date.now();
      const local = now + offset(now, zone);
      const midnight = Math.floor(local / DAY) * DAY;
      const rows = rowsOf(this.table).map((row) => ({
        at: seconds(field(row, "at").value) * 1000, day: Number(field(row, "day").value),
        when: Date.parse(`${field(row, "when").value}Z`), limit: parseFloat(field(row, "limit").value.replace(",", ".")),
      })).filter((row) => !Number.isNaN(row.limit));
      const ends = seconds(this.form.elements.duration.value) * 1000;
      const again = (start, length, timeOf) => {
        const found = rows.map((row) => ({ at: timeOf(row), limit: row.limit })).filter((row) => row.at >= 0 && row.at < length);
        if (!found.length) return null;
        const first = found[0].at;
        found.sort((one, other) => one.at - other.at);
        const points = [{ at: 0, limit: found[found.length - 1].limit }, ...found, { at: length, limit: found[found.length - 1].limit }];
        const over = Number.isNaN(ends) ? [] : this.silence(first, ends, length);
        return { points: points.map((one) => ({ at: instant(start + one.at, zone), limit: one.limit })),
          over: over.map((pair) => pair.map((at) => instant(start + at, zone))), from: instant(start, zone), to: instant(start + length, zone) };
      };
      if (this.kind === "daily") return again(midnight, DAY, (row) => row.at);
      if (this.kind === "weekly") {
        const monday = midnight - ((new Date(midnight).getUTCDay() + 6) % 7) * DAY;
        return again(monday, 7 * DAY, (row) => row.day * DAY + row.at);
      }
      const begin = this.kind === "relative" ? now : NaN;
      const found = rows.map((row) => ({ at: this.kind === "relative" ? begin + row.at : instant(row.when, zone), limit: row.limit }))
        .filter((row) => !Number.isNaN(row.at)).sort((one, other) => one.at - other.at);
      if (!found.length) return null;
      const first = found[0].at, last = found[found.length - 1];
      const to = Number.isNaN(ends) ? Math.max(last.at + Math.max((last.at - first) / 4, HOUR), first + 4 * HOUR) : first + ends;
      return { points: [...found.filter((one) => one.at <= to), { at: to, limit: found.filter((one) => one.at <= to).pop().limit }], over: [], from: first, to };
    }

    // Where a schedule that ends says nothing, within [0, length]: from its end to its next start.
    silence(first, ends, length) {
      if (ends >= length) return [];
      const from = (first + ends) % length;
      return from <= first ? [[from, first]] : [[0, first], [from, length]];
    }

    draw() {
      const scale = this.form.elements.unit.value === "W" ? 1000 : 1;
      const unit = scale === 1 ? "A" : "kW";
      const found = this.drawn();
      const points = [];
      if (found) {
        found.points.forEach((one, index) => {
          if (index) points.push([one.at, found.points[index - 1].limit / scale]);
          points.push([one.at, one.limit / scale]);
        });
        for (const [from, to] of found.over) this.cut(points, from, to);
      }
      const lines = points.some((point) => point) ? [{ label: this.config.names.profile, axis: "left", unit, step: true, points }] : [];
      const [from, to] = found ? [found.from, found.to] : [Date.now(), Date.now() + DAY];
      this.own.show({ unit, right: "", lines, start: from, end: to }, from, to);
    }

    // Takes [from, to) out of stepped points: the values at its ends stay, a gap lies between.
    cut(points, from, to) {
      const value = (at) => { let found = null; for (const point of points) if (point && point[0] <= at) found = point[1]; return found; };
      const before = value(from), after = value(to);
      const kept = points.filter((point) => point === null || point[0] <= from || point[0] >= to);
      const at = kept.findIndex((point) => point !== null && point[0] >= to);
      const gap = [...(before === null ? [] : [[from, before]]), null, ...(after === null ? [] : [[to, after]])];
      if (at < 0) kept.push(...gap); else kept.splice(at, 0, ...gap);
      points.splice(0, points.length, ...kept);
    }

    // The server's answer: lines to be drawn, faults at their fields.
    answered() {
      const place = document.getElementById("profile-answer");
      if (!place) return;
      const { picture, faults } = JSON.parse(place.textContent);
      if (this.result && picture) this.result.show(picture, picture.start, picture.end);
      for (const one of this.form.querySelectorAll("[data-fault]")) one.replaceChildren();
      for (const one of this.form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
      for (const { name, row, texts } of faults) {
        const within = row === null ? this.form : rowsOf(this.table)[row];
        // A field that nobody has come to yet is not wrong, only empty.
        if (row === null && !this.touched.has(name) && field(this.form, name)?.value === "") continue;
        const at = within && within.querySelector(`[data-fault="${name}"]`);
        if (at) at.replaceChildren(...texts.map((text) => element("li", { textContent: text })));
        const input = within && field(within, name);
        if (input) input.setAttribute("aria-invalid", "true");
      }
    }
  }

  for (const form of document.querySelectorAll("[data-profile-editor]")) new Editor(form);
})();
