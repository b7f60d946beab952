// One frame for everything that grows: first all of it is written, then all that scrolls is moved. Were each to measure
// as soon as it has written, the browser would have to lay out the page once for each.

const writing = new Set();
const moving = new Set();

/** Calls `write` before the next frame is drawn, once however often it is asked to, and `move` after all writing. */
export function beforeNextFrame(write, move) {
  if (!writing.size) requestAnimationFrame(draw);
  writing.add(write);
  moving.add(move);
}

function draw() {
  const [writes, moves] = [[...writing], [...moving]];
  writing.clear();
  moving.clear();
  for (const write of writes) write();
  for (const move of moves) move();
}
