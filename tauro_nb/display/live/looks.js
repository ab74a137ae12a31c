// How a person looks at a view: order, filter, choice, scale. It is kept with the kernel, for pages that are loaded again.
const PAUSE_MS = 250;

export class Looks {
  constructor(model) {
    this.model = model;
    this.held = { ...model.get('looks') };
    this.timer = 0;
  }

  /** One part of it: `told` is what was kept, `keep(what)` keeps something else. */
  at(name) {
    return { told: this.held[name] ?? {}, keep: (what) => this.keep(name, what) };
  }

  keep(name, what) {
    if (JSON.stringify(what) === JSON.stringify(this.held[name] ?? {})) return;
    this.held = { ...this.held, [name]: what };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.model.set('looks', this.held);
      this.model.save_changes();
    }, PAUSE_MS);
  }

  stop() {
    clearTimeout(this.timer);
  }
}
