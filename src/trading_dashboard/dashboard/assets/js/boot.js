// Runs before Streamlit's frontend: opens the live sockets early and removes the placeholder
// once the page has drawn itself.

import './hub.js';

const shell = document.getElementById('desk-shell');
const observer = new MutationObserver(() => {
  if (!document.querySelector('.desk-strip')) return;
  observer.disconnect();
  shell?.remove();
});
observer.observe(document.getElementById('root'), { childList: true, subtree: true });
