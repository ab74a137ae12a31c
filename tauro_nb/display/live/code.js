// The one model per kernel that carries the code of all live views: plain ES modules, in the order in which they need
// each other. A page loads them once, whichever kernel's model comes first.
const shared = (globalThis[Symbol.for('tauro_nb.live.CODE_HASH')] ??= (() => {
  const slot = {};
  slot.ready = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
  slot.ready.catch(() => {});
  return slot;
})());

async function load(modules) {
  const urls = new Map();
  let last;
  for (const [name, source] of modules) {
    const linked = source.replace(/from '\.\/([\w.]+)'/g, (_, needed) => `from '${urls.get(needed)}'`);
    const url = URL.createObjectURL(new Blob([linked], { type: 'text/javascript' }));
    urls.set(name, url);
    last = await import(url);
  }
  for (const url of urls.values()) URL.revokeObjectURL(url);
  return last;
}

export default {
  initialize({ model }) {
    if (!shared.started) {
      shared.started = true;
      load(model.get('modules')).then(shared.resolve, shared.reject);
    }
    shared.ready.then((code) => code.freshen(model), () => {}); // who waits for a view tells of it
  },
};
