// The card of a pipeline: a row for each node.
import { el, setText } from './dom.js';
import { number } from './format.js';
import { Stepwise, StepwiseFace } from './stepwise.js';

const STATES = ['RUNNING', 'FAILED', 'INTERRUPTED', 'FINISHED', 'SKIPPED', 'PENDING'];
const SINCE = 2;

export class Pipeline extends Stepwise {
  face(root) {
    return new Face(this, root);
  }
}

class Face extends StepwiseFace {
  constructor(card, root) {
    super(card, 'pipeline', 'nodes', SINCE);
    const { head } = card;
    this.headings.append(...['node', 'state'].map((text) => el('th', { text })),
      ...['time', 'rows in', 'rows out'].map((text) => el('th', { class: 'tn-num', text })));
    this.cells = card.rows.map(([name]) => {
      const state = el('span', { class: 'tn-state' });
      const [time, before, after] = [0, 1, 2].map(() => el('td', { class: 'tn-num' }));
      return { state, time, before, after, row: el('tr', {}, el('td', { class: 'tn-node', text: name, title: name }), el('td', {}, state), time, before, after) };
    });
    this.body.append(...this.cells.map(({ row }) => row));
    this.settle(root, `pipeline ${head.pipeline}`, this.heading(head.pipeline, head.environment, this.counts));
  }

  refresh() {
    super.refresh();
    const { counts } = this.card.head;
    setText(this.counts, STATES.filter((state) => counts[state]).map((state) => `${number(counts[state])} ${state.toLowerCase()}`).join(' · '));
  }

  /** Write a row anew; returns it where its node has begun. */
  write(at) {
    const [, state, , seconds, before, after] = this.card.rows[at];
    const cell = this.cells[at];
    const isIdle = state === 'PENDING' || state === 'SKIPPED';
    this.writeState(cell, state, seconds);
    cell.row.classList.toggle('tn-dim', isIdle);
    setText(cell.before, before === null ? '' : number(before));
    setText(cell.after, after === null ? '' : number(after));
    return isIdle ? null : cell.row;
  }
}
