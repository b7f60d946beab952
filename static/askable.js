// The voices that can be asked, as the composer's choice of them knows them.

/** {key, name, colour, model}; of a key that the page does not know, the key. */
export function askable(key) {
  const box = document.getElementById(`ask-${key}`);
  const { name, colour, model } = box?.dataset ?? { name: key.charAt(0).toUpperCase() + key.slice(1), colour: "", model: "" };
  return { key, name, colour, model };
}
