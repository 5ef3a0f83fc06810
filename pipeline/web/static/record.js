// The page of one recipe: a place for each clip, where it is recorded or chosen, looked at, and sent meanwhile.
import * as keep from "./keep.js";
import { canRecord, list, look, Recorder } from "./recorder.js";
import { send, takeBack } from "./upload.js";

const about = JSON.parse(document.getElementById("about").textContent);
const form = document.getElementById("hand-in");
const told = document.getElementById("told");
const inWords = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const left = (seconds) => (seconds < 50 ? "less than a minute left" : `about ${Math.ceil(seconds / 60)} min left`);

class Slot {
  constructor(element) {
    this.element = element;
    this.number = Number(element.dataset.slot);
    this.prompt = element.querySelector("h3").textContent.replace(/^\d+\. /, "");
    this.takes = [];
    this.used = "";
    for (const field of element.querySelectorAll("input[type=file]")) {
      field.onchange = () => {
        const [file] = field.files;
        field.value = ""; // it is sent from here, not with the form
        if (file) this.send(file);
      };
    }
    const record = this.one("record");
    record.hidden = !canRecord();
    record.onclick = () => recorder.open(this);
    this.one("sources").classList.toggle("can-record", canRecord());
    const back = this.one("sent").querySelector("button");
    if (back) back.onclick = (event) => (event.preventDefault(), takeBack(back.value), this.empty(true));
  }

  one(name) {
    return this.element.getElementsByClassName(name)[0];
  }

  get id() {
    return this.one("sent").querySelector("input")?.value ?? "";
  }

  change() {
    list(this.one("taken"), this, (take) => look(this.one("look"), take.file), () => {});
  }

  use(take) {
    this.used = take.id;
    this.change();
    this.send(take.file);
  }

  async remove(take) {
    this.takes = this.takes.filter((each) => each !== take);
    if (take.id === this.used) this.empty(true);
    this.change();
    await keep.drop(take.id);
  }

  // What was here before goes.
  empty(focus = false) {
    this.sending?.stop();
    this.sending = null;
    if (this.id) takeBack(this.id);
    this.used = "";
    this.one("sent").replaceChildren();
    this.one("sending").hidden = true;
    this.one("look").hidden = true;
    this.element.querySelector(".fault")?.remove();
    this.change();
    if (focus) this.element.querySelector("input[type=file]").focus();
  }

  send(file) {
    const used = this.takes.find((take) => take.file === file)?.id ?? "";
    this.empty();
    this.used = used;
    this.change();
    look(this.one("look"), file);
    this.one("sending").hidden = false;
    const progress = new Progress(this, file.size);
    const key = `${about.person}:${about.recipe}:${this.number}`;
    const sending = send(file, key, { filename: file.name, recipe: about.recipe, slot: String(this.number) }, progress);
    this.sending = sending;
    this.named(file, progress);
    sending.whole
      .then(() => this.arrived(file, sending))
      .catch((fault) => this.sending === sending && this.failed(fault));
  }

  named(file) {
    const name = Object.assign(document.createElement("b"), { textContent: file.name });
    const line = document.createElement("p");
    line.append(name, ` ${inWords(file.size)} `);
    const back = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "Take it back" });
    back.onclick = () => this.empty(true);
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: `upload-${this.number}` });
    this.one("sent").replaceChildren(field, line, back);
  }

  begun(id) {
    const field = this.one("sent").querySelector("input");
    if (field) field.value = id;
  }

  arrived(file, sending) {
    if (this.sending !== sending) return;
    this.sending = null;
    this.one("sending").hidden = true;
    told.textContent = `${file.name} is here.`;
    handInIfAllIsHere();
  }

  failed(fault) {
    this.sending = null;
    handing = false;
    this.one("sending").hidden = true;
    this.one("sent").querySelector("input")?.remove();
    const line = Object.assign(document.createElement("p"), { className: "fault", textContent: fault.message });
    line.setAttribute("role", "alert");
    this.one("sent").append(line);
  }
}

// How far a clip is: seen at once, said aloud at each quarter.
class Progress {
  constructor(slot, size) {
    Object.assign(this, { slot, size, quarter: 0, since: 0, first: 0 });
    this.bar = slot.one("sending").querySelector("progress");
    this.line = slot.one("sending").querySelector("p");
    this.line.textContent = "Sending begins.";
    this.bar.value = 0;
  }

  begun(id) {
    this.slot.begun(id);
  }

  sent(bytes) {
    if (!this.since) [this.since, this.first] = [performance.now(), bytes];
    const part = bytes / this.size;
    const rate = (bytes - this.first) / Math.max(1, performance.now() - this.since); // bytes a ms
    this.bar.value = part * 100;
    this.line.textContent = `${Math.floor(part * 100)} % sent${rate ? `, ${left((this.size - bytes) / rate / 1000)}` : ""}`;
    if (Math.floor(part * 4) > this.quarter) {
      this.quarter = Math.floor(part * 4);
      told.textContent = `Clip ${this.slot.number}: ${this.line.textContent}`;
    }
  }

  waits(seconds) {
    this.since = 0;
    this.line.textContent = told.textContent = `The connection is lost. It goes on by itself${seconds > 2 ? ` in ${seconds} seconds` : ""}; nothing is lost.`;
  }
}

// --- hand in

let handing = false;

form.onsubmit = (event) => {
  if (event.submitter?.name === "remove") return;
  const consent = document.getElementById("consent");
  const fault = document.getElementById("consent-fault");
  fault.hidden = consent.checked;
  consent.toggleAttribute("aria-invalid", !consent.checked);
  const onTheirWay = slots.some((slot) => slot.sending);
  if (consent.checked && !onTheirWay) return;
  event.preventDefault();
  handing = consent.checked;
  if (!handing) consent.focus();
  else told.textContent = "Your clips are still on their way. They are handed in by themselves when they are here.";
};

function handInIfAllIsHere() {
  if (handing && !slots.some((slot) => slot.sending)) form.requestSubmit();
}

// --- begin

const recorder = new Recorder(about);
const slots = [...document.querySelectorAll(".slot")].map((element) => new Slot(element));

if (!canRecord() && about.records) {
  const trouble = document.getElementById("trouble");
  trouble.textContent = "This browser cannot record here. Open the page by its https address in a newer browser, or choose files that you recorded.";
  trouble.hidden = false;
}

// What was kept in this browser: sent already, on its way when the page was closed, or not sent at all.
for (const take of await keep.kept(about.person, about.recipe)) {
  const slot = slots.find((each) => each.number === take.slot);
  if (!slot) continue;
  slot.takes.push(take);
  const { name, length, there } = slot.one("sent").dataset;
  const sent = name === take.name && Number(length) === take.file.size;
  if (sent && there === length) slot.used = take.id;
  else if (sent) slot.use(take);
  else slot.one("before").hidden = Boolean(slot.used);
  slot.change();
}
