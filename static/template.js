// What the server has sent to be copied, so that the markup of a message has one home.

export function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}
