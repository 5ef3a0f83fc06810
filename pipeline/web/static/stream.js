// What happens to one's takes, as it happens: one stream of events a tab, closed while nobody looks at the tab.

const PATIENCE = 20_000; // ms that somebody waits for a page before they wonder
let wentOn = -Infinity; // when somebody last asked for another page, in ms
let retry = 0; // a timer

// Calls `tell` with the state of each take, by its id, whenever one changes.
export function follow(tell) {
  let stream = null;

  function listen() {
    if (document.hidden) {
      close();
    } else if (!stream) {
      stream = new EventSource("/events");
      stream.addEventListener("takes", (event) => tell(JSON.parse(event.data)));
    }
  }

  function close() {
    stream?.close();
    stream = null;
  }

  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    wentOn = -Infinity;
    listen();
  });
  listen();
}

// Shows the page anew. Whoever waits for the page that they asked for is let go there: a reload would keep them here.
export function anew() {
  clearTimeout(retry);
  if (performance.now() - wentOn < PATIENCE) retry = setTimeout(anew, 1000);
  else location.reload();
}

function goesOn() {
  wentOn = performance.now();
}

function follows(event) {
  const link = event.target.closest?.("a[href]:not([target], [download])");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (link && !elsewhere && !event.defaultPrevented) goesOn();
}

addEventListener("beforeunload", goesOn); // phones by Apple never say this, hence the other two
addEventListener("submit", (event) => { if (!event.defaultPrevented) goesOn(); });
addEventListener("click", follows);
