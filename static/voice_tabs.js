// The names above several answers, where only one of them has room: links that bring theirs into sight, and show which
// one that is. Without this script they are plain links to it.

export function useTabs(section) {
  const row = section.querySelector(".voices");
  if (!row) return;
  const tabs = new Map([...section.querySelectorAll(".voice-tabs a")].map((tab) => [tab.hash.slice(1), tab]));
  for (const [id, tab] of tabs) {
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      bringIntoSight(row, document.getElementById(id));
    });
  }
  const seen = new IntersectionObserver((entries) => entries.forEach((each) => mark(tabs, each)), { root: row, threshold: 0.6 });
  for (const article of row.children) seen.observe(article);
}

/** Moves the row alone: the page stays where it is. */
function bringIntoSight(row, article) {
  const inset = parseFloat(getComputedStyle(row).scrollPaddingInlineStart) || 0;
  row.scrollTo({ left: row.scrollLeft + article.getBoundingClientRect().left - row.getBoundingClientRect().left - inset });
}

function mark(tabs, { target, isIntersecting }) {
  const tab = tabs.get(target.id);
  if (!isIntersecting) tab?.removeAttribute("aria-current");
  else tab?.setAttribute("aria-current", "true");
}
