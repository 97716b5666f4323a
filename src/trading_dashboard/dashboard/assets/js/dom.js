// Small tools to build and update the page without flashes: nodes are made once, texts are only
// written when they change.

/** Make an element: h('button', {class: 'btn', onclick}, 'Text', node). */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

export function setClass(node, name, isOn) {
  node.classList.toggle(name, Boolean(isOn));
}

/**
 * Make a button deaf without the `disabled` attribute, which would throw the keyboard's focus away.
 * Its click listener must be set with `onPress`.
 */
export function setBlocked(node, isBlocked) {
  setAttribute(node, 'aria-disabled', isBlocked ? 'true' : null);
}

export function onPress(button, listener) {
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') !== 'true') listener();
  });
}

export function setHidden(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/**
 * Turn `create(component) -> {update?, destroy}` into what Streamlit calls. Streamlit calls it
 * again with the same parent whenever data or theme change; the instance is made once.
 */
export function mounted(create) {
  const instances = new WeakMap();
  return (streamlit) => {
    const parent = streamlit.parentElement;
    const component = { ...streamlit, data: JSON.parse(streamlit.data.json) };
    let instance = instances.get(parent);
    if (!instance) {
      instance = create(component);
      instances.set(parent, instance);
    }
    instance.update?.(component);
    return () => {
      instances.delete(parent);
      instance.destroy();
      parent.replaceChildren();
    };
  };
}

/** Collect clean-up functions; `destroy` runs them all. */
export function cleanup() {
  const tasks = [];
  return {
    add: (task) => tasks.push(task),
    every: (milliseconds, task) => {
      const timer = setInterval(task, milliseconds);
      tasks.push(() => clearInterval(timer));
    },
    on: (target, name, listener) => {
      target.addEventListener(name, listener);
      tasks.push(() => target.removeEventListener(name, listener));
    },
    destroy: () => tasks.splice(0).forEach((task) => task()),
  };
}

/** Return a function that runs `task` once in the next frame, however often it is called till then. */
export function perFrame(tasks, task) {
  let frame = null;
  tasks.add(() => frame && cancelAnimationFrame(frame));
  return () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      task();
    });
  };
}

/** Make an SVG element; as `h`. */
export function svg(tag, properties = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'dataset') Object.assign(node.dataset, value);
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Put `nodes` into `parent` in this order; those already in place are not touched. */
export function arrange(parent, nodes) {
  let place = parent.firstElementChild;
  for (const node of nodes) {
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
}

/** Hand a file to the user. */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
