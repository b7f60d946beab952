// The list of conversations.

const TITLE_LENGTH = 80; // as the server cuts it (chatapp/turns/continued.py)

/** Puts a new conversation on top of the list, as the current one, and returns the title it got. */
export function addConversation(sessionId, message) {
  const title = titleOf(message);
  for (const link of document.querySelectorAll("#conversations [aria-current]")) link.removeAttribute("aria-current");
  const entry = document.getElementById("entry-template").content.firstElementChild.cloneNode(true);
  const link = entry.querySelector("a");
  link.href = `/c/${sessionId}`;
  link.textContent = title;
  link.setAttribute("aria-current", "page");
  document.getElementById("conversation-list").prepend(entry);
  return title;
}

function titleOf(message) {
  const characters = [...message.replace(/\s+/g, " ").trim()];
  return characters.length > TITLE_LENGTH ? `${characters.slice(0, TITLE_LENGTH - 1).join("")}…` : characters.join("");
}
