// plotly.js, once per page: gunzipped out of the one model per kernel that carries it, and run so that neither an AMD
// `define` nor another library's `window.Plotly` is touched. Loading starts here and is never awaited by `initialize`.
async function load(model) {
  const packed = new Blob([model.get('library')]);
  const source = await new Response(packed.stream().pipeThrough(new DecompressionStream('gzip'))).text();
  const names = ['Plotly', 'moduleName'];
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  const wrapped = ['(function (define, module, exports, require) {', source, '\n}).call(globalThis)'];
  const url = URL.createObjectURL(new Blob(wrapped, { type: 'text/javascript' }));
  try {
    await new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error('the page refused the script'));
      document.head.append(script);
    }).finally(() => document.head.querySelector(`script[src="${url}"]`)?.remove());
    return globalThis.Plotly;
  } finally {
    URL.revokeObjectURL(url);
    for (const [name, own] of before) {
      delete globalThis[name];
      if (own) Object.defineProperty(globalThis, name, own);
    }
  }
}

export default {
  initialize({ model }) {
    const shared = (globalThis[Symbol.for(`tauro_nb.plotly.${model.get('version')}`)] ??= (() => {
      const slot = {};
      slot.ready = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
      slot.ready.catch(() => {});
      return slot;
    })());
    if (shared.started) return;
    shared.started = true;
    load(model).then(shared.resolve, shared.reject);
  },
};
