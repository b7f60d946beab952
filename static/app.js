// Where every page's script begins. Without it the pages are plain forms, and work.

import { closeOnEscape } from "./account_menu.js";
import { Chat } from "./chat.js";
import { addCopyButtons } from "./code_blocks.js";
import { useLocalTime } from "./times.js";

// Tells the server that it need not stream the page itself: this script follows the answer.
document.cookie = "js=1; Path=/; SameSite=Lax; Max-Age=31536000";

addCopyButtons(document);
useLocalTime(document);
closeOnEscape(document.querySelector("details.account"));

const main = document.querySelector("main.conversation");
if (main) new Chat(main).start();
