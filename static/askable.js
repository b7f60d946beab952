// The voices that can be asked, as the page knows them.

/** {key, name, colour, model}; of a key that the page does not know, the key. */
export function askable(key) {
  const found = document.getElementById("askable").content.querySelector(`[data-voice="${CSS.escape(key)}"]`);
  const name = found?.textContent ?? key.charAt(0).toUpperCase() + key.slice(1);
  return { key, name, colour: found?.dataset.colour ?? "", model: found?.dataset.model ?? "" };
}
