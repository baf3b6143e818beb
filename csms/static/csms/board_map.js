// The map of the live board: a marker for each site that has coordinates, the others listed beside. Sites that would
// cover each other share a marker. Leaflet is fetched when the map is first looked at; without a tile server a graticule
// shows where one is, and nothing is asked of another host.
"use strict";
(() => {
  const shared = window.csmsBoard;
  if (!shared) return;
  const { board, words, tiles, make, text, fits, nameOf, narrow } = shared;
  const config = JSON.parse(document.getElementById("board-map").textContent);
  const box = board.querySelector("[data-map]"), list = board.querySelector("[data-places]"), nowhere = board.querySelector("[data-nowhere]");
  const GROUPS = Object.keys(config.groups), groupOf = new Map();
  for (const group of GROUPS) for (const status of config.groups[group].statuses) groupOf.set(status, group);
  const APART = { x: 104, y: 54 }, LISTED = 40;
  const markers = new Map();
  let map = null, loading = null, sites = new Map(), open = null;

  // --- what there is at each site ---

  const count = () => {
    const found = new Map();
    for (const tile of tiles.values()) {
      if (!fits(tile)) continue;
      const id = String(tile.site_id);
      if (!found.has(id)) {
        const at = shared.site(id)?.at ?? null;
        found.set(id, { id, name: nameOf(id), at, counts: Object.fromEntries(GROUPS.map((group) => [group, 0])), tiles: [] });
      }
      const site = found.get(id);
      site.counts[groupOf.get(tile.status) || "other"] += 1;
      site.tiles.push(tile);
    }
    return found;
  };
  const sum = (some) => Object.fromEntries(GROUPS.map((group) => [group, some.reduce((all, site) => all + site.counts[group], 0)]));
  const worst = (counts) => GROUPS.find((group) => counts[group]) || "other";
  const inWords = (counts) => GROUPS.filter((group) => counts[group]).map((group) => `${counts[group]} ${config.groups[group].text}`).join(", ");
  const titleOf = (some) => (some.length === 1 ? some[0].name : `${some.length} ${config.words.sites}`);
  const byNeed = (a, b) => GROUPS.indexOf(worst(a.counts)) - GROUPS.indexOf(worst(b.counts)) || a.name.localeCompare(b.name, undefined, { numeric: true });

  const icon = (name) => {
    const drawn = make("span", "material-symbols-outlined", name);
    drawn.setAttribute("aria-hidden", "true");
    return drawn;
  };
  const tally = (counts) => {
    const parts = GROUPS.filter((group) => counts[group]).map((group) => {
      const { kind, icon: sign, text: word } = config.groups[group];
      const part = make("span", `board-tally board-tally-${kind}`, icon(sign), String(counts[group]));
      part.title = `${counts[group]} ${word}`;
      part.append(make("span", "sr-only", ` ${word} `));
      return part;
    });
    return make("span", "board-tallies", ...parts);
  };

  // --- markers ---

  // Sites in one marker stand nearer to each other than a marker is wide. What is worst leads.
  const gathered = () => {
    const cells = new Map(), groups = [];
    const inView = map.getBounds().pad(0.25);
    for (const site of [...sites.values()].filter((one) => one.at && inView.contains(one.at)).sort(byNeed)) {
      const point = map.project(site.at), column = Math.floor(point.x / APART.x), row = Math.floor(point.y / APART.y);
      let near = null;
      for (let x = column - 1; x <= column + 1 && !near; x += 1) {
        for (let y = row - 1; y <= row + 1 && !near; y += 1) {
          near = (cells.get(`${x} ${y}`) || []).find((one) => Math.abs(one.point.x - point.x) < APART.x && Math.abs(one.point.y - point.y) < APART.y);
        }
      }
      if (near) { near.sites.push(site); continue; }
      const group = { point, sites: [site] };
      groups.push(group);
      const key = `${column} ${row}`;
      cells.set(key, [...(cells.get(key) || []), group]);
    }
    return groups.map((group) => group.sites);
  };

  const pin = (some) => {
    const counts = sum(some), state = worst(counts);
    return {
      label: `${titleOf(some)}: ${inWords(counts)}`,
      look: `board-pin board-pin-${config.groups[state].kind}${some.length > 1 ? " board-pin-many" : ""}`,
      parts: [tally(counts), make("span", "board-pin-name", titleOf(some))],
    };
  };

  const drawMarkers = () => {
    const wanted = new Map(gathered().map((some) => [some.map((site) => site.id).sort().join(), some]));
    for (const [key, marker] of markers) if (!wanted.has(key)) { marker.remove(); markers.delete(key); }
    for (const [key, some] of wanted) {
      const { label, look, parts } = pin(some);
      let marker = markers.get(key);
      if (!marker) {
        const body = make("div");
        marker = window.L.marker(some[0].at, { icon: window.L.divIcon({ className: "board-pin-place", html: body, iconSize: null }), keyboard: true, riseOnHover: true });
        marker.body = body;
        marker.on("click", () => choose(key));
        marker.on("keydown", ({ originalEvent: event }) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          choose(key);
        });
        markers.set(key, marker.addTo(map));
      }
      marker.sites = some;
      marker.setZIndexOffset((GROUPS.length - GROUPS.indexOf(worst(sum(some)))) * 1000);
      if (marker.body.dataset.label === label && marker.body.className === look) continue;
      marker.body.dataset.label = label;
      marker.body.className = look;
      marker.body.replaceChildren(...parts);
      marker.getElement().setAttribute("aria-label", label);
    }
    if (open) redrawPopup();
  };

  // --- a site's connectors ---

  const line = (tile) => {
    const look = shared.look(tile.status), link = make("a", `board-line board-${look.kind}`);
    const power = tile.session && tile.session.power_w !== null ? `${shared.number.format(tile.session.power_w / 1000)} kW` : "";
    const state = make("span", "board-state", icon(look.icon), make("span", "", tile.error ? `${look.text}: ${tile.error}` : look.text));
    link.href = shared.linkOf(tile);
    link.append(make("b", "", shared.placeOf(tile)), state, make("span", "board-line-power", power));
    return make("li", "", link);
  };
  const order = (tile) => GROUPS.indexOf(groupOf.get(tile.status) || "other");
  const about = (site) => {
    const some = [...site.tiles].sort((a, b) => order(a) - order(b) || shared.placeOf(a).localeCompare(shared.placeOf(b), undefined, { numeric: true }));
    const rows = make("ul", "board-lines", ...some.slice(0, LISTED).map(line));
    const all = make("button", "office-button", config.words.asTiles);
    all.type = "button";
    all.addEventListener("click", () => narrow(site.id));
    const more = some.length > LISTED ? [make("p", "office-muted", config.words.more.replace("{count}", some.length - LISTED))] : [];
    return [make("h3", "", site.name), tally(site.counts), rows, ...more, make("div", "office-buttons", all)];
  };

  const redrawPopup = () => {
    const body = open.body, present = open.ids.map((id) => sites.get(id)).filter(Boolean);
    const focused = [...body.querySelectorAll("a, button")].indexOf(document.activeElement), top = body.scrollTop;
    body.replaceChildren(...present.sort(byNeed).slice(0, 8).flatMap(about));
    body.scrollTop = top;
    if (focused >= 0) body.querySelectorAll("a, button")[focused]?.focus();
  };

  const openPopup = (some, from) => {
    const body = make("div", "board-popup"), popup = window.L.popup({ minWidth: 240, maxWidth: 300, offset: [0, -46], autoPanPadding: [16, 16] });
    body.setAttribute("role", "dialog");
    // Leaflet hears keys only while the map itself has the focus.
    body.addEventListener("keydown", (event) => { if (event.key === "Escape") popup.close(); });
    body.setAttribute("aria-label", titleOf(some));
    open = { popup, body, ids: some.map((site) => site.id) };
    const mine = open;
    redrawPopup();
    popup.setLatLng(some[0].at).setContent(body);
    popup.on("remove", () => {
      if (open === mine) open = null;
      from?.focus?.({ preventScroll: true });
    });
    popup.openOn(map);
    popup.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", config.words.close);
    body.querySelector("a, button")?.focus({ preventScroll: true });
  };

  // Nearer, where that takes them apart; else all of them.
  const choose = (key) => {
    const marker = markers.get(key), some = marker.sites;
    const bounds = window.L.latLngBounds(some.map((site) => site.at));
    const wide = !bounds.getNorthEast().equals(bounds.getSouthWest(), 1e-5);
    if (some.length > 1 && wide && map.getZoom() < config.zoom) map.fitBounds(bounds, { padding: [60, 60], maxZoom: config.zoom });
    else openPopup(some, marker.getElement());
  };

  // --- the list beside ---

  const entry = (site) => {
    const name = make("button", "board-place-name", site.name), head = make("span", "board-place-head", name);
    name.type = "button";
    name.addEventListener("click", () => {
      if (!site.at) { narrow(site.id); return; }
      map.setView(site.at, Math.max(map.getZoom(), 14));
      openPopup([sites.get(site.id) || site], name);
    });
    if (!site.at && site.id !== "null") {
      const link = make("a", "office-link", config.words.setPlace);
      link.href = board.dataset.site.replace("/0/", `/${site.id}/`);
      head.append(make("span", "office-muted", `${config.words.noPlace} `, link));
    }
    return make("li", `board-place board-place-${config.groups[worst(site.counts)].kind}`, head, tally(site.counts));
  };
  const drawList = () => {
    const sorted = [...sites.values()].sort(byNeed);
    const state = JSON.stringify(sorted.map((site) => [site.id, site.name, site.at, site.counts]));
    if (list.dataset.state === state) return;
    list.dataset.state = state;
    const focused = [...list.querySelectorAll("button, a")].indexOf(document.activeElement);
    list.replaceChildren(...sorted.map(entry));
    if (focused >= 0) list.querySelectorAll("button, a")[focused]?.focus();
  };

  // --- the map itself ---

  const load = () => (loading ??= new Promise((loaded, failed) => {
    const style = make("link"), script = make("script");
    Object.assign(style, { rel: "stylesheet", href: config.style });
    Object.assign(script, { src: config.script, onload: loaded, onerror: failed });
    document.head.prepend(style);
    document.head.append(script);
  }));

  const create = () => {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    map = window.L.map(box, {
      zoomControl: false, minZoom: 2, maxZoom: config.zoom, zoomAnimation: !calm, fadeAnimation: false, markerZoomAnimation: !calm,
      maxBounds: [[-85, -400], [85, 400]], attributionControl: Boolean(config.tiles),
    }).setView([48, 11], 4);
    window.L.control.zoom({ zoomInTitle: config.words.zoomIn, zoomOutTitle: config.words.zoomOut }).addTo(map);
    window.L.control.scale({ imperial: false }).addTo(map);
    if (config.tiles) {
      // Tile servers ask to be told which site shows their tiles: its name, never the page.
      window.L.tileLayer(config.tiles, { attribution: config.attribution, maxZoom: config.zoom, referrerPolicy: "origin" }).addTo(map);
      map.attributionControl.setPrefix(false);
    } else window.csmsGraticule(map);
    map.on("zoomend moveend", drawMarkers);
  };

  const fit = () => {
    const at = [...sites.values()].map((site) => site.at).filter(Boolean);
    if (at.length) map.fitBounds(at, { padding: [70, 70], maxZoom: 15, animate: false });
  };

  const follow = async (anew) => {
    try { await load(); } catch { loading = null; text(nowhere.querySelector("b"), config.words.failed); nowhere.hidden = false; return; }
    if (!shared.shown()) return;
    if (!map) { create(); anew = true; }
    sites = count();
    nowhere.hidden = [...sites.values()].some((site) => site.at) || !tiles.size;
    if (anew) { map.invalidateSize(false); fit(); }
    drawMarkers();
    drawList();
  };
  shared.watchers.push(follow);
  // The board may have been told of all before this script was there.
  if (shared.shown()) follow(true);
})();
