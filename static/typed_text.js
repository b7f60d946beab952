// Text that arrives in small pieces, shown at most once a frame.
//
// Each line is an element of its own: the browser lays out again only the line that grows, so that a long answer
// costs no more per piece than a short one.

import { beforeNextFrame } from "./frame.js";

export class TypedText {
  /** `onShown` is called when what was waiting has been written, and nothing more is written in this frame. */
  constructor(element, onShown) {
    this.element = element;
    this.waiting = [];
    this.line = null; // the text node that grows
    this.stale = false;
    this.show = () => this.write();
    this.onShown = onShown;
  }

  append(text) {
    this.waiting.push(text);
    beforeNextFrame(this.show, this.onShown);
  }

  replace(text) {
    this.waiting = [];
    this.stale = true;
    this.append(text);
  }

  write() {
    if (this.stale) this.element.replaceChildren();
    if (this.stale) this.line = null;
    this.stale = false;
    for (const piece of this.waiting.join("").split(/(?<=\n)/)) this.type(piece);
    this.waiting = [];
  }

  type(piece) {
    if (!piece) return;
    this.line ??= this.element.appendChild(document.createElement("div")).appendChild(new Text());
    this.line.appendData(piece);
    if (piece.endsWith("\n")) this.line = null;
  }
}
