// Going to another view without loading the page anew.

/** Follow a link of ours as the navigation would; another tab, or a lost navigation, is the browser's. */
export function goesTo(link, view) {
  link.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    const known = document.querySelector(`[class*='st-key-desk-nav-${view}'] a`);
    if (!known) return;
    event.preventDefault();
    known.click();
  });
}
