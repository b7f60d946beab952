// A line to a stream: one EventSource at a time, and a new one from the last position when it broke, fell silent, or
// had to make room. The browser's own way of reconnecting knows no back-off, and gives up when a proxy answers 502.

import { Room } from "./room.js";

const PATIENCE_MS = 1000; // a line that is back by then was not worth a word
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const BEATS = 3; // heartbeats that may fail to come before the line is taken for dead
const SHORTEST_SILENCE_MS = 5000;
const LOOK_EVERY_MS = 60_000; // a hidden tab without a line looks in, so that its answer is not taken for abandoned
const LOOK_FOR_MS = 2000;

export class Line {
  onLost = () => {}; // (whether it is lost)
  onRefused = () => {}; // answered, and not with a stream: it is over, or the server is not well

  /** `events` are the names to listen for; `take(name, data)` gets them, each once and in order. */
  constructor(url, events, take, { heartbeatMs, abandonS }) {
    this.url = url;
    this.events = events;
    this.take = take;
    this.silenceMs = Math.max(BEATS * heartbeatMs, SHORTEST_SILENCE_MS);
    this.lookEveryMs = Math.min(LOOK_EVERY_MS, (abandonS * 1000) / 3);
    this.position = "";
    this.failures = 0;
    this.source = null;
    this.room = new Room();
    this.room.onFull = () => this.rest();
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    document.addEventListener("visibilitychange", () => this.look(), { signal });
    window.addEventListener("online", () => this.hasten(true), { signal });
    this.watch = setInterval(() => this.isSilent && this.broke(), this.silenceMs / BEATS);
  }

  start() {
    this.room.use();
    this.open();
  }

  open() {
    this.drop();
    const address = this.position ? `${this.url}?last_event_id=${encodeURIComponent(this.position)}` : this.url;
    this.source = new EventSource(address);
    this.heardAt = Date.now();
    for (const name of this.events) this.source.addEventListener(name, (event) => this.heard(name, event));
    this.source.addEventListener("open", () => this.found());
    this.source.addEventListener("error", ({ target }) => this.broke(target.readyState === EventSource.CLOSED));
    if (this.room.isFull) this.later(LOOK_FOR_MS, () => this.rest());
  }

  heard(name, { data, lastEventId }) {
    this.found();
    this.failures = 0;
    this.position = lastEventId || this.position;
    this.take(name, JSON.parse(data));
  }

  found() {
    this.heardAt = Date.now(); // the wall clock, because it goes on while a laptop sleeps
    if (this.losing === undefined) return;
    clearTimeout(this.losing);
    this.losing = undefined;
    this.onLost(false);
  }

  /** Nothing arrived for so long that the line must be dead, whatever the browser believes. */
  get isSilent() {
    return this.source !== null && Date.now() - this.heardAt > this.silenceMs;
  }

  broke(refused = false) {
    this.drop();
    if (refused) this.onRefused();
    else this.retry();
  }

  /** Tries again in a while: longer each time, and not at the same moment as everybody else. */
  retry({ lost = true } = {}) {
    if (lost) this.losing ??= setTimeout(() => this.onLost(true), PATIENCE_MS);
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures += 1;
    this.later(pause * (0.5 + Math.random() / 2), () => this.open());
  }

  look() {
    if (document.hidden) {
      if (this.room.isFull) this.rest();
      return;
    }
    this.room.use();
    this.hasten(this.isSilent);
  }

  /** There is hope: what would be tried later is tried now; `anew` also gives up a line that may be dead. */
  hasten(anew) {
    if (this.pending === undefined && !(anew && this.source)) return;
    this.failures = 0;
    this.open();
  }

  rest() {
    this.drop();
    this.later(this.lookEveryMs, () => this.open());
  }

  later(ms, what) {
    clearTimeout(this.pending);
    this.pending = setTimeout(what, ms);
  }

  drop() {
    clearTimeout(this.pending);
    this.pending = undefined;
    this.source?.close();
    this.source = null;
  }

  close() {
    this.drop();
    clearTimeout(this.losing);
    clearInterval(this.watch);
    this.leaving.abort();
    this.room.leave();
  }
}
