// What the cards of pipelines and sweeps have in common: a row for each step, which changes where the kernel says so;
// the log folded below.
import { el, setText } from './dom.js';
import { duration } from './format.js';
import { Going, GoingFace } from './going.js';

const STATE = 1;

export class Stepwise extends Going {
  constructor(model) {
    super(model);
    this.rows = model.get('rows');
    this.stale = new Set();
  }

  receive(message) {
    for (const [at, row] of message.rows ?? []) {
      this.rows[at] = row;
      this.stale.add(at);
    }
    this.changed();
  }

  refresh() {
    super.refresh();
    this.stale.clear();
  }
}

/** One showing: `steps` is what the rows are, and `since` where a row says when its step started. */
export class StepwiseFace extends GoingFace {
  constructor(card, what, steps, since) {
    super(card, what);
    this.since = since;
    this.counts = el('span', { class: 'tn-dim tn-counts' });
    this.cells = [];
    this.body = el('tbody');
    this.headings = el('tr');
    this.box = el('div', { class: 'tn-nodes', tabindex: '0', role: 'region', 'aria-label': steps },
      el('table', {}, el('thead', {}, this.headings), this.body));
    this.summary = el('summary', { class: 'tn-dim' });
    this.lines = el('pre', { class: 'tn-code' });
    this.log = el('details', { class: 'tn-log' }, this.summary, this.lines);
  }

  /** Stand in the page, under this heading. */
  settle(root, label, heading) {
    root.append(el('section', { class: 'tn-card', 'aria-label': label }, heading, this.box, this.log));
    this.show(this.card.rows.keys());
    this.refresh();
  }

  tick() {
    super.tick();
    this.card.rows.forEach((row, at) => {
      if (row[STATE] === 'RUNNING' && this.cells[at]) setText(this.cells[at].time, duration(Date.now() / 1000 - row[this.since]));
    });
  }

  refresh() {
    const { head, stale } = this.card;
    this.show(stale);
    this.log.hidden = !head.log.length;
    setText(this.summary, `Log, ${head.log.length} ${head.log.length === 1 ? 'line' : 'lines'}`);
    setText(this.lines, head.log.join('\n'));
    super.refresh();
  }

  /** Write these rows anew. */
  show(stale) {
    let newest = null;
    for (const at of stale) newest = this.write(at) ?? newest;
    if (newest) this.reveal(newest);
  }

  /** Write how far a step is, and how long it took. */
  writeState(cell, state, seconds) {
    setText(cell.state, state);
    cell.state.dataset.state = state;
    setText(cell.time, seconds === null ? '' : duration(seconds));
  }

  /** Keep the step that was heard of last in sight, unless somebody reads here. */
  reveal(row) {
    if (this.box.matches(':hover, :focus-within')) return;
    const low = row.offsetTop + row.offsetHeight - this.box.clientHeight;
    if (low > this.box.scrollTop || row.offsetTop < this.box.scrollTop) this.box.scrollTop = Math.max(0, low);
  }
}
