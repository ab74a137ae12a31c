// The card of a pipeline: a row for each node, which changes where the kernel says so; the log folded below.
import { el, perFrame, setText } from './dom.js';
import { duration, number } from './format.js';

const TICK_MS = 1000;
const STATES = ['RUNNING', 'FAILED', 'INTERRUPTED', 'FINISHED', 'SKIPPED', 'PENDING'];

export class Pipeline {
  constructor(model) {
    this.model = model;
    this.rows = model.get('rows');
    this.faces = new Set();
    this.stale = new Set();
    this.changed = perFrame(() => {
      this.faces.forEach((face) => face.refresh(this.stale));
      this.stale.clear();
    });
    this.onHead = () => {
      this.head = model.get('head');
      this.headAt = performance.now();
      this.changed();
    };
    this.onHead();
    model.on('change:head', this.onHead);
  }

  stop() {
    this.changed.cancel();
    this.model.off('change:head', this.onHead);
  }

  receive(message) {
    for (const [at, row] of message.rows ?? []) {
      this.rows[at] = row;
      this.stale.add(at);
    }
    this.changed();
  }

  elapsed() {
    const { elapsed_s: before, status } = this.head;
    return status === 'RUNNING' ? before + (performance.now() - this.headAt) / 1000 : before;
  }

  draw(root) {
    const face = new Face(this, root);
    this.faces.add(face);
    return () => {
      this.faces.delete(face);
      clearInterval(face.timer);
    };
  }
}

/** One showing of a card; a notebook may show the same output twice. */
class Face {
  constructor(card, root) {
    this.card = card;
    const { head } = card;
    this.state = el('span', { class: 'tn-state', role: 'status' });
    this.elapsed = el('span', { class: 'tn-num tn-dim', title: 'time since the pipeline started' });
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
      el('header', { class: 'tn-head' },
        el('strong', { class: 'tn-name', text: head.pipeline, title: head.pipeline }), this.state,
        el('span', { class: 'tn-dim', text: head.environment }), this.elapsed, this.counts),
      this.box, this.log));
    this.refresh(card.rows.keys());
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  tick() {
    setText(this.elapsed, duration(this.card.elapsed()));
    this.card.rows.forEach(([, state, since], at) => {
      if (state === 'RUNNING') setText(this.cells[at].time, duration(Date.now() / 1000 - since));
    });
  }

  refresh(stale) {
    const { head, rows } = this.card;
    setText(this.state, head.status);
    this.state.dataset.state = head.status;
    let newest = null;
    for (const at of stale) {
      const [, state, , seconds, before, after] = rows[at];
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
    const told = STATES.filter((state) => head.counts[state]).map((state) => `${number(head.counts[state])} ${state.toLowerCase()}`);
    setText(this.counts, told.join(' · '));
    this.log.hidden = !head.log.length;
    setText(this.summary, `Log, ${head.log.length} ${head.log.length === 1 ? 'line' : 'lines'}`);
    setText(this.lines, head.log.join('\n'));
    this.tick();
  }

  /** Keep the node that was heard of last in sight, unless somebody reads here. */
  reveal(row) {
    if (this.box.matches(':hover, :focus-within')) return;
    const low = row.offsetTop + row.offsetHeight - this.box.clientHeight;
    if (low > this.box.scrollTop || row.offsetTop < this.box.scrollTop) this.box.scrollTop = Math.max(0, low);
  }
}
