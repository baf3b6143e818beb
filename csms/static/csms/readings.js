// The charts of a page (data-charts) share one time range: presets, dragging, moving; fetched anew while it is "up to now".
(() => {
  const { LineChart, moment, fill } = window.csmsCharts;
  const FROM_ZERO = new Set(["power", "current", "curve", "load-L1", "load-L2", "load-L3"]);
  const SHORTEST = 10000, LONGEST = 400 * 86400000;
  const FASTEST_S = 10, SLOWEST_S = 60;

  class Page {
    constructor(root) {
      this.root = root;
      this.config = JSON.parse(document.getElementById(root.dataset.charts).textContent);
      this.texts = this.config.texts;
      // What the address says: hours up to now, or a range; else the default (the whole session has neither).
      this.home = this.config.hours ? { hours: Number(this.config.hours) } : {};
      this.range = this.config.start ? { start: Date.parse(this.config.start), end: Date.parse(this.config.end) } : this.home;
      if (this.config.start) this.home = { hours: 24 };
      this.other = "";
      this.charts = new Map([...root.querySelectorAll("[data-chart]")].map((card) => [card.dataset.chart, this.chart(card)]));
      this.listen();
      this.load();
    }

    chart(card) {
      return new LineChart(card, {
        zone: this.config.zone, texts: this.texts, fromZero: FROM_ZERO.has(card.dataset.chart),
        // Registers and what begins at zero end where their values do.
        tight: FROM_ZERO.has(card.dataset.chart) || card.dataset.chart === "energy",
        fixed: card.dataset.chart === "soc" ? [0, 100] : null,
        onZoom: (start, end) => this.go({ start, end }), onReset: () => this.go(this.home),
      });
    }

    listen() {
      this.root.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        if (button.dataset.hours) this.go({ hours: Number(button.dataset.hours) });
        else if ("whole" in button.dataset) this.go({});
        else if (button.dataset.zoom) this.move(button.dataset.zoom);
      });
      const select = this.root.querySelector("[data-other]");
      if (select) {
        select.addEventListener("change", () => {
          this.other = select.value;
          select.closest("[data-chart]").toggleAttribute("data-idle", !this.other);
          this.load();
        });
      }
      document.addEventListener("visibilitychange", () => { if (!document.hidden) this.schedule(0); });
    }

    move(way) {
      if (!this.shown) return;
      const { start, end } = this.shown;
      const length = end - start, middle = (start + end) / 2;
      const around = (wide) => this.go({ start: middle - wide / 2, end: middle + wide / 2 });
      if (way === "reset") this.go(this.home);
      else if (way === "in") around(length / 2);
      else if (way === "out") around(length * 2);
      else {
        const by = (way === "earlier" ? -1 : 1) * length / 2;
        this.go({ start: start + by, end: end + by });
      }
    }

    go(range) {
      this.range = range.start === undefined ? range : this.bounded(range);
      this.load();
    }

    bounded({ start, end }) {
      const length = Math.min(Math.max(end - start, SHORTEST), LONGEST);
      const middle = (start + end) / 2;
      return { start: Math.round(middle - length / 2), end: Math.round(middle + length / 2) };
    }

    // The whole session follows while it runs; an earlier range stands still.
    get follows() {
      return this.range.hours !== undefined || (this.range.start === undefined && this.config.running);
    }

    parameters() {
      const given = new URLSearchParams();
      if (this.range.hours) given.set("hours", this.range.hours);
      if (this.range.start !== undefined) {
        given.set("start", new Date(this.range.start).toISOString());
        given.set("end", new Date(this.range.end).toISOString());
      }
      return given;
    }

    async load() {
      this.schedule();
      if (this.request) this.request.abort();
      const request = this.request = new AbortController();
      const given = this.parameters();
      if (this.config.connector !== null && this.config.connector !== undefined) given.set("connector", this.config.connector);
      if (this.other) given.set("other", this.other);
      try {
        const answer = await fetch(`${this.config.urls.data}?${given}`, { signal: request.signal, headers: { "X-Requested-With": "fetch" } });
        if (answer.redirected) { window.location.reload(); return; }
        const data = await answer.json();
        if (!answer.ok) throw new Error(Object.values(data.errors || {}).flat().join(" "));
        this.show(data);
      } catch (error) {
        if (error.name !== "AbortError") this.mark(error.message && !(error instanceof TypeError) ? error.message : this.texts.failed);
      } finally {
        if (this.request === request) this.request = null;
        this.schedule();
      }
    }

    schedule(after) {
      window.clearTimeout(this.timer);
      if (!this.follows) return;
      const step = this.shown ? this.shown.step : 0;
      const seconds = after ?? Math.min(Math.max(step, FASTEST_S), SLOWEST_S);
      this.timer = window.setTimeout(() => { if (!document.hidden) this.load(); }, seconds * 1000);
    }

    show(data) {
      this.shown = data;
      for (const [key, chart] of this.charts) {
        chart.show(data.charts[key] || { unit: "", right: "", lines: [] }, data.start, data.end);
      }
      this.mark(this.follows ? this.texts.live : this.range.start === undefined ? "" : this.texts.still);
      this.root.querySelector("[data-range]").textContent =
        `${moment(data.start, this.config.zone)} – ${moment(data.end, this.config.zone)}`;
      this.root.querySelector("[data-resolution]").textContent =
        data.step ? fill(this.texts.resolution, { step: lengthOf(data.step) }) : this.texts.single;
      for (const button of this.root.querySelectorAll("[data-hours]")) {
        button.setAttribute("aria-pressed", String(Number(button.dataset.hours) === this.range.hours));
      }
      const whole = this.root.querySelector("[data-whole]");
      if (whole) whole.setAttribute("aria-pressed", String(this.range.start === undefined && !this.range.hours));
      this.keep();
    }

    // The range stands in the address and goes along to other connectors and into the file.
    keep() {
      const kept = this.parameters();
      if ("alone" in this.root.dataset) {
        const own = new URLSearchParams(kept);
        if (new URLSearchParams(window.location.search).has("connector")) {
          own.set("connector", new URLSearchParams(window.location.search).get("connector"));
        }
        window.history.replaceState(null, "", `?${own}`);
      }
      for (const link of this.root.querySelectorAll("[data-keeps-range], [data-csv]")) {
        const address = new URL(link.href);
        for (const name of ["hours", "start", "end"]) address.searchParams.delete(name);
        for (const [name, value] of kept) address.searchParams.set(name, value);
        link.href = address;
      }
    }

    mark(text) {
      const mark = this.root.querySelector("[data-chart-mark]");
      if (mark.textContent !== text) mark.textContent = text;
    }
  }

  const lengthOf = (seconds) => {
    const [size, unit] = seconds >= 86400 ? [86400, "day"] : seconds >= 3600 ? [3600, "hour"] : seconds >= 60 ? [60, "minute"] : [1, "second"];
    return new Intl.NumberFormat(document.documentElement.lang || "en", { style: "unit", unit, unitDisplay: "long" }).format(seconds / size);
  };

  for (const root of document.querySelectorAll("[data-charts]")) new Page(root);
})();
