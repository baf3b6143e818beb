// Charts whose data stand in the page (data-schedule): charging schedules, prices. A switch between units, zoom, a table.
(() => {
  const { LineChart } = window.csmsCharts;

  class Schedule {
    constructor(root) {
      this.root = root;
      this.config = JSON.parse(document.getElementById(root.dataset.schedule).textContent);
      this.unit = this.config.unit;
      this.cards = new Map([...root.querySelectorAll("[data-chart]")].map((card) => [card.dataset.chart, this.chart(card)]));
      root.addEventListener("click", (event) => {
        const button = event.target.closest("button[data-unit]");
        if (button) { this.unit = button.dataset.unit; this.show(); }
      });
      this.show();
    }

    chart(card) {
      const chart = new LineChart(card, {
        zone: this.config.zone, texts: this.config.texts, fromZero: true, tight: false, fixed: null,
        onZoom: (start, end) => chart.show(chart.data, start, end),
        onReset: () => this.draw(card.dataset.chart, chart),
      });
      return chart;
    }

    draw(key, chart) {
      const data = this.config.charts[key][this.unit];
      chart.show(data, data.start, data.end);
    }

    show() {
      for (const [key, chart] of this.cards) this.draw(key, chart);
      for (const button of this.root.querySelectorAll("button[data-unit]")) {
        button.setAttribute("aria-pressed", String(button.dataset.unit === this.unit));
      }
    }
  }

  for (const root of document.querySelectorAll("[data-schedule]")) new Schedule(root);
})();
