// The live board: draws a tile per connector from what the socket says, and keeps filters and view in the address.
// The map (board_map.js) is another view of the same: it is told whenever something has changed.
"use strict";
(() => {
  const board = document.querySelector("[data-board]");
  if (!board) return;
  const words = JSON.parse(document.getElementById("board-words").textContent);
  const part = (name) => board.querySelector(`[data-${name}]`);
  const mark = part("mark"), filter = part("filter"), counts = part("counts"), sum = part("sum"), places = part("sites");
  const { number, text, look, placeOf, linkOf, card, write, writeTimes } = window.csmsTiles(board, words);
  const numeric = new Intl.Collator(undefined, { numeric: true }), names = new Intl.Collator();
  // So long may a key press wait; the first is more than a screen full.
  const SLICE_MS = 12, FIRST_MS = 16;
  // All tiles; the cards of those that have been drawn; sections of sites, and in their order.
  const tiles = new Map(), drawn = new Map(), sections = new Map(), inOrder = [];
  let shownIn = new Map(), waiting = null, filling = false;
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

  const draw = (key, tile) => {
    const site = String(tile.site_id);
    let shown = drawn.get(key);
    if (!shown) {
      if (!fits(tile)) return;
      drawn.set(key, (shown = { ...card(), key, place: placeOf(tile) }));
    }
    write(shown, tile);
    if (shown.site !== site) {
      if (shown.site !== undefined) leave(shown);
      enter(shown, site);
    }
    shown.item.hidden = !fits(tile);
  };

  // Where it belongs in a list that is in order; most comes in that order.
  const insert = (list, one, order, parent, elementOf) => {
    let low = 0, high = list.length;
    if (high && order(list[high - 1], one) <= 0) low = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order(list[middle], one) <= 0) low = middle + 1; else high = middle;
    }
    parent.insertBefore(elementOf(one), low < list.length ? elementOf(list[low]) : null);
    list.splice(low, 0, one);
  };

  const byPlace = (one, other) => numeric.compare(one.place, other.place);
  const enter = (shown, site) => {
    const { cards, grid } = sectionOf(site);
    insert(cards, Object.assign(shown, { site }), byPlace, grid, ({ item }) => item);
  };
  const leave = (shown) => {
    const { cards } = sections.get(shown.site);
    cards.splice(cards.indexOf(shown), 1);
    shown.item.remove();
  };

  const nameOf = (site) => (site === "null" ? words.noSite : sites[site] ? sites[site].name : "?");
  const bySite = (one, other) => (one === "null") - (other === "null") || names.compare(nameOf(one), nameOf(other)) || Number(one) - Number(other);

  const sectionOf = (site) => {
    let section = sections.get(site);
    if (section) return section;
    const title = make("span", "", nameOf(site)), count = make("span"), grid = make("ul", "board-grid");
    section = { site, box: make("section", "board-site", make("h2", "", title, count), grid), count, grid, cards: [] };
    sections.set(site, section);
    insert(inOrder, section, (one, other) => bySite(one.site, other.site), places, ({ box }) => box);
    tally(section);
    return section;
  };
  const tally = ({ site, box, count }) => {
    box.hidden = !shownIn.has(site);
    text(count, String(shownIn.get(site) || 0));
  };

  // What is in view first; the rest in slices, between which the page scrolls, takes keys and paints.
  const queue = function* (keys) {
    const at = new Map();
    for (const key of keys) {
      const tile = tiles.get(key), site = String(tile.site_id);
      if (!at.has(site)) at.set(site, []);
      at.get(site).push({ key, place: placeOf(tile) });
    }
    for (const site of [...at.keys()].sort(bySite)) for (const { key } of at.get(site).sort(byPlace)) yield key;
  };
  const fill = (budget, then = (next) => window.setTimeout(next)) => {
    const end = performance.now() + budget;
    while (performance.now() < end) {
      const { value: key, done } = waiting.next();
      if (done) return;
      if (tiles.has(key) && !drawn.has(key)) draw(key, tiles.get(key));
    }
    if (filling) return;
    filling = true;
    then(() => { filling = false; fill(SLICE_MS); });
  };
  const drawAll = () => {
    summarise();
    waiting = queue([...tiles.keys()].filter((key) => !drawn.has(key) && fits(tiles.get(key))));
    // The first slice is painted before the next begins. (A page in the background waits until it is looked at.)
    fill(FIRST_MS, (next) => window.requestAnimationFrame(() => window.setTimeout(next)));
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
    for (const [key, { item }] of drawn) item.hidden = !fits(tiles.get(key));
    drawAll();
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
    const by = new Map();
    shownIn = new Map();
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
    for (const section of sections.values()) tally(section);
    part("empty").hidden = tiles.size > 0;
    part("none").hidden = !tiles.size || shown > 0;
  };

  // --- what the socket says ---

  const takeAll = (message) => {
    sites = message.sites;
    tiles.clear(); drawn.clear(); sections.clear(); inOrder.length = 0; places.replaceChildren();
    options(filter.elements.site, Object.entries(sites).map(([id, site]) => [id, site.name]).sort((a, b) => a[1].localeCompare(b[1])));
    const states = new Set(Object.values(message.tiles).map((tile) => tile.status));
    options(filter.elements.status, Object.keys(words.statuses).filter((state) => states.has(state)).map((state) => [state, look(state).text]));
    wanted = chosen();
    for (const [key, tile] of Object.entries(message.tiles)) tiles.set(key, tile);
    drawAll();
    tell(true);
  };

  const takeChanges = (message) => {
    for (const [key, tile] of Object.entries(message.tiles)) {
      if (tile) { tiles.set(key, tile); draw(key, tile); }
      else if (tiles.delete(key) && drawn.has(key)) { leave(drawn.get(key)); drawn.delete(key); }
    }
    summarise();
    tell(false);
  };

  const say = (state) => {
    if (mark.dataset.state === state) return;
    mark.dataset.state = state;
    mark.textContent = mark.dataset[state];
  };

  // The first line was opened by board_line.js.
  const connect = () => {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws", early = window.csmsBoardLine;
    window.csmsBoardLine = null;
    const mine = (socket = early ? early.socket : new WebSocket(`${scheme}://${window.location.host}${board.dataset.socket}`));
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
    early?.heard.forEach(mine.onmessage);
    if (early?.ended) mine.onclose(early.ended);
  };

  // Nothing for so long: the line is dead, whatever the browser believes.
  const watch = () => {
    if (socket && heardAt && Date.now() - heardAt > 40000) { heardAt = 0; socket.close(); }
    if (document.hidden || view !== "tiles") return;
    for (const { box, cards } of sections.values()) {
      if (box.checkVisibility?.({ contentVisibilityAuto: true }) === false) continue;
      for (const shown of cards) if (!shown.item.hidden) writeTimes(shown, tiles.get(shown.key));
    }
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
