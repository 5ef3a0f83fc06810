// What happens to one's takes, as it happens: one stream of events a tab, closed while nobody looks at the tab.

const PATIENCE = 20_000; // ms that somebody waits for a page before they wonder
let left = -Infinity; // when somebody last went on to another page, in ms
let again = 0;

// Calls `tell` with the state of each take, by its id, whenever one changes.
export function follow(tell) {
  let stream = null;

  function listen() {
    if (document.hidden) {
      stream?.close();
      stream = null;
    } else if (!stream) {
      stream = new EventSource("/events");
      stream.addEventListener("takes", (event) => tell(JSON.parse(event.data)));
    }
  }

  document.addEventListener("visibilitychange", listen);
  addEventListener("beforeunload", () => { left = performance.now(); });
  addEventListener("pagehide", () => stream?.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    left = -Infinity;
    stream = null;
    listen();
  });
  listen();
}

// Shows the page anew. Whoever waits for the page that they went on to is let go there: a reload would take them back.
export function anew() {
  clearTimeout(again);
  if (performance.now() - left < PATIENCE) again = setTimeout(anew, 1000);
  else location.reload();
}
