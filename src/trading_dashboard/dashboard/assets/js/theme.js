// Sets the theme before the first paint and says where the server is; a classic script in the head.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('desk-theme');
  } catch {
    // Storage may be forbidden; the default is fine.
  }
  document.documentElement.dataset.theme = theme === 'light' ? 'light' : 'dark';
  // Streamlit's frontend would look for its server below /chart first, and log what it misses.
  const base = `${location.origin}/`;
  window.__streamlit = { BACKEND_BASE_URL: base, MAIN_PAGE_BASE_URL: base };
})();
