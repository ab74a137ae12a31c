// The card of a pipeline: a row for each node, which changes where the kernel says so; the log folded below.
import { el, setText } from './dom.js';
import { duration, number } from './format.js';
import { Going, GoingFace } from './going.js';

const STATES = ['RUNNING', 'FAILED', 'INTERRUPTED', 'FINISHED', 'SKIPPED', 'PENDING'];

export class Pipeline extends Going {
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

  face(root) {
    return new Face(this, root);
  }
}

class Face extends GoingFace {
  constructor(card, root) {
    super(card, 'pipeline');
    const { head } = card;
    this.counts = el('span', { class: 'tn-dim tn-counts' });
    this.cells = card.rows.map(([name]) => {
      const state = el('span', { class: 'tn-state' });
      const [time, before, after] = [0, 1, 2].map(() => el('td', { class: 'tn-num' }));
      return { state, time, before, after, row: el('tr', {}, el('td', { class: 'tn-node', text: name, title: name }), el('td', {}, state), time, before, after) };
    });
    this.box = el('div', { class: 'tn-nodes', tabindex: '0', role: 'region', 'aria-label': 'nodes' },
      el('table', {},
        el('thead', {}, el('tr', {}, ...['node', 'state'].map((text) => el('th', { text })),
          ...['time', 'rows in', 'rows out'].map((text) => el('th', { class: 'tn-num', text })))),
        el('tbody', {}, ...this.cells.map(({ row }) => row))));
    this.summary = el('summary', { class: 'tn-dim' });
    this.lines = el('pre', { class: 'tn-code' });
    this.log = el('details', { class: 'tn-log' }, this.summary, this.lines);
    root.append(el('section', { class: 'tn-card', 'aria-label': `pipeline ${head.pipeline}` },
      this.heading(head.pipeline, head.environment, this.counts), this.box, this.log));
    this.show(card.rows.keys());
    this.refresh();
  }

  tick() {
    super.tick();
    this.card.rows.forEach(([, state, since], at) => {
      if (state === 'RUNNING') setText(this.cells[at].time, duration(Date.now() / 1000 - since));
    });
  }

  refresh() {
    const { head, stale } = this.card;
    this.show(stale);
    const told = STATES.filter((state) => head.counts[state]).map((state) => `${number(head.counts[state])} ${state.toLowerCase()}`);
    setText(this.counts, told.join(' · '));
    this.log.hidden = !head.log.length;
    setText(this.summary, `Log, ${head.log.length} ${head.log.length === 1 ? 'line' : 'lines'}`);
    setText(this.lines, head.log.join('\n'));
    super.refresh();
  }

  /** Write these rows anew. */
  show(stale) {
    let newest = null;
    for (const at of stale) {
      const [, state, , seconds, before, after] = this.card.rows[at];
      const cell = this.cells[at];
      setText(cell.state, state);
      cell.state.dataset.state = state;
      cell.row.classList.toggle('tn-dim', state === 'PENDING' || state === 'SKIPPED');
      setText(cell.time, seconds === null ? '' : duration(seconds));
      setText(cell.before, before === null ? '' : number(before));
      setText(cell.after, after === null ? '' : number(after));
      if (state !== 'PENDING' && state !== 'SKIPPED') newest = cell.row;
    }
    if (newest) this.reveal(newest);
  }

  /** Keep the node that was heard of last in sight, unless somebody reads here. */
  reveal(row) {
    if (this.box.matches(':hover, :focus-within')) return;
    const low = row.offsetTop + row.offsetHeight - this.box.clientHeight;
    if (low > this.box.scrollTop || row.offsetTop < this.box.scrollTop) this.box.scrollTop = Math.max(0, low);
  }
}
