// Opens the live board's line while the rest of the page is still being fetched; board.js takes it over with what was heard.
"use strict";
(() => {
  const scheme = window.location.protocol === "https:" ? "wss" : "ws";
  const line = { socket: new WebSocket(`${scheme}://${window.location.host}${document.currentScript.dataset.socket}`), heard: [], ended: null };
  line.socket.onmessage = (event) => line.heard.push(event);
  line.socket.onclose = (event) => { line.ended = event; };
  window.csmsBoardLine = line;
})();
