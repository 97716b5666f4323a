// Sets the theme before the first paint; runs as a classic script in the head.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('desk-theme');
  } catch {
    // Storage may be forbidden; the default is fine.
  }
  document.documentElement.dataset.theme = theme === 'light' ? 'light' : 'dark';
})();
