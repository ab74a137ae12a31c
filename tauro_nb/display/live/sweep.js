// The card of a sweep: a row for each trial, which comes and changes where the kernel says so; the best one marked.
import { el, setText } from './dom.js';
import { duration, exact, number } from './format.js';
import { Going, GoingFace } from './going.js';

export class Sweep extends Going {
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
    super(card, 'sweep');
    const { head } = card;
    this.counts = el('span', { class: 'tn-dim tn-counts' });
    this.best = el('strong', { class: 'tn-num' });
    this.cells = [];
    this.body = el('tbody');
    const column = (text, numeric) => el('th', { text, class: numeric ? 'tn-num' : null });
    this.box = el('div', { class: 'tn-nodes', tabindex: '0', role: 'region', 'aria-label': 'trials' },
      el('table', {},
        el('thead', {}, el('tr', {}, column('trial', true), column('state'), ...head.params.map((text) => column(text)),
          head.objective !== null && column(head.objective, true), column('time', true), column(''))),
        this.body));
    this.summary = el('summary', { class: 'tn-dim' });
    this.lines = el('pre', { class: 'tn-code' });
    this.log = el('details', { class: 'tn-log' }, this.summary, this.lines);
    root.append(el('section', { class: 'tn-card', 'aria-label': head.name },
      this.heading(head.name, head.environment, this.counts, this.best), this.box, this.log));
    this.show(card.rows.keys());
    this.refresh();
  }

  tick() {
    super.tick();
    this.card.rows.forEach(([, state, , , since], at) => {
      if (state === 'RUNNING' && this.cells[at]) setText(this.cells[at].time, duration(Date.now() / 1000 - since));
    });
  }

  refresh() {
    const { head, rows, stale } = this.card;
    this.show(stale);
    setText(this.counts, head.counts);
    setText(this.best, head.best_told);
    this.cells.forEach(({ remark }, at) => setText(remark, rows[at][6] || (rows[at][0] === head.best ? 'best' : '')));
    this.log.hidden = !head.log.length;
    setText(this.summary, `Log, ${head.log.length} ${head.log.length === 1 ? 'line' : 'lines'}`);
    setText(this.lines, head.log.join('\n'));
    super.refresh();
  }

  /** Write the rows at these places; those beyond the last one are added. */
  show(stale) {
    let newest = null;
    for (const at of stale) {
      while (this.cells.length <= at) this.add(this.card.rows[this.cells.length]);
      const [, state, , value, , seconds] = this.card.rows[at];
      const cell = this.cells[at];
      setText(cell.state, state);
      cell.state.dataset.state = state;
      setText(cell.value, value === null ? '' : number(value));
      cell.value.title = exact(value);
      setText(cell.time, seconds === null ? '' : duration(seconds));
      newest = cell.row;
    }
    if (newest) this.reveal(newest);
  }

  add([place, , params]) {
    const state = el('span', { class: 'tn-state' });
    const [value, time] = [0, 1].map(() => el('td', { class: 'tn-num' }));
    const remark = el('td', { class: 'tn-dim' });
    const row = el('tr', {}, el('td', { class: 'tn-num', text: String(place) }), el('td', {}, state),
      ...params.map((text) => el('td', { text, title: text })), this.card.head.objective !== null && value, time, remark);
    this.cells.push({ state, value, time, remark, row });
    this.body.append(row);
  }

  /** Keep the trial that was heard of last in sight, unless somebody reads here. */
  reveal(row) {
    if (this.box.matches(':hover, :focus-within')) return;
    const low = row.offsetTop + row.offsetHeight - this.box.clientHeight;
    if (low > this.box.scrollTop || row.offsetTop < this.box.scrollTop) this.box.scrollTop = Math.max(0, low);
  }
}
