// A button on each code block that copies it.

export function addCopyButtons(root) {
  if (!navigator.clipboard) return; // plain HTTP: the browser offers no clipboard
  for (const block of root.querySelectorAll(".md-code:not(:has(.copy))")) block.append(copyButton(block));
}

function copyButton(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy small";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(block, button));
  return button;
}

async function copy(block, button) {
  try {
    await navigator.clipboard.writeText(block.querySelector("pre").textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed"; // the browser asked, and the answer was no
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}
