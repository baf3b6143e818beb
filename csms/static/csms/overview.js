// The charts of the overview: power of the last day with the limit, energy of the last days. Fetched anew every minute.
(() => {
  const { LineChart, onTheme, paintScales, axis, shared, lineColour, colour, quantity, fill, fillTable } = window.csmsCharts;
  const EVERY_MS = 60000;

  // Dragging shows a part of the day, a double click the whole again.
  class PowerChart {
    constructor(card, { zone, texts }) {
      this.range = null;
      this.lines = new LineChart(card, {
        zone, texts, fromZero: true, tight: true, fixed: null,
        onZoom: (start, end) => { this.range = [start, end]; this.draw(); },
        onReset: () => { this.range = null; this.draw(); },
      });
    }

    show(data) { this.data = data; this.draw(); }

    draw() {
      const [start, end] = this.range || [this.data.start, this.data.end];
      this.lines.show(this.data, start, end);
    }
  }

  class EnergyChart {
    constructor(card, { texts }) {
      Object.assign(this, { card, texts, days: [] });
      this.chart = new Chart(card.querySelector("canvas"), {
        type: "bar",
        data: { labels: [], datasets: [] },
        options: {
          ...shared(),
          interaction: { mode: "index", intersect: false },
          scales: {
            x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 12 } },
            y: { ...axis("left", "kWh"), beginAtZero: true },
          },
          plugins: { legend: { display: false }, tooltip: { callbacks: {
            title: (items) => (items.length ? this.days[items[0].dataIndex].name : ""),
            label: (item) => quantity(item.raw, "kWh"),
            footer: (items) => (items.length ? this.remarks(this.days[items[0].dataIndex]) : ""),
          } } },
        },
      });
      // Until it shows something: what it will be of.
      this.chart.canvas.setAttribute("role", "img");
      this.chart.canvas.setAttribute("aria-label", card.querySelector("h2").textContent);
      card.querySelector("[data-table]").addEventListener("toggle", () => this.table());
      onTheme(() => this.paint());
    }

    remarks(day) {
      return [day.provisional ? this.texts.running : "", day.estimated ? this.texts.estimated : ""].filter(Boolean).join(", ");
    }

    show(days) {
      const { texts } = this;
      this.days = days;
      const known = days.filter((day) => day.kwh !== null);
      this.chart.data.labels = days.map((day) => day.label);
      this.chart.data.datasets = [{ label: texts.energy, data: days.map((day) => day.kwh), maxBarThickness: 40, borderRadius: 2 }];
      const empty = this.card.querySelector("[data-empty]");
      empty.hidden = known.length > 0;
      empty.textContent = texts.noEnergy;
      const total = quantity(known.reduce((sum, day) => sum + day.kwh, 0), "kWh");
      const said = known.length ? fill(texts.total, { total, days: known.length }) : "";
      this.card.querySelector("[data-total]").textContent = said;
      this.chart.canvas.setAttribute("aria-label", `${texts.energy}. ${said || texts.noEnergy} `
        + known.slice(-7).map((day) => `${day.name}: ${quantity(day.kwh, "kWh")}`).join("; "));
      this.paint();
      this.table();
    }

    // The running day is lighter: it isn't over.
    paint() {
      for (const set of this.chart.data.datasets) {
        set.backgroundColor = this.days.map((day) => (day.provisional ? "transparent" : lineColour(0)));
        set.borderColor = lineColour(0);
        set.borderWidth = this.days.map((day) => (day.provisional ? 2 : 0));
        set.hoverBackgroundColor = colour("text");
      }
      paintScales(this.chart);
      this.chart.update("none");
    }

    table() {
      const details = this.card.querySelector("[data-table]");
      if (!details.open) return;
      const rows = [...this.days].reverse().map((day) => [day.name, quantity(day.kwh, "kWh"), this.remarks(day)]);
      fillTable(details, this.texts.energy, [this.texts.day, this.texts.energy, this.texts.remark], rows, "");
    }
  }

  for (const page of document.querySelectorAll("[data-overview]")) {
    const config = JSON.parse(document.getElementById(page.dataset.overview).textContent);
    const power = new PowerChart(page.querySelector("[data-power]"), config);
    const energy = new EnergyChart(page.querySelector("[data-energy]"), config);
    const load = async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(config.url, { headers: { "X-Requested-With": "fetch" } });
        if (!answer.ok || answer.redirected) return;
        const data = await answer.json();
        power.show(data.power);
        energy.show(data.energy);
      } catch { /* The page's mark says that it is reconnecting; the next round draws. */ }
    };
    load();
    window.setInterval(load, EVERY_MS);
    document.addEventListener("visibilitychange", load);
  }
})();
