// The card of a run: what it is, how it goes, its curves. Points come as binary messages and are appended.
import { el, perFrame, setText } from './dom.js';
import { duration, exact, number } from './format.js';
import { Curves, Lines } from './curves.js';

const TICK_MS = 1000;

export class Card {
  constructor(model) {
    this.model = model;
    this.lines = new Lines();
    this.faces = new Set();
    this.asked = false;
    this.changed = perFrame(() => this.faces.forEach((face) => face.refresh()));
    this.onHead = () => {
      this.head = model.get('head');
      this.headAt = performance.now();
      this.changed();
    };
    this.onHead();
    model.on('change:head', this.onHead);
    this.take(model.get('points'));
  }

  stop() {
    this.changed.cancel();
    this.model.off('change:head', this.onHead);
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

  elapsed() {
    const { elapsed_s: before, status } = this.head;
    return status === 'RUNNING' ? before + (performance.now() - this.headAt) / 1000 : before;
  }

  draw(root) {
    const face = new Face(this, root);
    this.faces.add(face);
    return () => {
      this.faces.delete(face);
      face.leave();
    };
  }
}

/** One showing of a card; a notebook may show the same output twice. */
class Face {
  constructor(card, root) {
    this.card = card;
    this.tiles = new Map();
    this.curves = new Curves(card.lines, card.model.get('plotly'));
    const { head } = card;
    this.state = el('span', { class: 'tn-state', role: 'status' });
    this.elapsed = el('span', { class: 'tn-num tn-dim', title: 'time since the run started' });
    this.params = el('div', { class: 'tn-params', role: 'list', 'aria-label': 'parameters' });
    this.waiting = el('div', { class: 'tn-dim', text: 'No metric yet: run.log_metric("loss", value) draws one here.' });
    this.row = el('div', { class: 'tn-tiles', role: 'list', 'aria-label': 'metrics with one value' });
    root.append(el('section', { class: 'tn-card', 'aria-label': `run ${head.name}` },
      el('header', { class: 'tn-head' },
        el('strong', { class: 'tn-name', text: head.name, title: head.name }), this.state,
        el('span', { class: 'tn-dim', text: head.experiment }), this.elapsed,
        el('span', { class: 'tn-dim tn-code', text: head.run_id }), this.curves.tools),
      this.params, this.waiting, this.curves.node, this.row));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.refresh();
  }

  tick() {
    setText(this.elapsed, duration(this.card.elapsed()));
  }

  refresh() {
    const { head, lines } = this.card;
    setText(this.state, head.status);
    this.state.dataset.state = head.status;
    this.tick();
    this.showParams(head.params, head.params_left);
    const groups = lines.groups();
    for (const [name, members] of groups) {
      if (this.curves.has(name) || members.some((line) => line.count > 1)) {
        this.curves.show(name, members);
        members.forEach((line) => this.dropTile(line));
      } else members.forEach((line) => this.showTile(line));
    }
    this.waiting.hidden = groups.size > 0;
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

  leave() {
    clearInterval(this.timer);
    this.curves.leave();
  }
}
