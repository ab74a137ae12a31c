// The card of a sweep: a row for each trial, which comes when it begins; the best one marked.
import { el, setText } from './dom.js';
import { exact, number } from './format.js';
import { Stepwise, StepwiseFace } from './stepwise.js';

const SINCE = 4;

export class Sweep extends Stepwise {
  face(root) {
    return new Face(this, root);
  }
}

class Face extends StepwiseFace {
  constructor(card, root) {
    super(card, 'sweep', 'trials', SINCE);
    const { head } = card;
    this.best = el('strong', { class: 'tn-num' });
    const column = (text, numeric) => el('th', { text, class: numeric ? 'tn-num' : null });
    this.headings.append(column('trial', true), column('state'), ...head.params.map((text) => column(text)),
      ...(head.objective === null ? [] : [column(head.objective, true)]), column('time', true), column(''));
    this.settle(root, head.name, this.heading(head.name, head.environment, this.counts, this.best));
  }

  refresh() {
    super.refresh();
    const { head, rows } = this.card;
    setText(this.counts, head.counts);
    setText(this.best, head.best_told);
    this.cells.forEach(({ remark }, at) => setText(remark, rows[at][6] || (rows[at][0] === head.best ? 'best' : '')));
  }

  /** Write a row anew, and return it; those up to it are added. */
  write(at) {
    while (this.cells.length <= at) this.add(this.card.rows[this.cells.length]);
    const [, state, , value, , seconds] = this.card.rows[at];
    const cell = this.cells[at];
    this.writeState(cell, state, seconds);
    setText(cell.value, value === null ? '' : number(value));
    cell.value.title = exact(value);
    return cell.row;
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
}
