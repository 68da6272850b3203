// Fetches the page anew whenever something has changed, and puts the new lists in the place of the old.
"use strict";

const live = document.getElementById("live");
const still = document.getElementById("still");
let busy = false;
let stale = false;

async function refresh() {
  if (busy) {
    stale = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch("/");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const list = fresh.getElementById(old.id);
      // What has the focus is in somebody's hand; the next change finds it free.
      if (!list || list.innerHTML === old.innerHTML || (old.contains(document.activeElement) && old !== document.activeElement)) continue;
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

function connected(yes) {
  live.hidden = !yes;
  still.hidden = yes;
}

const changes = new EventSource("/_sandbox/events");
changes.onmessage = refresh;
changes.onopen = () => {
  connected(true);
  refresh();
};
changes.onerror = () => connected(false);
