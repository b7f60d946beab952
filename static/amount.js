// Dollars, written for people, as chatapp/web/pages/amount.py writes them.

/** From a dollar on with cents, below with two significant digits, and never as a power of ten. */
export function dollars(amount) {
  if (amount >= 1) return `$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  const rounded = Number(amount.toPrecision(2));
  const digits = rounded ? Math.max(2, 1 - Math.floor(Math.log10(rounded))) : 2;
  return `$${rounded.toFixed(digits)}`;
}
