// Lines over time: hover, a band from the lowest to the highest value, drag to zoom, a legend, a table.
(() => {
  const {
    onTheme, paintScales, axis, shared, colour, lineColour, dash, stroke, ticks, tickLabel, moment, number, quantity,
    fill, fillTable, element,
  } = window.csmsCharts;

  // Of each line the reading nearest to the pointer: lines have their own times.
  Chart.Interaction.modes.csmsNearest = (chart, event) => {
    const at = chart.scales.x.getValueForPixel(event.x);
    const reach = 30;
    return chart.getSortedVisibleDatasetMetas().flatMap((meta) => {
      const data = chart.data.datasets[meta.index].data;
      let low = 0, high = data.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (data[middle].x < at) low = middle; else high = middle;
      }
      const near = [low - 1, low, high, high + 1].filter((index) => data[index] && !Number.isNaN(data[index].y));
      near.sort((one, other) => Math.abs(data[one].x - at) - Math.abs(data[other].x - at));
      const item = near.length && meta.data[near[0]];
      return item && Math.abs(item.x - event.x) <= reach
        ? [{ element: item, datasetIndex: meta.index, index: near[0] }] : [];
    });
  };

  // Lowest to highest value of the time that a point stands for.
  const band = {
    id: "csmsBand",
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: area } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(area.left, area.top, area.width, area.height);
      ctx.clip();
      chart.data.datasets.forEach((set, index) => {
        if (!chart.isDatasetVisible(index)) return;
        const y = chart.scales[set.yAxisID];
        ctx.fillStyle = set.borderColor;
        ctx.globalAlpha = 0.18;
        let run = [];
        const draw = () => {
          if (run.length > 1) {
            ctx.beginPath();
            run.forEach((one) => ctx.lineTo(chart.scales.x.getPixelForValue(one.x), y.getPixelForValue(one.high)));
            run.reverse().forEach((one) => ctx.lineTo(chart.scales.x.getPixelForValue(one.x), y.getPixelForValue(one.low)));
            ctx.fill();
          }
          run = [];
        };
        for (const point of set.data) {
          if (Number.isNaN(point.y)) draw(); else run.push({ x: point.x, low: point.low ?? point.y, high: point.high ?? point.y });
        }
        draw();
      });
      ctx.restore();
    },
  };
  const selection = {
    id: "csmsSelection",
    afterDraw(chart) {
      const chosen = chart.csmsSelection;
      if (!chosen) return;
      const { ctx, chartArea: area } = chart;
      ctx.save();
      ctx.globalAlpha = 0.2;
      ctx.fillStyle = colour("text");
      ctx.fillRect(Math.min(chosen.from, chosen.to), area.top, Math.abs(chosen.to - chosen.from), area.height);
      ctx.restore();
    },
  };

  // Drag selects a range; a double click resets.
  const zoomable = (chart, onZoom, onReset) => {
    const canvas = chart.canvas;
    const within = (event) => {
      const x = event.clientX - canvas.getBoundingClientRect().left;
      return Math.min(Math.max(x, chart.chartArea.left), chart.chartArea.right);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      chart.csmsSelection = { from: within(event), to: within(event) };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!chart.csmsSelection) return;
      chart.csmsSelection.to = within(event);
      chart.draw();
    });
    canvas.addEventListener("pointerup", () => {
      const chosen = chart.csmsSelection;
      chart.csmsSelection = null;
      if (!chosen) return;
      if (Math.abs(chosen.to - chosen.from) > 8) {
        const ends = [chosen.from, chosen.to].map((pixel) => chart.scales.x.getValueForPixel(pixel));
        onZoom(Math.min(...ends), Math.max(...ends));
      } else chart.draw();
    });
    canvas.addEventListener("pointercancel", () => { chart.csmsSelection = null; chart.draw(); });
    canvas.addEventListener("dblclick", onReset);
  };

  // A chart in a card: legend, canvas, note of emptiness, table.
  class LineChart {
    constructor(card, { zone, texts, fromZero, tight, fixed, onZoom, onReset }) {
      Object.assign(this, { card, zone, texts, fromZero, tight, fixed, hidden: new Set(), title: card.querySelector("h2").textContent });
      this.chart = new Chart(card.querySelector("canvas"), {
        type: "line",
        data: { datasets: [] },
        options: {
          ...shared(),
          parsing: false,
          normalized: true,
          interaction: { mode: "csmsNearest", intersect: false },
          scales: { x: this.timeAxis(), left: axis("left", ""), right: { ...axis("right", "%"), display: false } },
          plugins: { legend: { display: false }, tooltip: { callbacks: this.tipTexts() } },
        },
        plugins: [band, selection],
      });
      // Until it shows something: what it will be of.
      this.chart.canvas.setAttribute("role", "img");
      this.chart.canvas.setAttribute("aria-label", this.title);
      const { scales } = this.chart.options;
      scales.right.grid.drawOnChartArea = false;
      scales.right.min = 0;
      scales.right.max = 100;
      zoomable(this.chart, onZoom, onReset);
      card.querySelector("[data-table]").addEventListener("toggle", () => this.table());
      onTheme(() => this.paint());
    }

    timeAxis() {
      return {
        type: "linear", grid: {}, ticks: { maxRotation: 0, autoSkip: false, callback: (_, index, all) => tickLabel(all[index], this.zone) },
        afterBuildTicks: (scale) => {
          const most = Math.max(2, Math.floor(scale.width / 68));
          scale.ticks = scale.max > scale.min ? ticks(scale.min, scale.max, this.zone, most) : [];
        },
      };
    }

    tipTexts() {
      const text = (item) => {
        const { y, low, high } = item.raw;
        const { label, csmsUnit: unit } = item.dataset;
        const extremes = low === undefined ? ""
          : ` (${fill(this.texts.mean, { low: number(low), high: quantity(high, unit) })})`;
        return `${label}: ${quantity(y, unit)}${extremes}`;
      };
      return { title: (items) => (items.length ? moment(items[0].raw.x, this.zone) : ""), label: text };
    }

    show(data, start, end) {
      this.data = data;
      const { chart } = this;
      chart.data.datasets = data.lines.map((line, index) => this.dataset(line, index));
      const { x, left, right } = chart.options.scales;
      Object.assign(x, { min: start, max: end });
      left.title.text = data.unit;
      left.beginAtZero = this.fromZero;
      left.grace = this.tight ? 0 : "4%";
      if (this.fixed) [left.min, left.max] = this.fixed;
      right.display = data.right !== "";
      this.card.querySelector("[data-empty]").hidden = data.lines.length > 0;
      this.card.querySelector("[data-empty]").textContent = this.texts.empty;
      chart.canvas.setAttribute("aria-label", this.summary());
      this.legend();
      this.paint();
      this.table();
    }

    dataset(line, index) {
      let before = 0;
      const data = line.points.map((point) => {
        if (point === null) return { x: before, y: NaN };
        before = point[0];
        return point.length > 2 ? { x: point[0], y: point[1], low: point[2], high: point[3] } : { x: point[0], y: point[1] };
      });
      const lone = (at) => [data[at - 1], data[at + 1]].every((near) => !near || Number.isNaN(near.y));
      return {
        label: line.label, data, yAxisID: line.axis, csmsUnit: line.unit, hidden: this.hidden.has(line.label),
        borderDash: dash(index), borderWidth: index === 0 ? 2.2 : 1.7, tension: 0, spanGaps: false,
        // The corners of a stepped line are no readings.
        pointRadius: data.map((_, at) => (line.step ? 0 : lone(at) ? 3 : data.length <= 24 ? 2 : 0)), pointHoverRadius: 5, pointHitRadius: 0,
      };
    }

    paint() {
      this.chart.data.datasets.forEach((set, index) => {
        set.borderColor = lineColour(index);
        set.backgroundColor = lineColour(index);
      });
      paintScales(this.chart);
      this.chart.update("none");
    }

    summary() {
      const text = this.data.lines.map((line) => {
        const values = line.points.filter((point) => point);
        const { unit } = line;
        return fill(this.texts.summary, {
          label: line.label,
          last: quantity(values[values.length - 1][1], unit),
          low: quantity(Math.min(...values.map((point) => point[2] ?? point[1])), unit),
          high: quantity(Math.max(...values.map((point) => point[3] ?? point[1])), unit),
        });
      });
      return `${this.title}. ${text.join(" ") || this.texts.empty}`;
    }

    legend() {
      const drawn = this.data.lines.map((line, index) => {
        const button = element("button", { type: "button", className: "chart-key" });
        button.setAttribute("aria-pressed", String(!this.hidden.has(line.label)));
        button.append(stroke(index), line.label);
        button.addEventListener("click", () => {
          if (!this.hidden.delete(line.label)) this.hidden.add(line.label);
          const set = this.chart.data.datasets[index];
          set.hidden = this.hidden.has(line.label);
          button.setAttribute("aria-pressed", String(!set.hidden));
          this.chart.update("none");
        });
        return button;
      });
      const place = this.card.querySelector("[data-legend]");
      const focused = [...place.children].indexOf(document.activeElement);
      place.replaceChildren(...drawn);
      if (focused >= 0 && drawn[focused]) drawn[focused].focus();
    }

    table() {
      const details = this.card.querySelector("[data-table]");
      if (!details.open || !this.data) return;
      const rows = new Map();
      this.data.lines.forEach((line, column) => line.points.filter((point) => point).forEach((point) => {
        if (!rows.has(point[0])) rows.set(point[0], this.data.lines.map(() => ""));
        rows.get(point[0])[column] = quantity(point[1], line.unit);
      }));
      const times = [...rows.keys()].sort((one, other) => other - one);
      fillTable(details, this.title, [this.texts.time, ...this.data.lines.map((line) => line.label)],
        times.slice(0, 500).map((at) => [moment(at, this.zone), ...rows.get(at)]),
        times.length > 500 ? fill(this.texts.more, { count: 500, all: times.length }) : "");
    }
  }

  window.csmsCharts.LineChart = LineChart;
})();
