// A question and its replies on the page: made while they arrive, or the server's.

import { askable } from "./askable.js";
import { copyOf } from "./template.js";

/** The exchange of a message that is being sent. */
export function newExchange(text) {
  const section = copyOf("exchange-template");
  const own = copyOf("own-template");
  own.querySelector(".message-text").textContent = text;
  section.append(own);
  return section;
}

/** Puts an article for each generation of a turn into its exchange: one below the question, several side by side. */
export function addReplies(section, generations) {
  if (generations.length === 1) {
    const article = describe(copyOf("reply-template"), generations[0]);
    section.append(article);
    return [article];
  }
  const several = copyOf("voices-template");
  const [tabs, row] = several.children;
  const articles = generations.map((generation) => describe(copyOf("voice-template"), generation));
  row.setAttribute("aria-label", `The answers of ${articles.length} voices`);
  row.append(...articles);
  tabs.append(...articles.map(tabOf));
  section.append(tabs, row);
  return articles;
}

function describe(article, { id, voice }) {
  const { key, name, colour, model } = askable(voice);
  article.id = `reply-${id}`;
  Object.assign(article.dataset, { generationId: id, voice: key, colour });
  const heading = article.querySelector("h2");
  heading.textContent = name;
  heading.id = `name-${id}`;
  for (const named of article.querySelectorAll("[aria-labelledby]")) named.setAttribute("aria-labelledby", heading.id);
  article.setAttribute("aria-labelledby", heading.id);
  article.querySelector(".message-model").prepend(model);
  const stop = article.querySelector(".voice-stop");
  if (!stop) return article;
  stop.action = `/replies/${id}/stop`;
  stop.querySelector(".unseen").textContent = ` ${name}`;
  return article;
}

function tabOf(article) {
  const tab = document.createElement("a");
  tab.href = `#${article.id}`;
  Object.assign(tab.dataset, { colour: article.dataset.colour, state: article.dataset.state });
  tab.textContent = article.querySelector("h2").textContent;
  return tab;
}
