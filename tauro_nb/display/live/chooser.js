// Which columns of a table are shown: a list to choose from, and a switch that leaves those that differ.
import { el } from './dom.js';

export class Chooser {
  /** `changed()` is called when other columns are to be shown. */
  constructor(rows, changed) {
    this.rows = rows;
    this.changed = changed;
    this.list = el('div', { class: 'tn-columns', role: 'group', 'aria-label': 'columns', hidden: true, on: { keydown: (event) => this.key(event) } });
    this.button = el('button', { class: 'tn-toggle', text: 'Columns', 'aria-expanded': 'false', on: { click: () => this.toggle() } });
    const box = el('input', { type: 'checkbox', role: 'switch', on: { change: () => { rows.onlyDiffering = box.checked; this.chose(); } } });
    box.checked = rows.onlyDiffering;
    this.tools = el('span', { class: 'tn-tools' }, el('label', { class: 'tn-dim' }, box, ' only what differs'), this.button);
  }

  chose() {
    this.rows.remember();
    this.changed();
  }

  rebuild() {
    const { rows } = this;
    this.tools.hidden = !rows.spec.adjusts || rows.spec.total === 0;
    if (this.tools.hidden) this.close();
    if (this.list.hidden) return;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    this.list.replaceChildren(...rows.columns.filter((column) => !column.hidden && column.key !== rows.spec.name).map((column) => {
      const box = el('input', {
        type: 'checkbox', 'data-column': column.key,
        on: { change: () => { rows.unfolded.set(column.key, box.checked); this.chose(); } },
      });
      box.checked = rows.isUnfolded(column);
      return el('label', { title: column.key }, box, ' ', el('span', { text: column.label }));
    }));
    if (focused !== null) [...this.list.querySelectorAll('input')].find((box) => box.dataset.column === focused)?.focus();
  }

  toggle() {
    if (!this.list.hidden) return this.close();
    this.list.hidden = false;
    this.button.setAttribute('aria-expanded', 'true');
    this.rebuild();
    return this.list.querySelector('input')?.focus();
  }

  close() {
    this.list.hidden = true;
    this.button.setAttribute('aria-expanded', 'false');
  }

  key(event) {
    if (event.key !== 'Escape') return;
    this.close();
    this.button.focus();
  }
}
