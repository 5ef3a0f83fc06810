// Keeps what is recorded in this browser while it is recorded, so that a closed tab or an empty battery loses nothing.
// Takes and their parts lie in IndexedDB; where a browser has none, nothing is kept and `kept` is false.

const DAYS = 7;
const whole = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let opened;
function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("candid", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("takes", { keyPath: "id" });
      request.result.createObjectStore("parts", { keyPath: ["take", "number"] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function within(mode, work) {
  const change = (await open()).transaction(["takes", "parts"], mode);
  const done = new Promise((resolve, reject) => {
    change.oncomplete = resolve;
    change.onabort = change.onerror = () => reject(change.error);
  });
  const result = await work(change.objectStore("takes"), change.objectStore("parts"));
  await done;
  return result;
}

const partsOf = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);

// A take is {id, person, recipe, slot, name, type, at, seconds}.
export const note = (take) => within("readwrite", (takes) => whole(takes.put(take)));

export const part = (id, number, blob) => within("readwrite", (_, parts) => whole(parts.put({ take: id, number, blob })));

export const drop = (id) =>
  within("readwrite", async (takes, parts) => {
    parts.delete(partsOf(id));
    await whole(takes.delete(id));
  }).catch(() => {});

// What somebody recorded for a recipe in this browser, the oldest first, each with its `file`.
export async function kept(person, recipe) {
  try {
    const all = await within("readonly", (takes) => whole(takes.getAll()));
    const old = all.filter((take) => take.at < Date.now() - DAYS * 86_400_000);
    await Promise.all(old.map((take) => drop(take.id)));
    const mine = all.filter((take) => take.person === person && take.recipe === recipe && !old.includes(take));
    const files = await Promise.all(mine.sort((a, b) => a.at - b.at).map(withFile));
    return files.filter((take) => take.file.size);
  } catch {
    return [];
  }
}

export async function forget(person, recipe) {
  for (const take of await kept(person, recipe)) await drop(take.id);
}

async function withFile(take) {
  const parts = await within("readonly", (_, stored) => whole(stored.getAll(partsOf(take.id))));
  return { ...take, file: asFile(take, parts.map((each) => each.blob)) };
}

// The date is the take's own, so that sending it goes on where it stopped.
export const asFile = (take, blobs) => new File(blobs, take.name, { type: take.type, lastModified: take.at });
