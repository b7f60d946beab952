// Text that arrives in small pieces, shown at most once a frame.
//
// Each line is an element of its own: the browser lays out again only the line that grows, so that a long answer
// costs no more per piece than a short one.

export class TypedText {
  constructor(element, onShown) {
    this.element = element;
    this.onShown = onShown;
    this.waiting = [];
    this.line = null; // the text node that grows
    this.frame = 0;
    this.stale = false;
  }

  append(text) {
    this.waiting.push(text);
    this.frame ||= requestAnimationFrame(() => this.show());
  }

  replace(text) {
    this.waiting = [];
    this.stale = true;
    this.append(text);
  }

  show() {
    this.frame = 0;
    if (this.stale) this.element.replaceChildren();
    if (this.stale) this.line = null;
    this.stale = false;
    for (const piece of this.waiting.join("").split(/(?<=\n)/)) this.type(piece);
    this.waiting = [];
    this.onShown();
  }

  type(piece) {
    if (!piece) return;
    this.line ??= this.element.appendChild(document.createElement("div")).appendChild(new Text());
    this.line.appendData(piece);
    if (piece.endsWith("\n")) this.line = null;
  }
}
