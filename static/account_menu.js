// The account's menu: a plain <details>, which Escape closes as it closes the other menu.

export function closeOnEscape(menu) {
  menu?.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
