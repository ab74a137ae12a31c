// The card of a run: what it is, how it goes, its curves. Points come as binary messages and are appended.
import { el, setText } from './dom.js';
import { exact, number } from './format.js';
import { Curves, Lines } from './curves.js';
import { Going, GoingFace } from './going.js';
import { Looks } from './looks.js';

export class Card extends Going {
  constructor(model) {
    super(model);
    this.looks = new Looks(model);
    this.lines = new Lines(this.looks.at('curves'));
    this.asked = false;
    model.on('change:pictures', this.changed);
    this.take(model.get('points'));
  }

  stop() {
    super.stop();
    this.looks.stop();
    this.model.off('change:pictures', this.changed);
  }

  receive(message, buffers) {
    if (message.points) this.take({ ...message, buffers });
  }

  /** Take points; where some are missing here, ask once for all of them. */
  take(news) {
    const whole = this.lines.take(news);
    if (!whole && !this.asked) this.model.send({ do: 'resend' });
    this.asked = !whole;
    this.changed();
  }

  face(root) {
    return new Face(this, root);
  }
}

class Face extends GoingFace {
  constructor(card, root) {
    super(card, 'run');
    this.tiles = new Map();
    this.curves = new Curves(card.lines, card.model.get('plotly'));
    const { head } = card;
    this.params = el('div', { class: 'tn-params', role: 'list', 'aria-label': 'parameters' });
    this.waiting = el('div', { class: 'tn-dim', text: 'No metric yet: run.log_metric("loss", value) draws one here.' });
    this.row = el('div', { class: 'tn-tiles', role: 'list', 'aria-label': 'metrics with one value' });
    this.pictures = el('div', { class: 'tn-pictures' });
    this.notes = el('div', { class: 'tn-text' });
    root.append(el('section', { class: 'tn-card', 'aria-label': `run ${head.name}` },
      this.heading(head.name, head.experiment, el('span', { class: 'tn-dim tn-code', text: head.run_id }), this.curves.tools),
      this.params, this.waiting, this.curves.node, this.row, this.pictures, this.notes));
    this.refresh();
  }

  refresh() {
    super.refresh();
    const { head, lines, model } = this.card;
    this.showParams(head.params, head.params_left);
    const groups = lines.groups();
    for (const [name, members] of groups) {
      if (this.curves.has(name) || members.some((line) => line.count > 1)) {
        this.curves.show(name, members);
        members.forEach((line) => this.dropTile(line));
      } else members.forEach((line) => this.showTile(line));
    }
    this.waiting.hidden = groups.size > 0;
    this.showPictures(model.get('pictures'));
    this.notes.hidden = !head.notes;
    setText(this.notes, head.notes);
  }

  showParams(params, left) {
    if (this.shownParams === String(params)) return;
    this.shownParams = String(params);
    this.params.replaceChildren(
      ...params.map(([name, value]) => el('span', { role: 'listitem', title: `${name} = ${value}` },
        el('span', { class: 'tn-dim', text: name }), el('span', { class: 'tn-value', text: value }))),
      left ? el('span', { class: 'tn-dim', text: `and ${left} more` }) : '');
  }

  showTile(line) {
    if (!this.tiles.has(line.id)) {
      const value = el('div', { class: 'tn-num' });
      const node = el('div', { role: 'listitem' }, el('div', { class: 'tn-dim tn-tile-name', text: line.key, title: line.key }), value);
      this.tiles.set(line.id, { node, value });
      this.row.append(node);
    }
    const { value } = this.tiles.get(line.id);
    setText(value, number(line.last));
    value.title = exact(line.last);
  }

  dropTile(line) {
    this.tiles.get(line.id)?.node.remove();
    this.tiles.delete(line.id);
  }

  /** What evaluations of the run drew: finished pictures. */
  showPictures(pictures) {
    if (this.shownPictures === pictures) return;
    this.shownPictures = pictures;
    this.pictures.replaceChildren(...pictures.map((picture) => el('img', picture)));
  }

  leave() {
    super.leave();
    this.curves.leave();
  }
}
