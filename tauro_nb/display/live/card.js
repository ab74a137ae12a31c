// The card of a run: what it is, how it goes, its curves. Points come as binary messages and are appended.
import { el, setText, perFrame } from './dom.js';
import { duration, exact, number } from './format.js';
import { Line, floats } from './line.js';
import { Panel, about } from './panel.js';

const TICK_MS = 1000;

export class Card {
  constructor(model) {
    this.model = model;
    this.lines = new Map();
    this.options = { x: 'step', smooth: 0 };
    this.panelStates = new Map();
    this.faces = new Set();
    this.asked = false;
    this.head = model.get('head');
    this.headAt = performance.now();
    this.take(model.get('points'));
    this.onHead = () => {
      this.head = model.get('head');
      this.headAt = performance.now();
      this.changed();
    };
    model.on('change:head', this.onHead);
    this.changed = perFrame(() => this.faces.forEach((face) => face.refresh()));
  }

  stop() {
    this.changed.cancel();
    this.model.off('change:head', this.onHead);
  }

  receive(message, buffers) {
    if (message.points) {
      this.take({ ...message, buffers });
      this.changed();
    }
  }

  /** Put points where they belong; where some are missing here, ask once for all. */
  take({ lines, points, buffers }) {
    for (const spec of lines) if (!this.lines.has(spec.id)) this.lines.set(spec.id, new Line(spec));
    points.forEach(({ id, offset, last, min, max, count }, i) => {
      const line = this.lines.get(id);
      const [step, time, value] = buffers.slice(3 * i, 3 * i + 3).map(floats);
      if (line?.splice(offset, { step, time, value })) {
        Object.assign(line, { last, min, max, count });
        this.asked = false;
      } else if (!this.asked) {
        this.asked = true;
        this.model.send({ do: 'resend' });
      }
    });
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
    this.panels = new Map();
    this.tiles = new Map();
    const { head } = card;
    this.state = el('span', { class: 'tn-state', role: 'status' });
    this.elapsed = el('span', { class: 'tn-num tn-dim', title: 'time since the run started' });
    this.params = el('div', { class: 'tn-params', role: 'list', 'aria-label': 'parameters' });
    this.waiting = el('div', { class: 'tn-dim tn-waiting', text: 'No metric yet. run.log_metric("loss", value) draws one here.' });
    this.grid = el('div', { class: 'tn-panels' });
    this.row = el('div', { class: 'tn-tiles', role: 'list', 'aria-label': 'metrics with one value' });
    this.tools = this.makeTools();
    root.append(el('section', { class: 'tn-card', 'aria-label': `run ${head.name}` },
      el('header', { class: 'tn-head' }, el('strong', { class: 'tn-name', text: head.name, title: head.name }), this.state,
        el('span', { class: 'tn-dim tn-code', text: head.run_id.slice(0, 8), title: head.run_id }),
        el('span', { class: 'tn-dim', text: head.experiment }), this.elapsed, this.tools),
      this.params, this.waiting, this.grid, this.row));
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.refresh();
  }

  makeTools() {
    const { options } = this.card;
    const redraw = () => this.card.changed();
    const axis = el('select', {
      'aria-label': 'horizontal axis',
      on: { change: (event) => { options.x = event.target.value; redraw(); } },
    }, el('option', { value: 'step', text: 'step' }), el('option', { value: 'time', text: 'time' }));
    axis.value = options.x;
    const smooth = el('input', {
      type: 'range', min: '0', max: '0.98', step: '0.02', value: String(options.smooth), 'aria-label': 'smoothing',
      on: { input: (event) => { options.smooth = Number(event.target.value); redraw(); } },
    });
    return el('span', { class: 'tn-tools' }, el('label', { class: 'tn-dim' }, 'x ', axis), el('label', { class: 'tn-dim' }, 'smooth ', smooth));
  }

  tick() {
    setText(this.elapsed, duration(this.card.elapsed()));
  }

  refresh() {
    const { head } = this.card;
    setText(this.state, head.status);
    this.state.dataset.state = head.status;
    this.tick();
    this.showParams(head.params);
    const groups = new Map();
    for (const line of this.card.lines.values()) {
      if (!groups.has(line.group)) groups.set(line.group, []);
      groups.get(line.group).push(line);
    }
    for (const [name, lines] of groups) {
      if (this.panels.has(name) || lines.some((line) => line.count > 1)) this.showPanel(name, lines);
      else lines.forEach((line) => this.showTile(line));
    }
    this.waiting.hidden = groups.size > 0;
    this.tools.hidden = this.panels.size === 0;
  }

  showParams(params) {
    if (this.params.childElementCount === params.length) return;
    this.params.replaceChildren(...params.map(([name, value]) =>
      el('span', { role: 'listitem', title: `${name} = ${value}` }, el('span', { class: 'tn-dim', text: name }), el('span', { class: 'tn-value', text: value }))));
  }

  showPanel(name, lines) {
    let panel = this.panels.get(name);
    if (!panel) {
      const { panelStates, options } = this.card;
      if (!panelStates.has(name)) panelStates.set(name, { log: false, hidden: new Set() });
      panel = new Panel(name, options, panelStates.get(name), this.card.model.get('plotly'));
      this.panels.set(name, panel);
      this.grid.append(panel.node);
      for (const line of lines) this.dropTile(line);
    }
    panel.update(lines.map((line) => ({
      id: line.id, label: line.label, title: line.key, line, last: line.last, about: about(line),
    })));
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
    for (const panel of this.panels.values()) panel.destroy();
  }
}
