// The recorder: camera and microphone, chosen and tested; a countdown; several takes; looked at before one is used.
import * as keep from "./keep.js";
import { Prompter } from "./prompter.js";

const TYPES = ["video/webm;codecs=h264,opus", "video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/mp4"];
const A_PART = 1000; // ms between two parts that are kept
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const SILENCE = 0.01;
const WRONG = {
  NotAllowedError: "The browser does not lend the camera or the microphone to this page. Allow both beside its address, then press Record again; or choose a file.",
  NotFoundError: "No camera with a microphone was found. Plug one in, or record with your phone and choose the file.",
  NotReadableError: "Another program uses the camera or the microphone. End it (a video call, perhaps), then press Record again.",
  OverconstrainedError: "This camera is no longer there, or cannot do that. Choose another one, or the wide shape.",
  insecure: "Browsers lend their camera to pages only over https. Record with your phone's own camera and choose the file.",
};

export const canRecord = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia) && "MediaRecorder" in window;

const at = (id) => document.getElementById(id);
export const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const inWords = (fault) => WRONG[fault.name] ?? `The recording did not work (${fault.name}). Try again, or choose a file.`;

export class Recorder {
  constructor(about) {
    this.about = about;
    this.dialog = at("recorder");
    this.prompter = new Prompter(at("prompter"), at("speed"), at("size"), at("run"));
    at("start").onclick = () => this.record();
    at("stop").onclick = () => this.stop();
    at("done").onclick = () => this.dialog.close();
    at("shape").value = about.upright ? "upright" : "wide";
    at("shape-field").hidden = matchMedia("(pointer: coarse)").matches; // a phone is held as it is to be seen
    for (const id of ["camera", "microphone", "shape"]) at(id).onchange = () => this.lend();
    this.dialog.oncancel = (event) => this.recording && event.preventDefault(); // Escape while recording
    this.dialog.onclose = () => this.close();
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.stream && this.list());
  }

  // For one slot: {number, prompt, takes, use(take), change()}.
  async open(slot) {
    this.slot = slot;
    at("recorder-title").textContent = `${slot.number}. ${slot.prompt}`;
    at("clock").textContent = minutes(0);
    at("look").hidden = true;
    this.show();
    this.dialog.showModal();
    this.prompter.show(this.about.script || slot.prompt);
    await this.lend();
  }

  close() {
    this.stop();
    this.release();
    this.prompter.pause();
    at("look").removeAttribute("src");
  }

  say(text) {
    at("recorder-said").textContent = text;
  }

  // --- camera and microphone

  async lend() {
    at("start").disabled = true;
    this.release();
    const mine = (this.asked = Symbol());
    try {
      if (!canRecord()) throw { name: "insecure" };
      const stream = await navigator.mediaDevices.getUserMedia(this.wanted());
      if (mine !== this.asked || !this.dialog.open) {
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      this.stream = stream;
      at("live").srcObject = stream;
      await at("live").play().catch(() => {});
      await this.list();
      this.listen();
      at("start").disabled = false;
      this.say("Say something: the bar moves when we hear you. Then press Record.");
    } catch (fault) {
      this.say(inWords(fault));
    }
  }

  wanted() {
    const chosen = (id) => (at(id).value ? { deviceId: { exact: at(id).value } } : {});
    const wide = at("shape-field").hidden || at("shape").value === "wide";
    const size = wide ? { width: { ideal: 1920 }, height: { ideal: 1080 } } : { height: { ideal: 1080 }, aspectRatio: { exact: 9 / 16 } };
    const face = at("camera").value ? {} : { facingMode: "user" };
    return { video: { ...size, frameRate: { ideal: 30 }, ...face, ...chosen("camera") }, audio: { ...AS_IT_IS, ...chosen("microphone") } };
  }

  async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const track = { camera: this.stream.getVideoTracks()[0], microphone: this.stream.getAudioTracks()[0] };
    for (const [id, kind] of [["camera", "videoinput"], ["microphone", "audioinput"]]) {
      const found = devices.filter((device) => device.kind === kind);
      const options = found.map((device, index) => new Option(device.label || `${id} ${index + 1}`, device.deviceId));
      at(id).replaceChildren(...options);
      at(id).value = track[id]?.getSettings().deviceId ?? "";
    }
  }

  listen() {
    this.sound = new AudioContext();
    const ear = this.sound.createAnalyser();
    ear.fftSize = 1024;
    this.sound.createMediaStreamSource(this.stream).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    let heard = performance.now();
    let quiet = false;
    const look = () => {
      if (!this.sound) return;
      ear.getFloatTimeDomainData(samples);
      const level = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
      at("level").value = Math.min(1, Math.sqrt(level) * 1.6);
      if (level > SILENCE) heard = performance.now();
      if (quiet !== performance.now() - heard > 5000) {
        quiet = !quiet;
        this.say(quiet ? "We hear nothing. Is it the right microphone?" : "We hear you.");
      }
      requestAnimationFrame(look);
    };
    look();
  }

  release() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.sound?.close();
    this.stream = this.sound = null;
  }

  // --- one take

  async record() {
    at("look").hidden = true;
    at("look").pause();
    at("start").hidden = true;
    at("stop").hidden = false;
    at("stop").focus();
    const mine = (this.recording = Symbol("a take"));
    if (!(await this.countdown(mine))) return;
    const number = this.slot.takes.length + 1;
    const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each));
    const taking = new MediaRecorder(this.stream, { ...(type && { mimeType: type }), videoBitsPerSecond: 6_000_000, audioBitsPerSecond: 128_000 });
    const take = { id: crypto.randomUUID(), person: this.about.person, recipe: this.about.recipe, slot: this.slot.number, at: Date.now(), seconds: 0 };
    const parts = [];
    taking.ondataavailable = (event) => this.part(take, parts, event.data, number, taking.mimeType);
    taking.onerror = (event) => this.say(inWords(event.error ?? event));
    taking.onstop = () => this.taken(take, parts);
    taking.start(A_PART);
    this.taking = taking;
    this.awake = navigator.wakeLock?.request("screen").catch(() => null); // a phone that sleeps stops recording
    this.prompter.start();
    this.say("Recording.");
    const clock = () => {
      if (this.taking !== taking) return;
      take.seconds = (Date.now() - take.at) / 1000;
      at("clock").textContent = minutes(take.seconds);
      setTimeout(clock, 200);
    };
    clock();
  }

  // Three, two, one; whether it was not stopped meanwhile.
  async countdown(mine) {
    at("count").hidden = false;
    for (let left = 3; left && this.recording === mine; left--) {
      at("count").textContent = left;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (this.recording && this.recording !== mine) return false; // another one counts
    at("count").hidden = true;
    at("count").textContent = "";
    return Boolean(this.recording && this.stream);
  }

  // Keeps a part as it comes; in the order in which they came.
  part(take, parts, blob, number, type) {
    if (!blob.size) return;
    if (!take.name) {
      take.type = type.split(";")[0];
      take.name = `clip-${take.slot}-take-${number}.${take.type.includes("mp4") ? "mp4" : "webm"}`;
    }
    parts.push(blob);
    const place = parts.length;
    this.keeping = Promise.resolve(this.keeping)
      .then(() => keep.note({ ...take }))
      .then(() => keep.part(take.id, place, blob))
      .catch(() => this.say("Recording. This browser cannot keep it: do not close this page until it is sent."));
  }

  stop() {
    this.recording = null;
    if (this.taking?.state === "recording") this.taking.stop();
    else this.idle();
    this.taking = null;
    this.awake?.then((lock) => lock?.release());
    this.awake = null;
  }

  idle() {
    at("stop").hidden = true;
    at("start").hidden = false;
  }

  async taken(take, parts) {
    this.idle();
    this.prompter.pause();
    if (!parts.length) return this.say("Nothing was recorded. Try again.");
    await this.keeping;
    this.slot.takes.push({ ...take, file: keep.asFile(take, parts) });
    this.slot.change();
    this.show();
    this.say("Look at it, then use it, or record it once more.");
    if (this.dialog.open) this.play(this.slot.takes.at(-1));
    at("taken").querySelector("li:last-child .use")?.focus();
  }

  play(take) {
    look(at("look"), take.file);
  }

  show() {
    list(at("taken"), this.slot, (take) => this.play(take), () => this.dialog.close());
    at("start").textContent = this.slot.takes.length ? "Record once more" : "Record";
  }
}

// Shows a file in a player. (What a recorder wrote has no length; seeking to its end, to learn it, breaks players.)
export function look(player, file) {
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(file);
  player.hidden = false;
}

// The takes of a slot, each to be looked at, used or deleted.
export function list(place, slot, play, used) {
  place.hidden = !slot.takes.length;
  place.replaceChildren(
    ...slot.takes.map((take, index) => {
      const row = document.createElement("li");
      row.className = "row";
      const name = document.createElement("span");
      name.textContent = `Take ${index + 1}, ${minutes(take.seconds)}${take.id === slot.used ? " - used" : ""}`;
      const button = (text, kind, act) => {
        const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, className: kind, onclick: act });
        made.setAttribute("aria-label", `${text}: take ${index + 1}`);
        return made;
      };
      const use = button("Use this one", "use", () => (slot.use(take), used()));
      use.hidden = take.id === slot.used;
      const remove = button("Delete", "plain", () => slot.remove(take).then(() => list(place, slot, play, used)));
      const buttons = document.createElement("span");
      buttons.append(button("Look", "plain", () => play(take)), use, remove);
      row.append(name, buttons);
      return row;
    }),
  );
}
