// Fetches the page after every change and replaces the lists in place.
"use strict";

const live = document.getElementById("live");
const refreshLink = document.getElementById("refresh");
let busy = false;
let stale = false;

// Returns null if the request fails: the user has left the page, or the sandbox has stopped.
async function fetchPage() {
  try {
    const response = await fetch("/");
    return await response.text();
  } catch {
    return null;
  }
}

async function refresh() {
  if (busy) {
    stale = true;
    return;
  }
  busy = true;
  try {
    const html = await fetchPage();
    if (html === null) return;
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const list = fresh.getElementById(old.id);
      // A list that contains the focus stays: the user may be about to use it.
      const focused = document.activeElement;
      const inUse = old.contains(focused) && old !== focused;
      if (!list || list.innerHTML === old.innerHTML || inUse) continue;
      const open = Array.from(old.querySelectorAll("details[open]"), (details) => details.id);
      old.replaceChildren(...list.childNodes);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    }
  } finally {
    busy = false;
    if (stale) {
      stale = false;
      refresh();
    }
  }
}

function setConnected(connected) {
  live.hidden = !connected;
  refreshLink.hidden = connected;
}

const changes = new EventSource("/_sandbox/events");
changes.onmessage = refresh;
changes.onopen = () => {
  setConnected(true);
  refresh();
};
changes.onerror = () => setConnected(false);
