// Sends a file by tus 1.0 in slices, and goes on after whatever happens: a lost network, a server that was started
// again, a page that was closed. Where it is sent to is kept in this browser.

const SLICE = 8 << 20;
const LONGEST_WAIT = 30;
const SILENT = 45_000; // ms without a byte: the network is gone and has not said so
const TUS = { "Tus-Resumable": "1.0.0", Accept: "application/json" };
const AGAIN = new Set([408, 409, 423, 429]);

// `told` goes with the file; `hear` is told {begun(id), sent(bytes), waits(seconds)}.
// Gives {whole: a promise of the upload's id, stop()}.
export function send(file, key, told, hear) {
  const sending = new Sending(file, `candid:${key}:${file.name}:${file.size}:${file.lastModified}`, told, hear);
  return { whole: sending.run(), stop: () => sending.stop() };
}

// Takes an upload back.
export const takeBack = (id) => fetch(`/uploads/${id}`, { method: "DELETE", headers: TUS }).catch(() => {});

class Refused extends Error {}
class Stopped extends Error {}

class Sending {
  constructor(file, key, told, hear) {
    Object.assign(this, { file, key, told, hear, over: false });
  }

  stop() {
    this.over = true;
    this.request?.abort();
    this.wake?.();
    localStorage.removeItem(this.key);
  }

  here() {
    if (this.over) throw new Stopped();
  }

  async run() {
    let wait = 1;
    for (;;) {
      try {
        const place = await this.place();
        if (this.over) takeBack(place.split("/").pop()); // it was begun while it was stopped
        this.here();
        this.hear.begun(place.split("/").pop());
        let there = await this.howFar(place);
        if (there === null) continue; // it is gone: from the beginning
        while (there < this.file.size) {
          this.here();
          there = await this.slice(place, there);
          wait = 1;
        }
        localStorage.removeItem(this.key);
        return place.split("/").pop();
      } catch (fault) {
        this.here();
        if (fault instanceof Refused) throw fault;
        this.hear.waits(wait);
        await this.pause(wait);
        this.here();
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
    }
  }

  async place() {
    const known = localStorage.getItem(this.key);
    if (known) return known;
    const said = Object.entries(this.told).map(([key, value]) => `${key} ${base64(value)}`);
    const headers = { ...TUS, "Upload-Length": this.file.size, "Upload-Metadata": said.join(",") };
    const answer = await fetch("/uploads", { method: "POST", headers });
    await judge(answer.status, () => answer.text());
    const place = new URL(answer.headers.get("Location"), location.href).pathname;
    localStorage.setItem(this.key, place);
    return place;
  }

  async howFar(place) {
    const answer = await fetch(place, { method: "HEAD", headers: TUS });
    if (answer.status === 404 || answer.status === 410) {
      localStorage.removeItem(this.key);
      return null;
    }
    await judge(answer.status, () => "");
    return Number(answer.headers.get("Upload-Offset"));
  }

  slice(place, from) {
    return new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest());
      let silence = setTimeout(() => request.abort(), SILENT);
      request.open("PATCH", place);
      const headers = { ...TUS, "Upload-Offset": from, "Content-Type": "application/offset+octet-stream" };
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => {
        clearTimeout(silence);
        silence = setTimeout(() => request.abort(), SILENT);
        this.hear.sent(from + event.loaded);
      };
      request.onloadend = () => {
        clearTimeout(silence);
        judge(request.status, () => request.responseText)
          .then(() => resolve(Number(request.getResponseHeader("Upload-Offset"))))
          .catch(reject);
      };
      request.send(this.file.slice(from, from + SLICE));
    });
  }

  pause(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.wake = () => (clearTimeout(timer), resolve());
      addEventListener("online", this.wake, { once: true });
    });
  }
}

// What an answer means: fine, try again, or never.
async function judge(status, text) {
  if (status >= 200 && status < 300) return;
  if (status === 401) throw new Refused("You are signed out. Sign in again in another tab, then choose it once more: what was sent is still there.");
  if (status >= 400 && status < 500 && !AGAIN.has(status)) throw new Refused((await text()) || "The server refuses it.");
  throw new Error(`answer ${status}`);
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
