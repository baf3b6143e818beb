// The live board: draws a tile per connector from what the socket says, and keeps filters and view in the address.
// The map (board_map.js) is another view of the same: it is told whenever something has changed.
"use strict";
(() => {
  const board = document.querySelector("[data-board]");
  if (!board) return;
  const words = JSON.parse(document.getElementById("board-words").textContent);
  const part = (name) => board.querySelector(`[data-${name}]`);
  const mark = part("mark"), filter = part("filter"), counts = part("counts"), sum = part("sum"), places = part("sites");
  const number = new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  const tiles = new Map(), drawn = new Map(), sections = new Map();
  const views = [...board.querySelectorAll("[data-view]")], watchers = [];
  let sites = {}, heardAt = 0, socket = null, attempts = 0;
  let view = new URLSearchParams(window.location.search).get("view") === "map" ? "map" : "tiles";

  // --- drawing ---

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };
  const text = (element, value) => { if (element.textContent !== value) element.textContent = value; };
  const look = (status) => words.statuses[status] || { text: status || words.unknown, kind: "off", icon: "help" };
  const placeOf = (tile) => (tile.evse ? `${tile.station} / ${tile.evse}${tile.connector > 1 ? `.${tile.connector}` : ""}` : tile.station);

  const since = (iso) => {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (days) return `${days} ${words.days} ${hours % 24} h`;
    if (hours) return `${hours}:${String(minutes % 60).padStart(2, "0")} h`;
    return `${minutes}:${String(seconds % 60).padStart(2, "0")} min`;
  };

  const card = () => {
    const name = make("span", "board-name"), icon = make("span", "material-symbols-outlined"), word = make("span");
    icon.setAttribute("aria-hidden", "true");
    const power = make("span", "board-power"), energy = make("span", "board-more"), more = make("span", "board-more");
    const link = make("a", "board-tile", name, make("span", "board-state", icon, word), power, energy, more);
    return { item: make("li", "", link), link, name, icon, word, power, energy, more, site: undefined };
  };

  const linkOf = (tile) => (tile.session
    ? board.dataset.session.replace("/0/", `/${tile.session.id}/`) : board.dataset.station.replace("/0/", `/${tile.station_id}/`));

  const draw = (key, tile) => {
    let shown = drawn.get(key);
    if (!shown) drawn.set(key, (shown = card()));
    const kind = look(tile.status), session = tile.session;
    shown.link.className = `board-tile board-${kind.kind}`;
    shown.link.href = linkOf(tile);
    text(shown.name, placeOf(tile));
    text(shown.icon, kind.icon);
    text(shown.word, tile.error ? `${kind.text}: ${tile.error}` : kind.text);
    shown.word.title = shown.word.textContent;
    text(shown.power, session && session.power_w !== null ? `${number.format(session.power_w / 1000)} kW` : "");
    drawTimes(tile, shown);
    if (shown.site !== String(tile.site_id)) {
      shown.site = String(tile.site_id);
      sectionOf(shown.site).grid.append(shown.item);
    }
    shown.item.hidden = !fits(tile);
  };

  const drawTimes = (tile, shown) => {
    const session = tile.session;
    if (session) {
      const energy = session.energy_wh === null ? "" : `${number.format(session.energy_wh / 1000)} kWh · `;
      text(shown.energy, `${energy}${since(session.started_at)}`);
      text(shown.more, session.id_tag);
    } else {
      text(shown.energy, tile.since ? `${words.since} ${since(tile.since)}` : "");
      text(shown.more, tile.reported ? `${words.was} ${look(tile.reported).text}` : "");
    }
  };

  const nameOf = (site) => (site === "null" ? words.noSite : sites[site] ? sites[site].name : "?");

  const sectionOf = (site) => {
    let section = sections.get(site);
    if (section) return section;
    const title = make("span"), count = make("span"), grid = make("ul", "board-grid");
    section = { box: make("section", "board-site", make("h2", "", title, count), grid), title, count, grid };
    text(title, nameOf(site));
    sections.set(site, section);
    const order = [...sections.keys()].sort((a, b) => (a === "null") - (b === "null") || nameOf(a).localeCompare(nameOf(b)));
    const next = order[order.indexOf(site) + 1];
    places.insertBefore(section.box, next === undefined ? null : sections.get(next).box);
    return section;
  };

  // --- filters, kept in the address ---

  const chosen = () => Object.fromEntries(["site", "status", "tag", "q"].map((name) => [name, filter.elements[name].value.trim()]));
  let wanted = { site: "", status: "", tag: "", q: "" };
  const has = (value, part) => value.toLowerCase().includes(part.toLowerCase());
  const fits = (tile) =>
    (!wanted.site || String(tile.site_id) === wanted.site) &&
    (!wanted.status || tile.status === wanted.status) &&
    (!wanted.tag || (tile.session && has(tile.session.id_tag, wanted.tag))) &&
    (!wanted.q || has(placeOf(tile), wanted.q));

  const apply = () => {
    wanted = chosen();
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    if (view === "map") query.set("view", view);
    window.history.replaceState(null, "", query.size ? `?${query}` : window.location.pathname);
    for (const [key, tile] of tiles) drawn.get(key).item.hidden = !fits(tile);
    summarise();
    tell(true);
  };

  // --- two views of it ---

  // `anew`: other places are shown than before; else the same have changed.
  const tell = (anew) => { if (view === "map") for (const watcher of watchers) watcher(anew); };
  const show = (chosen) => {
    view = chosen;
    for (const button of views) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    places.hidden = view === "map";
    part("map-area").hidden = view !== "map";
  };

  const options = (select, entries) => {
    const keep = select.value || new URLSearchParams(window.location.search).get(select.name) || "";
    select.replaceChildren(select.options[0], ...entries.map(([value, label]) => new Option(label, value)));
    select.value = keep;
    if (select.value !== keep) select.value = "";
  };

  const summarise = () => {
    const by = new Map(), shownIn = new Map();
    let power = 0, charging = 0, shown = 0;
    for (const tile of tiles.values()) {
      by.set(tile.status, (by.get(tile.status) || 0) + 1);
      if (tile.session) { charging += 1; power += tile.session.power_w || 0; }
      if (fits(tile)) { shown += 1; shownIn.set(String(tile.site_id), (shownIn.get(String(tile.site_id)) || 0) + 1); }
    }
    const order = Object.keys(words.statuses);
    const states = [...by.keys()].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    const buttons = new Map([...counts.children].map((item) => [item.dataset.status, item.firstChild]));
    for (const state of states) {
      let button = buttons.get(state);
      if (!button) {
        button = make("button", `pill pill-${look(state).kind}`);
        button.type = "button";
        const item = make("li", "", button);
        item.dataset.status = state;
        counts.append(item);
      }
      buttons.delete(state);
      text(button, `${look(state).text} ${by.get(state)}`);
      button.setAttribute("aria-pressed", String(wanted.status === state));
    }
    for (const button of buttons.values()) button.parentElement.remove();
    const select = filter.elements.status;
    if ([...select.options].slice(1).map((one) => one.value).join() !== states.join()) options(select, states.map((state) => [state, look(state).text]));
    text(sum, `${charging} ${words.sessions} · ${number.format(power / 1000)} kW · ${shown} / ${tiles.size} ${words.shown}`);
    for (const [site, section] of sections) {
      const count = shownIn.get(site) || 0;
      section.box.hidden = !count;
      text(section.count, String(count));
    }
    part("empty").hidden = tiles.size > 0;
    part("none").hidden = !tiles.size || shown > 0;
  };

  // --- what the socket says ---

  const takeAll = (message) => {
    sites = message.sites;
    tiles.clear(); drawn.clear(); sections.clear(); places.replaceChildren();
    options(filter.elements.site, Object.entries(sites).map(([id, site]) => [id, site.name]).sort((a, b) => a[1].localeCompare(b[1])));
    const states = new Set(Object.values(message.tiles).map((tile) => tile.status));
    options(filter.elements.status, Object.keys(words.statuses).filter((state) => states.has(state)).map((state) => [state, look(state).text]));
    wanted = chosen();
    const order = Object.entries(message.tiles).sort(([, a], [, b]) => placeOf(a).localeCompare(placeOf(b), undefined, { numeric: true }));
    for (const [key, tile] of order) { tiles.set(key, tile); draw(key, tile); }
    summarise();
    tell(true);
  };

  const takeChanges = (message) => {
    for (const [key, tile] of Object.entries(message.tiles)) {
      if (tile) { tiles.set(key, tile); draw(key, tile); }
      else if (tiles.delete(key)) { drawn.get(key).item.remove(); drawn.delete(key); }
    }
    summarise();
    tell(false);
  };

  const say = (state) => {
    if (mark.dataset.state === state) return;
    mark.dataset.state = state;
    mark.textContent = mark.dataset[state];
  };

  const connect = () => {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const mine = (socket = new WebSocket(`${scheme}://${window.location.host}${board.dataset.socket}`));
    mine.onmessage = (event) => {
      heardAt = Date.now();
      attempts = 0;
      const message = JSON.parse(event.data);
      if (message.type === "full") takeAll(message);
      else if (message.type === "changes") takeChanges(message);
      say(message.type === "stale" || (message.type === "alive" && mark.dataset.state === "stale") ? "stale" : "live");
    };
    mine.onclose = async (event) => {
      if (mine !== socket) return;
      socket = null;
      say("lost");
      if (event.code === 4401) { window.location.reload(); return; }
      attempts += 1;
      // Signed out meanwhile: the page itself would lead to the sign-in now.
      const page = await fetch(window.location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
      if (page && page.type === "opaqueredirect") { window.location.reload(); return; }
      window.setTimeout(connect, Math.min(15000, 500 * 2 ** attempts) * (0.5 + Math.random()));
    };
  };

  // Nothing for so long: the line is dead, whatever the browser believes.
  const watch = () => {
    if (socket && heardAt && Date.now() - heardAt > 40000) { heardAt = 0; socket.close(); }
    if (!document.hidden && view === "tiles") for (const [key, tile] of tiles) if (!drawn.get(key).item.hidden) drawTimes(tile, drawn.get(key));
  };

  for (const [name, value] of new URLSearchParams(window.location.search)) if (["tag", "q"].includes(name)) filter.elements[name].value = value;
  filter.addEventListener("input", apply);
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("reset", () => window.setTimeout(apply));
  counts.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (!item) return;
    filter.elements.status.value = wanted.status === item.dataset.status ? "" : item.dataset.status;
    apply();
  });
  for (const button of views) button.addEventListener("click", () => { show(button.dataset.view); apply(); });
  const narrow = (site) => { filter.elements.site.value = site; show("tiles"); apply(); };
  window.csmsBoard = { board, words, tiles, number, make, text, look, placeOf, linkOf, nameOf, fits, narrow, watchers, site: (id) => sites[id], shown: () => view === "map" };
  show(view);
  window.setInterval(watch, 1000);
  connect();
})();
