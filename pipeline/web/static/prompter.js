// The text on the picture, which runs while somebody speaks. Whoever wants less motion turns its pages instead.

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Prompter {
  constructor(box, speed, size, button) {
    Object.assign(this, { box, speed, size, button, runs: false, place: 0, last: 0 });
    button.onclick = () => this.toggle();
    size.oninput = () => this.resize();
    box.onkeydown = (event) => this.key(event);
    if (still.matches) button.textContent = "Next lines";
  }

  show(text) {
    this.box.firstElementChild.textContent = text;
    this.box.hidden = !text;
    this.pause();
    this.place = this.box.scrollTop = 0;
    this.resize();
  }

  resize() {
    this.box.style.fontSize = `${this.size.value}px`;
  }

  start() {
    if (still.matches || this.box.hidden) return;
    this.runs = true;
    this.last = performance.now();
    this.place = this.box.scrollTop;
    this.button.textContent = "Hold the text";
    requestAnimationFrame((now) => this.step(now));
  }

  pause() {
    this.runs = false;
    if (!still.matches) this.button.textContent = "Run the text";
  }

  toggle() {
    if (still.matches) this.turn(1);
    else if (this.runs) this.pause();
    else this.start();
  }

  turn(pages) {
    this.place = this.box.scrollTop += pages * this.box.clientHeight * 0.8;
  }

  step(now) {
    if (!this.runs) return;
    this.place += (Number(this.speed.value) * (now - this.last)) / 1000;
    this.last = now;
    this.box.scrollTop = this.place;
    requestAnimationFrame((later) => this.step(later));
  }

  key(event) {
    const moves = { " ": () => this.toggle(), ArrowDown: () => this.turn(0.25), ArrowUp: () => this.turn(-0.25), PageDown: () => this.turn(1), PageUp: () => this.turn(-1) };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }
}
