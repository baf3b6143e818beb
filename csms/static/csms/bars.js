// Energy in bars (data-bars): hours, days, weeks or months; estimated ones hatched, the running one dotted.
(() => {
  const { onTheme, paintScales, axis, shared, lineColour, colour, quantity, fillTable } = window.csmsCharts;

  // A tile of the bar's colour with lines or dots in the background's.
  const pattern = (context, fill, kind) => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = fill;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = pen.fillStyle = colour("back");
    if (kind === "hatched") {
      pen.lineWidth = 2;
      for (const by of [-8, 0, 8]) { pen.beginPath(); pen.moveTo(by, 8); pen.lineTo(by + 8, 0); pen.stroke(); }
    } else {
      for (const [x, y] of [[2, 2], [6, 6]]) { pen.beginPath(); pen.arc(x, y, 1.5, 0, 2 * Math.PI); pen.fill(); }
    }
    return context.createPattern(tile, "repeat");
  };

  class Bars {
    constructor(card) {
      this.card = card;
      this.config = JSON.parse(document.getElementById(card.dataset.bars).textContent);
      this.texts = this.config.texts;
      this.period = "day";
      this.day = "";
      this.chart = new Chart(card.querySelector("canvas"), {
        type: "bar",
        data: { labels: [], datasets: [] },
        options: {
          ...shared(),
          interaction: { mode: "index", intersect: false },
          scales: { x: { stacked: true, grid: { display: false }, ticks: { maxRotation: 0 } }, y: { ...axis("left", "kWh"), stacked: true, beginAtZero: true } },
          plugins: { legend: { display: false }, tooltip: { callbacks: this.tipTexts() } },
        },
      });
      // Until it shows something: what it will be of.
      this.chart.canvas.setAttribute("role", "img");
      this.chart.canvas.setAttribute("aria-label", this.texts.energy);
      card.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button && button.dataset.period) { this.period = button.dataset.period; this.load(); }
        if (button && button.dataset.go) this.go(button.dataset.go);
      });
      card.querySelector("[data-table]").addEventListener("toggle", () => this.table());
      onTheme(() => this.paint());
      this.load();
      window.setInterval(() => { if (!document.hidden && this.data && this.data.next === null) this.load(); }, 60000);
    }

    go(way) {
      if (way === "now") this.day = "";
      else if (this.data && this.data[way]) this.day = this.data[way];
      else return;
      this.load();
    }

    async load() {
      const given = new URLSearchParams({ period: this.period });
      if (this.day) given.set("day", this.day);
      if (this.config.connector !== null && this.config.connector !== undefined) given.set("connector", this.config.connector);
      const asked = this.asked = String(given);
      try {
        const answer = await fetch(`${this.config.urls.energy}?${given}`, { headers: { "X-Requested-With": "fetch" } });
        if (answer.redirected) { window.location.reload(); return; }
        const data = await answer.json();
        if (this.asked !== asked) return;
        if (!answer.ok) throw new Error(Object.values(data.errors || {}).flat().join(" "));
        this.show(data);
      } catch (error) {
        this.card.querySelector("[data-bars-title]").textContent = error instanceof TypeError ? this.texts.failed : error.message;
      }
    }

    show(data) {
      this.data = data;
      this.card.querySelector("[data-bars-title]").textContent = data.title;
      this.chart.data.labels = data.bars.map((bar) => bar.label);
      this.chart.data.datasets = data.evses.map((evse, index) => ({
        label: evse.label, data: data.bars.map((bar) => bar.energy[index]), maxBarThickness: 48, borderWidth: 1, minBarLength: 1,
      }));
      const empty = this.card.querySelector("[data-empty]");
      empty.hidden = data.evses.length > 0;
      empty.textContent = this.texts.noEnergy;
      for (const button of this.card.querySelectorAll("[data-period]")) {
        button.setAttribute("aria-pressed", String(button.dataset.period === this.period));
      }
      this.card.querySelector("[data-go=next]").disabled = data.next === null;
      this.chart.canvas.setAttribute("aria-label", `${this.texts.energy}, ${data.title}. ` + data.bars
        .filter((bar) => bar.total !== null).map((bar) => `${bar.name}: ${quantity(bar.total, "kWh")}`).join("; "));
      this.legend();
      this.paint();
      this.table();
    }

    paint() {
      this.chart.data.datasets.forEach((set, index) => {
        const fill = lineColour(index);
        const kinds = this.data.bars.map((bar) => (bar.provisional ? "dotted" : bar.estimated ? "hatched" : ""));
        set.backgroundColor = kinds.map((kind) => (kind ? pattern(this.chart.ctx, fill, kind) : fill));
        set.borderColor = fill;
      });
      paintScales(this.chart);
      this.chart.update("none");
    }

    legend() {
      const keys = this.data.evses.length < 2 ? [] : this.data.evses.map((evse, index) => {
        const key = document.createElement("span");
        const swatch = document.createElement("span");
        key.className = "chart-key";
        swatch.className = `chart-swatch chart-fill-${(index % 6) + 1}`;
        key.append(swatch, evse.label);
        return key;
      });
      this.card.querySelector("[data-legend]").replaceChildren(...keys);
    }

    remarks(bar) {
      return [bar.provisional ? this.texts.provisional : "", bar.estimated ? this.texts.estimated : ""].filter(Boolean).join(", ");
    }

    tipTexts() {
      return {
        title: (items) => (items.length ? this.data.bars[items[0].dataIndex].name : ""),
        label: (item) => (item.raw === null ? null : `${item.dataset.label}: ${quantity(item.raw, "kWh")}`),
        footer: (items) => {
          if (!items.length) return [];
          const bar = this.data.bars[items[0].dataIndex];
          const said = [];
          if (this.data.evses.length > 1) said.push(`${this.texts.total}: ${quantity(bar.total, "kWh")}`);
          if (bar.maxPower !== null) said.push(`${this.texts.maxPower}: ${quantity(bar.maxPower, "kW")}`);
          if (bar.meanPower !== null) said.push(`${this.texts.meanPower}: ${quantity(bar.meanPower, "kW")}`);
          if (bar.source) said.push(`${this.texts.source}: ${bar.source}`);
          if (this.remarks(bar)) said.push(this.remarks(bar));
          return said;
        },
      };
    }

    table() {
      const details = this.card.querySelector("[data-table]");
      if (!details.open || !this.data) return;
      const { texts, data } = this;
      const several = data.evses.length > 1;
      const head = [texts.period, ...data.evses.map((evse) => evse.label), ...(several ? [texts.total] : []),
        texts.maxPower, texts.meanPower, texts.samples, texts.source, texts.remark];
      const rows = data.bars.filter((bar) => bar.total !== null).map((bar) => [
        bar.name, ...bar.energy.map((value) => quantity(value, "kWh")), ...(several ? [quantity(bar.total, "kWh")] : []),
        quantity(bar.maxPower, "kW"), quantity(bar.meanPower, "kW"), String(bar.samples), bar.source, this.remarks(bar),
      ]);
      fillTable(details, `${texts.energy}, ${data.title}`, head, rows, "");
    }
  }

  for (const card of document.querySelectorAll("[data-bars]")) new Bars(card);
})();
