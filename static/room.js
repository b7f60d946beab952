// Over HTTP/1.1 a browser opens six connections to a site, for all its tabs together, and a stream takes up one of
// them for as long as it lasts. A tab that nobody looks at makes room for those that were in use after it.

import { newId } from "./draft.js";

const TAB = newId();
const MOST = 3; // half of the six: a page that is opened needs some for itself

export class Room {
  onFull = () => {};

  constructor() {
    this.later = new Set(); // tabs with a stream that were in use after this one
    this.channel = new BroadcastChannel("streams");
    this.channel.addEventListener("message", ({ data }) => this.note(data));
    this.closing = new AbortController();
    window.addEventListener("pagehide", () => this.tell("left"), { signal: this.closing.signal });
  }

  /** This tab begins a stream, or somebody looks at it. */
  use() {
    this.later.clear();
    this.tell("used");
  }

  tell(what) {
    this.channel.postMessage({ tab: TAB, what });
  }

  note({ tab, what }) {
    if (what === "left") this.later.delete(tab);
    else if (tab !== TAB) this.later.add(tab);
    if (this.isFull) this.onFull();
  }

  /** Whether this tab should make room. */
  get isFull() {
    return document.hidden && this.later.size >= MOST;
  }

  leave() {
    this.tell("left");
    this.closing.abort();
    this.channel.close();
  }
}
