// A button that copies, on each code block and below what is shown once.

export function addCopyButtons(root) {
  if (!navigator.clipboard) return; // plain HTTP: the browser offers no clipboard
  for (const block of root.querySelectorAll(".md-code:not(:has(.copy))")) {
    block.append(copyButton(() => block.querySelector("pre").textContent));
  }
  for (const field of root.querySelectorAll(".secret [readonly]")) field.after(copyButton(() => field.value));
}

function copyButton(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy small";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(text, button));
  return button;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text());
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed"; // the browser asked, and the answer was no
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}
