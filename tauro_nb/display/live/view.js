// What every live view carries by itself: enough to wait for the shared code (code.js brings it once per page), and to
// keep the messages that come before it. `initialize` must return at once: anywidget holds all messages meanwhile.
const shared = (globalThis[Symbol.for('tauro_nb.live.CODE_HASH')] ??= (() => {
  const slot = {};
  slot.ready = new Promise((resolve, reject) => Object.assign(slot, { resolve, reject }));
  slot.ready.catch(() => {});
  return slot;
})());

export default {
  initialize({ model }) {
    const early = [];
    const keep = (message, buffers) => early.push([message, buffers]);
    let dead = false;
    let close = () => {};
    model.on('msg:custom', keep);
    shared.ready.then(
      (code) => {
        model.off('msg:custom', keep);
        if (!dead) close = code.open(model, early);
      },
      (error) => console.warn('tauro_nb: the code of the live views did not load; static forms stand.', error),
    );
    return () => {
      dead = true;
      close();
    };
  },
};
