// Plays recorded clips as the video will be: jumps over what is cut, and lays captions and brand over the picture.
//
// Times are seconds of a clip. What is cut are "holes", [start, end] in order; whoever edits sets them anew, and the
// next picture obeys. Captions and layers count from the start of the finished video, so they find their place through
// the pieces that were kept when the plan was made.

const CLOSE = 0.001; // seconds: times are told with four digits
const INTO = 0.005; // behind a cut, so that its last picture is not shown again

export class Player {
  constructor(stage, plan, tell) {
    this.videos = [...stage.querySelectorAll("video")];
    this.caption = stage.querySelector("[data-caption]");
    this.layers = [...stage.querySelectorAll("[data-layer]")];
    this.plan = plan;
    this.tell = tell; // is told when anything moved
    this.captionOf = () => undefined; // a caption that stands above the plan's
    this.holes = this.videos.map(() => []);
    this.now = 0; // which clip
    this.listening = null; // [start, end] of something cut that somebody wants to hear
    this.kept = keptPieces(plan);
    this.#place();
    this.videos.forEach((video, number) => this.#watch(video, number));
    this.#show();
  }

  get video() {
    return this.videos[this.now];
  }

  get time() {
    return this.video.currentTime;
  }

  get playing() {
    return !this.video.paused;
  }

  lengthOf(number) {
    const planned = this.plan?.pieces.filter((piece) => piece.clip === number).at(-1)?.end;
    const known = this.videos[number].duration;
    return Number.isFinite(known) ? known : (planned ?? 0);
  }

  toggle() {
    if (this.playing) this.video.pause();
    else this.#play();
  }

  // Goes to a time. Where that is cut, it is heard all the same, to the end of `listening` if there is one.
  jump(number, time, listening = null) {
    this.listening = listening;
    if (number !== this.now) this.#turnTo(number);
    this.video.currentTime = Math.max(0, time);
    this.tell();
  }

  listen(number, start, end) {
    this.jump(number, start, [start, end]);
    this.#play();
  }

  setHoles(number, holes) {
    this.holes[number] = holes;
    if (number === this.now) this.#look(this.time);
  }

  #play() {
    if (this.#isOver()) this.jump(0, 0);
    this.#look(this.time);
    this.video.play().catch(() => {}); // paused again before it began
  }

  #isOver() {
    return this.now === this.videos.length - 1 && this.#nextKept(this.time + 2 / (this.plan?.fps ?? 30)) === null;
  }

  #watch(video, number) {
    const mine = () => number === this.now;
    for (const event of ["timeupdate", "seeked", "loadedmetadata", "pause", "play"]) {
      video.addEventListener(event, () => mine() && this.#look(video.currentTime));
    }
    video.addEventListener("ended", () => mine() && this.#next());
    if (!video.requestVideoFrameCallback) return;
    const frame = (_, seen) => {
      if (mine()) this.#look(Math.max(seen.mediaTime, video.currentTime));
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  }

  #look(time) {
    if (this.video.seeking || this.video.readyState < 1) return;
    if (this.listening && (time >= this.listening[1] || time < this.listening[0] - 0.5)) this.listening = null;
    if (!this.listening && this.#holeAt(time)) this.#skip(time);
    else this.#draw(time);
    this.tell();
  }

  #holeAt(time) {
    return this.holes[this.now].find(([start, end]) => time >= start - CLOSE && time < end - CLOSE);
  }

  // The first time from `time` on that is not cut; null where nothing more of the clip is kept.
  #nextKept(time) {
    let hole;
    while ((hole = this.#holeAt(time))) time = hole[1] + INTO;
    return time < this.lengthOf(this.now) - INTO ? time : null;
  }

  #skip(time) {
    const next = this.#nextKept(time);
    if (next !== null) this.video.currentTime = next;
    else if (this.playing) this.#next();
    else this.#rest(time);
  }

  // After a clip comes the next one; after the last one it stands on the last picture that is kept.
  #next() {
    const goes = this.now + 1 < this.videos.length;
    this.video.pause();
    if (!goes) {
      this.#rest(this.time);
      return;
    }
    this.#turnTo(this.now + 1);
    this.video.currentTime = this.#nextKept(0) ?? 0;
    this.#play();
  }

  #rest(time) {
    const hole = this.#holeAt(Math.min(time, this.lengthOf(this.now) - 2 * INTO));
    if (hole && hole[0] > 0) this.video.currentTime = Math.max(0, hole[0] - 1 / (this.plan?.fps ?? 30));
    this.tell();
  }

  #turnTo(number) {
    this.video.pause();
    this.now = number;
    this.#show();
  }

  #show() {
    this.videos.forEach((video, number) => {
      video.controls = false;
      video.hidden = number !== this.now;
    });
  }

  #place() {
    for (const layer of this.layers) {
      const [left, top, width] = this.plan.layers.find((each) => each.kind === layer.dataset.layer).place;
      Object.assign(layer.style, { left: `${left}%`, top: `${top}%`, width: `${width}%` });
    }
  }

  #draw(time) {
    const out = this.#inVideo(time);
    const own = this.captionOf(this.now, time);
    const cue = out === null ? null : this.plan.cues.find((each) => each.start <= out && out < each.end);
    const text = own ?? cue?.text ?? "";
    if (this.caption.textContent !== text) this.caption.textContent = text;
    this.caption.hidden = !text;
    for (const layer of this.layers) {
      const { start, end } = this.plan.layers.find((each) => each.kind === layer.dataset.layer);
      layer.hidden = out === null || out < start || out >= end;
    }
  }

  // Where a time of the clip stands in the video as it was planned; null where it was cut.
  #inVideo(time) {
    const piece = this.kept.find((each) => each.clip === this.now && time >= each.start - CLOSE && time < each.end);
    return piece ? piece.out + time - piece.start : null;
  }
}

function keptPieces(plan) {
  let out = plan?.opening ?? 0;
  return (plan?.pieces ?? []).filter((piece) => piece.kept).map((piece) => {
    const placed = { ...piece, out };
    out += piece.end - piece.start;
    return placed;
  });
}

// --- holes: [start, end] in order, none touching another ---------------------------------------------------------------

export function without(holes, start, end) {
  return holes.flatMap(([a, b]) => [[a, Math.min(b, start)], [Math.max(a, end), b]]).filter(([a, b]) => b - a > 0.02);
}

export function together(holes, start, end) {
  const sorted = [...holes, [start, end]].sort((one, other) => one[0] - other[0]);
  const merged = [];
  for (const [a, b] of sorted) {
    const last = merged.at(-1);
    if (last && a <= last[1] + CLOSE) last[1] = Math.max(last[1], b);
    else merged.push([a, b]);
  }
  return merged;
}
