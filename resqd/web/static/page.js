// Polling, keys, dialogs, curves. Without it every page and act still works: links and forms are plain.
(() => {
  const EVERY = 2000, LATE = 10000;
  const body = document.body, root = body.dataset.root;
  const $ = (id) => document.getElementById(id);
  const store = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* lasts for this page */ } },
  };

  // Live: a tick every two seconds while the tab is seen. What the reader points at, or has ticked, is left alone.
  let paused = false, answered = Date.now();
  const held = (target) =>
    target.querySelector("table:hover") || target.querySelector("input:checked") ||
    (target.contains(document.activeElement) && document.activeElement.matches("table a, table button, table input"));
  const tick = () => { if (!paused && !document.hidden && !document.querySelector("dialog[open]")) body.dispatchEvent(new Event("tick")); };
  const mark = () => {
    const place = $("live-mark");
    if (!place || !$("live")) return;
    const late = Date.now() - answered > LATE;
    place.classList.toggle("late", late);
    place.querySelector("use").setAttribute("href", late ? "#i-silent" : paused ? "#i-pause" : "#i-up");
    $("live").classList.toggle("stale", late);
  };
  setInterval(() => { tick(); mark(); }, EVERY);
  document.addEventListener("visibilitychange", tick);
  body.addEventListener("htmx:beforeSwap", (event) => {
    answered = Date.now();
    if (held(event.detail.target)) event.detail.shouldSwap = false;
    else remember(event.detail.target);
  });
  body.addEventListener("htmx:afterSettle", (event) => { fade(event.detail.target); curves(); marked(); mark(); });

  // A number that has changed fades once.
  let before = new Map();
  const cells = (place) => place.querySelectorAll("td.num:not(.age), .figures dd:nth-of-type(1)");
  const key = (cell) => {
    const row = cell.closest("tr, div");
    return `${row?.querySelector("th, dt")?.textContent ?? ""}/${[...row.children].indexOf(cell)}`;
  };
  const remember = (place) => { before = new Map([...cells(place)].map((cell) => [key(cell), cell.textContent])); };
  const fade = (place) => {
    for (const cell of cells(place)) {
      const was = before.get(key(cell));
      if (was === undefined || was === cell.textContent) continue;
      cell.classList.remove("changed");
      void cell.offsetWidth;
      cell.classList.add("changed");
    }
  };
  const pause = () => {
    paused = !paused;
    $("pause-updates").setAttribute("aria-pressed", String(paused));
    $("pause-updates").textContent = paused ? "resume" : "pause";
    mark();
  };
  $("pause-updates")?.addEventListener("click", pause);

  // Dialogs: the question is a page of its own; here its form is shown above the page that asked.
  const dialog = $("dialog");
  document.addEventListener("click", async (event) => {
    const close = event.target.closest("dialog [data-close]");
    if (close) { event.preventDefault(); close.closest("dialog").close(); return; }
    const asks = event.target.closest("a[data-dialog]");
    if (!asks || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const url = new URL(asks.href);
    url.searchParams.set("part", "dialog");
    const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) { location.assign(asks.href); return; }
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    dialog.replaceChildren(parsed.querySelector("form"));
    dialog.setAttribute("aria-labelledby", "dialog-title");
    dialog.showModal();
    dialog.querySelector("[autofocus]")?.focus();
  });

  // Ticks.
  const ticks = () => [...document.querySelectorAll('td input[name="job"]')];
  const marked = () => {
    const count = $("ticked-count"), number = ticks().filter((box) => box.checked).length;
    if (!count) return;
    count.textContent = number ? `${number} ticked` : "Nothing ticked: the buttons act on all that match";
    for (const each of document.querySelectorAll("[data-when]")) each.hidden = (each.dataset.when === "ticked") !== number > 0;
  };
  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") for (const box of ticks()) box.checked = event.target.checked;
    marked();
  });
  marked();

  // Keys.
  const GO = { o: "/", q: "/queues", r: "/running", l: "/later", f: "/failed", c: "/cron", h: "/hosts" };
  let going = 0, row = -1;
  const rows = () => [...document.querySelectorAll("main tbody tr")].filter((each) => each.querySelector("th a, a"));
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    row = Math.min(all.length - 1, Math.max(0, row + by));
    (all[row].querySelector("th a") ?? all[row].querySelector("a")).focus();
  };
  const letters = $("letters-off");
  if (letters) {
    letters.checked = store.get("resqd.letters") === "off";
    letters.addEventListener("change", () => store.set("resqd.letters", letters.checked ? "off" : "on"));
  }
  const theme = () => {
    const all = [...document.querySelectorAll("[data-set-theme]")];
    const now = all.findIndex((each) => each.getAttribute("aria-pressed") === "true");
    all[(now + 1) % all.length]?.click();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    if (letters?.checked && event.key !== "?") return;
    if (going && Date.now() - going < 1500 && GO[event.key]) { location.assign(root + GO[event.key]); return; }
    going = event.key === "g" ? Date.now() : 0;
    const keys = {
      "/": () => { event.preventDefault(); $("q").focus(); },
      j: () => step(1), k: () => step(-1), p: pause, t: theme,
      x: () => { const box = rows()[row]?.querySelector('input[type="checkbox"]'); if (box) { box.checked = !box.checked; marked(); } },
      "?": () => $("keys").showModal(),
    };
    keys[event.key]?.();
  });

  // Curves: the columns stand in the page; a part that was polled brings newer ones.
  const drawn = new Map();
  const colour = (place, name) => {
    const probe = document.createElement("span");
    probe.className = place.className;
    probe.setAttribute("data-probe", name);
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const options = (place, width) => {
    const line = colour(place, "line"), grid = colour(place, "grid"), text = colour(place, "text");
    const font = `12px ${getComputedStyle(body).fontFamily}`;
    const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    return {
      width, height: 132, padding: [10, 4, 0, 4], tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"), legend: { show: false }, cursor: { show: false },
      scales: { x: { time: true }, y: { range: (_u, _low, high) => [0, Math.max(1, high * 1.1 || 1)] } },
      axes: [{ ...axis, space: 70, size: 26, values: (_u, all) => all.map((at) => new Date(at * 1000).toISOString().slice(...(all.at(-1) - all[0] > 86400 ? [5, 10] : [11, 19]))) }, { ...axis, size: 48, space: 34, side: 1 }],
      series: [{}, { stroke: line, width: 1.5, fill: line.replace("rgb(", "rgba(").replace(")", ", .12)"), points: { show: false } }],
    };
  };
  const curves = () => {
    const holder = $("curves");
    if (!holder || !window.uPlot) return;
    const columns = JSON.parse(holder.dataset.curves);
    if (columns.at.length < 2) return;  // two points make a line
    for (const place of holder.querySelectorAll("[data-curve]")) {
      const data = [columns.at, columns[place.dataset.curve]], width = place.clientWidth;
      const known = drawn.get(place.id);
      if (known && known.root.isConnected && known.width === width) known.setData(data);
      else if (width > 0) {
        known?.destroy();
        place.replaceChildren();
        drawn.set(place.id, new uPlot(options(place, width), data, place));
      }
    }
  };
  const again = () => { for (const each of drawn.values()) each.destroy(); drawn.clear(); curves(); };
  // What a curve has drawn is not in the page that was polled; morphing must leave it where it is.
  body.addEventListener("htmx:load", curves);
  addEventListener("resize", again);
  new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  if (window.Idiomorph) {
    Idiomorph.defaults.callbacks.beforeNodeRemoved = (node) => !node.parentElement?.closest?.("[data-curve]") && !(node.parentElement?.matches?.("[data-curve]"));
    Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.localName === "details");
    Idiomorph.defaults.ignoreActiveValue = true;
  }
  curves();
})();
