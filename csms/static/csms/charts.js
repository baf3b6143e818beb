// What lines and bars share, on Chart.js (which unfold ships): colours, time in the tenant's zone, numbers, tables.
// Colours come from CSS variables and follow the theme; every line also has a dash pattern of its own.
(() => {
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
    345600, 604800, 1209600, 2592000, 7776000].map((seconds) => seconds * 1000);
  const DAY = 86400000;
  const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [14, 4], [4, 4], [1, 5], [9, 3, 2, 3, 2, 3]];
  const language = document.documentElement.lang || "en";

  // --- colours ---
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--chart-${name}`).trim();
  const COLOURS = 6;
  const lineColour = (index) => colour(`${(index % COLOURS) + 1}`);
  const dash = (index) => DASHES[index % DASHES.length];
  const painters = new Set();
  new MutationObserver(() => painters.forEach((paint) => paint())).observe(document.documentElement, {
    attributes: true, attributeFilter: ["class"],
  });
  const onTheme = (paint) => { painters.add(paint); paint(); };

  // --- time in the tenant's zone ---
  const formats = new Map();
  const format = (at, zone, options) => {
    const key = zone + JSON.stringify(options);
    if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language, { timeZone: zone, ...options }));
    return formats.get(key).format(at);
  };
  const parts = new Map();
  const offset = (at, zone) => {
    if (!parts.has(zone)) {
      parts.set(zone, new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric",
        month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }));
    }
    const found = Object.fromEntries(parts.get(zone).formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const local = Date.UTC(found.year, found.month - 1, found.day, found.hour, found.minute, found.second);
    return local - Math.floor(at / 1000) * 1000;
  };
  // The moment at which clocks in the zone show `local` (UTC milliseconds of what they show).
  const instant = (local, zone) => local - offset(local - offset(local, zone), zone);
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const moment = (at, zone) => format(at, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric",
    ...clock, second: "2-digit", timeZoneName: "short" });
  const ticks = (from, to, zone, most) => {
    const step = STEPS.find((one) => (to - from) / one <= most) || STEPS[STEPS.length - 1];
    const found = [];
    for (let local = Math.ceil((from + offset(from, zone)) / step) * step; ; local += step) {
      // The offset may change on the way: it is asked for at the place itself.
      const at = instant(local, zone);
      if (at > to) return found;
      if (at >= from) found.push({ value: at, step });
    }
  };
  const tickLabel = ({ value, step }, zone) => {
    if (step >= DAY) return format(value, zone, { day: "numeric", month: "short" });
    if ((value + offset(value, zone)) % DAY === 0) return format(value, zone, { weekday: "short", day: "numeric" });
    return format(value, zone, step < 60000 ? { ...clock, second: "2-digit" } : clock);
  };

  // --- numbers and text ---
  const number = (value) => value.toLocaleString(language, { maximumFractionDigits: Math.abs(value) < 10 ? 3 : 2 });
  const quantity = (value, unit) => (value === null || value === undefined ? "–" : `${number(value)} ${unit}`.trim());
  const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);
  const element = (tag, properties = {}, children = []) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  Chart.defaults.font.family = "Inter, sans-serif";
  const shared = () => ({
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    plugins: { legend: { display: false } },
  });
  const paintScales = (chart) => {
    for (const scale of Object.values(chart.options.scales)) {
      scale.ticks.color = colour("text");
      scale.grid.color = colour("grid");
      scale.border = { color: colour("grid") };
      if (scale.title) scale.title.color = colour("text");
    }
    Object.assign(chart.options.plugins.tooltip, {
      backgroundColor: colour("tip"), titleColor: colour("tip-text"), bodyColor: colour("tip-text"),
      footerColor: colour("tip-text"), borderColor: colour("grid"), borderWidth: 1,
    });
  };
  const axis = (position, unit) => ({
    type: "linear", position, title: { display: true, text: unit }, ticks: { maxTicksLimit: 6 }, grid: {},
  });

  // A line as it is drawn, for the legend; its colour is the style sheet's.
  const stroke = (index) => {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const line = document.createElementNS(space, "line");
    for (const [name, value] of Object.entries({ viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" })) svg.setAttribute(name, value);
    for (const [name, value] of Object.entries({ x1: 0, x2: 28, y1: 4, y2: 4, "stroke-width": 2.5, "stroke-dasharray": dash(index).join(" ") })) line.setAttribute(name, value);
    line.setAttribute("class", `chart-stroke-${(index % COLOURS) + 1}`);
    svg.append(line);
    return svg;
  };

  // The first column names the row; columns of numbers stand to the right.
  const fillTable = (details, caption, head, rows, note) => {
    const numeric = head.map((_, index) => index > 0 && rows.some((row) => /^-?\d/.test(row[index])));
    const cells = (row, inHead) => row.map((text, index) => {
      const cell = element(inHead || !index ? "th" : "td", { textContent: text, className: numeric[index] ? "num" : "" });
      if (cell.tagName === "TH") cell.scope = inHead ? "col" : "row";
      return cell;
    });
    const table = element("table", {}, [
      element("caption", { className: "sr-only", textContent: caption }),
      element("thead", {}, [element("tr", {}, cells(head, true))]),
      element("tbody", {}, rows.map((row) => element("tr", {}, cells(row, false)))),
    ]);
    details.querySelector("div").replaceChildren(...(note ? [element("p", { className: "office-muted", textContent: note })] : []), table);
  };

  window.csmsCharts = {
    onTheme, paintScales, axis, shared, colour, lineColour, dash, stroke, ticks, tickLabel, moment, number, quantity,
    fill, fillTable, element, instant, offset,
  };
})();
