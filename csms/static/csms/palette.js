// The search palette: Ctrl-K, Cmd-K or "/" opens it; what is typed is looked up while one types, and the newest answer wins.
"use strict";
(() => {
  const palette = document.querySelector("[data-palette]");
  if (!palette) return;
  const input = palette.querySelector("input"), list = palette.querySelector("#palette-list");
  const line = palette.querySelector(".palette-line"), said = palette.querySelector("[data-said]"), count = palette.querySelector("[data-count]");
  const words = palette.dataset;
  const WAIT_MS = 140;
  let hits = [], chosen = -1, timer = 0, asking = null;

  // --- drawing ---

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };

  // The part that was typed, underlined.
  const marked = (text, term) => {
    const at = text.toLowerCase().indexOf(term.toLowerCase());
    if (at < 0 || !term) return [text];
    return [text.slice(0, at), make("mark", "", text.slice(at, at + term.length)), text.slice(at + term.length)];
  };

  const option = (url, title, text) => {
    const link = make("a", "palette-hit", make("b", "", ...title), make("span", "", ...text));
    link.href = url;
    link.id = `palette-hit-${hits.length}`;
    link.tabIndex = -1;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    const place = hits.push(link) - 1;
    link.addEventListener("mousemove", () => { if (chosen !== place) choose(place, false); });
    return link;
  };

  const group = (found, number, term) => {
    const icon = make("span", "material-symbols-outlined", found.icon);
    icon.setAttribute("aria-hidden", "true");
    const title = make("p", "", icon, found.title);
    title.id = `palette-group-${number}`;
    const part = make("div", "palette-group", title);
    part.setAttribute("role", "group");
    part.setAttribute("aria-labelledby", title.id);
    for (const hit of found.hits) part.append(option(hit.url, marked(hit.title, term), marked(hit.text, term)));
    if (found.more) part.append(option(found.more, [`${words.more} …`], []));
    return part;
  };

  const show = (groups, term) => {
    hits = [];
    chosen = -1;
    list.replaceChildren(...groups.map((found, number) => group(found, number, term)));
    list.scrollTop = 0;
    say(hits.length ? "" : words.none);
    count.textContent = hits.length === 1 ? words.one : words.many.replace("{count}", hits.length);
    input.setAttribute("aria-expanded", String(hits.length > 0));
    choose(hits.length ? 0 : -1, false);
  };

  const say = (text) => {
    said.textContent = text;
    said.hidden = !text;
  };

  const choose = (place, scroll = true) => {
    if (hits[chosen]) hits[chosen].setAttribute("aria-selected", "false");
    chosen = place;
    if (!hits[chosen]) { input.removeAttribute("aria-activedescendant"); return; }
    hits[chosen].setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", hits[chosen].id);
    if (scroll) hits[chosen].scrollIntoView({ block: "nearest" });
  };

  // --- asking ---

  const empty = () => {
    list.replaceChildren();
    hits = [];
    choose(-1);
    count.textContent = "";
    input.setAttribute("aria-expanded", "false");
    say(words.hint);
  };

  const stop = () => {
    window.clearTimeout(timer);
    if (asking) asking.abort();
    asking = null;
    delete line.dataset.busy;
  };

  const ask = async (term) => {
    const mine = (asking = new AbortController());
    line.dataset.busy = "";
    try {
      const url = `${words.source}?${new URLSearchParams({ q: term })}`;
      const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" }, signal: mine.signal });
      // Signed out meanwhile: the page leads to the form.
      if (answer.redirected) { window.location.reload(); return; }
      if (!answer.ok) throw new Error(answer.statusText);
      const { groups } = await answer.json();
      if (asking === mine) show(groups, term);
    } catch {
      if (asking === mine) { empty(); say(words.failed); }
    } finally {
      if (asking === mine) stop();
    }
  };

  const typed = () => {
    stop();
    const term = input.value.trim();
    if (!term) { empty(); return; }
    timer = window.setTimeout(() => ask(term), WAIT_MS);
  };

  // --- opening, moving, closing ---

  const open = () => {
    if (palette.open) { input.select(); return; }
    palette.showModal();
    input.focus();
    input.select();
  };

  const move = (by) => {
    if (hits.length) choose((chosen + by + hits.length) % hits.length);
  };

  const go = (elsewhere) => {
    if (!hits[chosen]) return;
    if (elsewhere) { window.open(hits[chosen].href, "_blank", "noopener"); return; }
    window.location.assign(hits[chosen].href);
  };

  const KEYS = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Home: () => { if (hits.length) choose(0); },
    End: () => { if (hits.length) choose(hits.length - 1); },
    Enter: (event) => go(event.ctrlKey || event.metaKey),
  };

  input.addEventListener("input", typed);
  input.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.isComposing) return;
    // In a text, Home and End are the text's.
    if ((event.key === "Home" || event.key === "End") && !event.ctrlKey) return;
    event.preventDefault();
    KEYS[event.key](event);
  });
  palette.addEventListener("click", (event) => {
    if (event.target === palette || event.target.closest("[data-palette-close]")) palette.close();
  });
  // The browser gives the focus back to where it was.
  palette.addEventListener("close", stop);

  const writing = (element) => element && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    const ctrlK = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k";
    // On a list "/" is for the list's own search.
    const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !writing(document.activeElement) && !document.getElementById("searchbar");
    if (!ctrlK && !(slash && !palette.open)) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette-open]")) open();
  });
  if (/Mac|iPhone|iPad/.test(navigator.platform)) {
    for (const key of document.querySelectorAll("[data-palette-shortcut]")) key.textContent = "⌘K";
  }
})();
