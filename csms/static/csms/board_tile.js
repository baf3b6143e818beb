// One tile of the live board: what is written on it, and its place. Used by board.js.
"use strict";
window.csmsTiles = (board, words) => {
  const number = new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  const text = (element, value) => { if (element.textContent !== value) element.textContent = value; };
  const look = (status) => words.statuses[status] || { text: status || words.unknown, kind: "off", icon: "help" };
  const placeOf = (tile) => (tile.evse ? `${tile.station} / ${tile.evse}${tile.connector > 1 ? `.${tile.connector}` : ""}` : tile.station);
  const linkOf = (tile) => (tile.session
    ? board.dataset.session.replace("/0/", `/${tile.session.id}/`) : board.dataset.station.replace("/0/", `/${tile.station_id}/`));

  const since = (iso) => {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (days) return `${days} ${words.days} ${hours % 24} h`;
    if (hours) return `${hours}:${String(minutes % 60).padStart(2, "0")} h`;
    return `${minutes}:${String(seconds % 60).padStart(2, "0")} min`;
  };

  // Thousands are made: a copy of one is quicker than its parts.
  const blank = document.createElement("template");
  blank.innerHTML = '<li><a><span class="board-name"></span><span class="board-state"><span class="material-symbols-outlined" aria-hidden="true">'
    + '</span><span></span></span><span class="board-power"></span><span class="board-more"></span><span class="board-more"></span></a></li>';
  const card = () => {
    const item = blank.content.firstChild.cloneNode(true), link = item.firstChild;
    const [name, state, power, energy, more] = link.children, [icon, word] = state.children;
    return { item, link, name, icon, word, power, energy, more, site: undefined };
  };

  const write = (shown, tile) => {
    const kind = look(tile.status), session = tile.session;
    shown.link.className = `board-tile board-${kind.kind}`;
    shown.link.href = linkOf(tile);
    text(shown.name, placeOf(tile));
    text(shown.icon, kind.icon);
    text(shown.word, tile.error ? `${kind.text}: ${tile.error}` : kind.text);
    shown.word.title = shown.word.textContent;
    text(shown.power, session && session.power_w !== null ? `${number.format(session.power_w / 1000)} kW` : "");
    writeTimes(shown, tile);
  };

  const writeTimes = (shown, tile) => {
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

  return { number, text, look, placeOf, linkOf, card, write, writeTimes };
};
