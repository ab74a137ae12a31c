// A view that stays live as long as its kernel: tables, what they open, and what the kernel answered.
import { el } from './dom.js';
import { Curves, Lines } from './curves.js';
import { Grid } from './grid.js';
import { Rows } from './rows.js';

const PATIENCE_MS = 400;

export class Explorer {
  constructor(model) {
    this.model = model;
    this.faces = new Set();
    this.tables = new Map(); // grid id -> Rows
    this.curves = new Map(); // block id -> Lines
    this.pending = new Map(); // request number -> how to resolve it
    this.requests = 0;
    this.listeners = ['main', 'detail'].map((name) => {
      const listen = () => this.changed(name);
      model.on(`change:${name}`, listen);
      return [name, listen];
    });
    this.digest('main');
    this.digest('detail');
  }

  stop() {
    for (const [name, listen] of this.listeners) this.model.off(`change:${name}`, listen);
    for (const resolve of this.pending.values()) resolve();
  }

  changed(name) {
    this.digest(name);
    for (const face of this.faces) face.show(name);
  }

  /** Take what came into tables and lines that outlive any showing of them. */
  digest(name) {
    for (const block of this.model.get(name)) {
      if (block.kind === 'grid') {
        const rows = this.tables.get(block.id);
        if (rows) rows.take(block);
        else this.tables.set(block.id, new Rows(block));
        this.more(this.tables.get(block.id));
      } else if (block.kind === 'curves') {
        const lines = new Lines();
        lines.take(block);
        const old = this.curves.get(block.id);
        if (old) Object.assign(lines, { options: old.options, panelStates: old.panelStates });
        this.curves.set(block.id, lines);
      }
    }
  }

  /** Ask for the rows that are not here yet, a page at a time. */
  more(rows) {
    const { id, edition } = rows.spec;
    if (!rows.complete) this.model.send({ do: 'rows', grid: id, edition, from: rows.rows.length });
  }

  receive(message) {
    if (message.done) {
      this.pending.get(message.done)?.();
      this.pending.delete(message.done);
    } else if (message.rows) {
      const rows = this.tables.get(message.grid);
      if (rows?.spec.edition !== message.edition || rows.rows.length !== message.from) return;
      rows.append(message.rows);
      for (const face of this.faces) face.grids.get(message.grid)?.refresh();
      this.more(rows);
    }
  }

  /** Ask the kernel for something; resolves when it has been done, well or not. */
  ask(request) {
    const number = (this.requests += 1);
    const done = new Promise((resolve) => this.pending.set(number, resolve));
    this.model.send({ ...request, request: number });
    const slow = setTimeout(() => {
      const busy = this.model.widget_manager?.context?.sessionContext?.session?.kernel?.status === 'busy';
      const text = busy ? 'The kernel is busy; this waits for it.' : 'Working…';
      for (const face of this.faces) face.tell({ tone: 'plain', text, grid: request.grid });
    }, PATIENCE_MS);
    return done.then(() => {
      clearTimeout(slow);
      const note = this.model.get('note');
      for (const face of this.faces) face.tell(note);
    });
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

/** One showing of an explorer. */
class Face {
  constructor(explorer, root) {
    this.explorer = explorer;
    this.grids = new Map();
    this.charts = new Map();
    this.parts = { main: el('div', { class: 'tn-main' }), detail: el('div', { class: 'tn-detail' }) };
    this.note = el('div', { class: 'tn-note', role: 'status', 'aria-live': 'polite' });
    const refresh = el('button', { class: 'tn-refresh', text: 'Refresh', title: 'ask the store again', on: { click: () => explorer.ask({ do: 'refresh' }) } });
    root.append(el('div', { class: 'tn-explorer' }, refresh, this.parts.main, this.parts.detail, this.note));
    for (const name of ['main', 'detail']) this.show(name);
  }

  show(name) {
    const value = this.explorer.model.get(name);
    const nodes = value.map((block) => this.block(block));
    const kept = new Set(value.map((block) => block.id));
    for (const all of [this.grids, this.charts]) {
      for (const [id, part] of all) {
        if (part.where !== name || kept.has(id)) continue;
        part.leave();
        all.delete(id);
      }
    }
    const parent = this.parts[name];
    if (nodes.length !== parent.children.length || nodes.some((node, i) => node !== parent.children[i])) parent.replaceChildren(...nodes);
    for (const block of value) if (this.grids.has(block.id)) this.grids.get(block.id).where = name;
    for (const block of value) if (this.charts.has(block.id)) this.charts.get(block.id).where = name;
  }

  block(block) {
    const { explorer } = this;
    if (block.kind === 'grid') {
      if (this.grids.has(block.id)) this.grids.get(block.id).rebuild();
      else this.grids.set(block.id, new Grid(explorer.tables.get(block.id), (request) => explorer.ask(request)));
      return this.grids.get(block.id).node;
    }
    if (block.kind === 'curves') {
      this.charts.get(block.id)?.leave();
      const lines = explorer.curves.get(block.id);
      const curves = new Curves(lines, explorer.model.get('plotly'));
      for (const [name, members] of lines.groups()) curves.show(name, members);
      this.charts.set(block.id, curves);
      return el('section', { 'aria-label': block.title }, el('header', { class: 'tn-bar' }, el('strong', { text: block.title }), curves.tools), curves.node);
    }
    return el('div', { class: 'tn-dim', text: block.text });
  }

  /** Say how it went where it was asked; what needs no words clears them. */
  tell(note) {
    const grid = this.grids.get(note.grid);
    this.note.className = `tn-note tn-${note.tone}`;
    this.note.textContent = grid ? '' : note.text;
    if (grid && note.text) grid.say(note);
    else if (grid) grid.hush();
  }

  leave() {
    for (const part of [...this.grids.values(), ...this.charts.values()]) part.leave();
  }
}
