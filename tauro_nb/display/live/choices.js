// How to look at what stands below: a segmented control, and lists of columns. The kernel draws what is chosen.
import { el } from './dom.js';

export class Choices {
  /** `ask(request)` sends to the kernel. */
  constructor(block, ask) {
    this.ask = ask;
    this.items = new Map(); // name -> {offered, node, set}
    this.title = el('strong');
    this.row = el('span', { class: 'tn-choices' });
    this.node = el('header', { class: 'tn-bar' }, this.title, this.row);
    this.update(block);
  }

  /** Controls whose options stay the same stay the same nodes, so focus survives. */
  update(block) {
    this.id = block.id;
    this.title.textContent = block.title;
    const kept = block.items.map((item) => {
      const offered = JSON.stringify(item.options);
      let known = this.items.get(item.name);
      if (known?.offered !== offered) {
        known = { offered, ...(item.form === 'tabs' ? this.tabs(item) : this.select(item)) };
        this.items.set(item.name, known);
      }
      known.set(item.value);
      return known.node;
    });
    if (kept.length !== this.row.children.length || kept.some((node, i) => node !== this.row.children[i])) this.row.replaceChildren(...kept);
  }

  turn(name, value) {
    this.ask({ do: 'turn', block: this.id, name, value: String(value) });
  }

  tabs({ name, options }) {
    const set = (value) => buttons.forEach((button, i) => {
      button.setAttribute('aria-pressed', String(i === value));
      button.tabIndex = i === value ? 0 : -1;
    });
    const buttons = options.map((text, i) => el('button', { text, on: { click: () => { set(i); this.turn(name, i); } } }));
    const keydown = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      buttons[(buttons.indexOf(event.target) + by + buttons.length) % buttons.length].focus();
    };
    return { set, node: el('span', { class: 'tn-tabs', role: 'group', 'aria-label': name, on: { keydown } }, ...buttons) };
  }

  select({ name, options }) {
    const list = el('select', { 'aria-label': name, on: { change: () => this.turn(name, list.value) } },
      ...options.map((text, i) => el('option', { value: i, text })));
    return { set: (value) => { list.value = String(value); }, node: el('label', { class: 'tn-dim' }, `${name} `, list) };
  }

  leave() {}
}
