// A set of lines as small charts, one for each group, with the controls that they share.
import { el } from './dom.js';
import { Line, floats } from './line.js';
import { Panel, about } from './panel.js';

/** The lines themselves, fed by messages {lines, points, buffers}; they outlive any showing of them. */
export class Lines {
  /** `looks` is {told, keep}: how they were looked at, and how that is kept. */
  constructor({ told, keep }) {
    this.byId = new Map();
    this.options = { x: told.x ?? 'step', smooth: told.smooth ?? 0 };
    this.panels = new Map(Object.entries(told.panels ?? {}).map(([group, { log, hidden, zoom }]) => [group, { log, hidden: new Set(hidden), zoom }]));
    this.kept = () => keep({
      ...this.options,
      panels: Object.fromEntries([...this.panels].map(([group, { log, hidden, zoom }]) => [group, { log, hidden: [...hidden], zoom }])),
    });
  }

  /** How the panel of a group is looked at. */
  panel(group) {
    if (!this.panels.has(group)) this.panels.set(group, { log: false, hidden: new Set(), zoom: null });
    return this.panels.get(group);
  }

  /** Put points where they belong. False if points before them are missing here. */
  take({ lines, points, buffers }) {
    let whole = true;
    for (const spec of lines) if (!this.byId.has(spec.id)) this.byId.set(spec.id, new Line(spec));
    points.forEach(({ id, offset, ...facts }, i) => {
      const line = this.byId.get(id);
      const [step, time, value] = buffers.slice(3 * i, 3 * i + 3).map(floats);
      if (line?.splice(offset, { step, time, value })) Object.assign(line, facts);
      else whole = false;
    });
    return whole;
  }

  /** Group name -> lines, in the order in which the groups came. */
  groups() {
    const groups = new Map();
    for (const line of this.byId.values()) {
      if (!groups.has(line.group)) groups.set(line.group, []);
      groups.get(line.group).push(line);
    }
    return groups;
  }
}

/** One showing of lines. `version` is that of the plotly.js which draws them. */
export class Curves {
  constructor(lines, version) {
    this.lines = lines;
    this.version = version;
    this.panels = new Map();
    this.node = el('div', { class: 'tn-panels' });
    this.tools = this.makeTools();
  }

  makeTools() {
    const { options } = this.lines;
    const redraw = () => {
      this.panels.forEach((panel) => panel.request());
      this.lines.kept();
    };
    const turn = (event) => {
      options.x = event.target.value;
      this.panels.forEach((panel) => panel.unzoom());
      redraw();
    };
    const axis = el('select', {
      'aria-label': 'horizontal axis',
      on: { change: turn },
    }, el('option', { value: 'step', text: 'step' }), el('option', { value: 'time', text: 'time' }));
    axis.value = options.x;
    const smooth = el('input', {
      type: 'range', min: '0', max: '0.98', step: '0.02', value: String(options.smooth), 'aria-label': 'smoothing',
      on: { input: (event) => { options.smooth = Number(event.target.value); redraw(); } },
    });
    return el('span', { class: 'tn-tools', hidden: true },
      el('label', { class: 'tn-dim' }, 'x ', axis), el('label', { class: 'tn-dim' }, 'smooth ', smooth));
  }

  has(group) {
    return this.panels.has(group);
  }

  show(group, lines) {
    let panel = this.panels.get(group);
    if (!panel) {
      panel = new Panel(group, this.lines.options, this.lines.panel(group), () => this.lines.kept(), this.version);
      this.panels.set(group, panel);
      this.node.append(panel.node);
      this.tools.hidden = false;
    }
    panel.update(lines.map((line) => ({
      id: line.id, label: line.label, title: line.key, line, last: line.last, about: about(line),
    })));
  }

  leave() {
    for (const panel of this.panels.values()) panel.destroy();
    this.panels.clear();
  }
}

/** Lines that came as one block, under their title. */
export class CurveSet {
  /** `linesOf(block)` returns the lines of the block as they are now. */
  constructor(block, version, linesOf) {
    this.version = version;
    this.linesOf = linesOf;
    this.node = el('section');
    this.update(block);
  }

  update(block) {
    this.curves?.leave();
    this.curves = new Curves(this.linesOf(block), this.version);
    for (const [name, members] of this.curves.lines.groups()) this.curves.show(name, members);
    this.node.setAttribute('aria-label', block.title || 'curves');
    this.node.replaceChildren(el('header', { class: 'tn-bar' }, el('strong', { text: block.title }), this.curves.tools), this.curves.node);
  }

  leave() {
    this.curves.leave();
    this.node.remove();
  }
}
