// Building DOM without markup: whatever a user typed becomes text, and cannot become anything else.

/**
 * Make an element. `props` are attributes, save `text` (text content), `on` (listeners by event name) and
 * `class`; a value of null, undefined or false leaves the attribute out.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') node.textContent = value;
    else if (name === 'on') for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else node.setAttribute(name, value === true ? '' : value);
  }
  if (tag === 'button' && !node.hasAttribute('type')) node.type = 'button';
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Change text only where it differs, so that a selection in it survives and nothing is laid out again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Call `draw` at most once per animation frame, however often it is asked for. */
export function perFrame(draw) {
  let asked = 0;
  const request = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
  request.cancel = () => {
    cancelAnimationFrame(asked);
    asked = 0;
  };
  return request;
}

/** A promise that somebody else in this page fulfils, shared under a name. */
export function slot(name) {
  return (globalThis[Symbol.for(name)] ??= (() => {
    const shared = {};
    shared.ready = new Promise((resolve, reject) => Object.assign(shared, { resolve, reject }));
    shared.ready.catch(() => {});
    return shared;
  })());
}

const SLOW_MS = 10000;

/** Call `ready` with plotly.js when it has come; `note` tells of a delay, or why it does not, and where to look instead. */
export function whenPlotly(version, note, instead, ready) {
  const late = setTimeout(() => setText(note, `plotly.js has not come: ${instead}`), SLOW_MS);
  slot(`tauro_nb.plotly.${version}`).ready.then(
    (plotly) => {
      clearTimeout(late);
      ready(plotly);
    },
    (error) => {
      clearTimeout(late);
      setText(note, `plotly.js did not load: ${error.message}`);
    },
  );
}
