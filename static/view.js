// How somebody looks at an exchange: what they have folded away, where they read, what has the focus. It is taken from
// an exchange before the saved one takes its place, and given to that one.

export class View {
  constructor(section) {
    const row = section.querySelector(".voices");
    this.across = row?.scrollLeft ?? 0;
    this.voices = new Map([...section.querySelectorAll(".voice")].map((each) => [each.dataset.voice, viewOf(each)]));
    this.focused = focusedIn(section);
  }

  giveTo(section) {
    for (const article of section.querySelectorAll(".voice")) {
      const view = this.voices.get(article.dataset.voice);
      if (view) giveTo(article, view);
    }
    const row = section.querySelector(".voices");
    if (row) row.scrollTo({ left: this.across, behavior: "instant" });
    if (this.focused) section.querySelector(this.focused)?.focus({ preventScroll: true });
  }
}

function viewOf(article) {
  const { scrollTop, scrollHeight, clientHeight } = article.querySelector(".message-text");
  const isScrolled = scrollHeight > clientHeight;
  return { open: article.querySelector(".voice-body").open, scrollTop, atEnd: isScrolled && scrollHeight - clientHeight - scrollTop < 2 };
}

function giveTo(article, { open, scrollTop, atEnd }) {
  const text = article.querySelector(".message-text");
  article.querySelector(".voice-body").open = open;
  text.scrollTop = atEnd ? text.scrollHeight : scrollTop;
}

/** Where the same is in the other exchange: what is gone there, such as Stop, is stood in for by its voice's head. */
function focusedIn(section) {
  const focused = document.activeElement;
  if (!section.contains(focused)) return null;
  if (focused.matches(".voices")) return ".voices";
  if (focused.matches(".voice-tabs a")) return `.voice-tabs a[href="${focused.getAttribute("href")}"]`;
  const article = focused.closest(".voice");
  if (!article) return null;
  const part = focused.matches(".message-text") ? ".message-text" : "summary";
  return `.voice[data-voice="${article.dataset.voice}"] ${part}`;
}
