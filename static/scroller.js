// Something that scrolls, whose end stays in sight for a reader who is at the end; everybody else is left where they
// read. Where the reader is, is asked when they scroll, not when text arrives.

const NEAR_PX = 96;

export class Scroller {
  /** `element` scrolls; of the page it is the window that says so. */
  constructor(element, target = element) {
    this.element = element;
    this.atEnd = true;
    target.addEventListener("scroll", () => this.look(), { passive: true });
  }

  look() {
    const { scrollHeight, clientHeight, scrollTop } = this.element;
    this.atEnd = scrollHeight - clientHeight - scrollTop < NEAR_PX;
  }

  follow() {
    if (this.atEnd) this.element.scrollTop = this.element.scrollHeight;
  }
}
