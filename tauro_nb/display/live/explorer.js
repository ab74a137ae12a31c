// A view that stays live as long as its kernel: tables, what they open, and what the kernel answered.
import { Choices } from './choices.js';
import { CurveSet, Lines } from './curves.js';
import { el } from './dom.js';
import { Figure } from './figure.js';
import { Shown } from './going.js';
import { Grid } from './grid.js';
import { Looks } from './looks.js';
import { Rows } from './rows.js';
import { Courses, Lineage } from './versions.js';

const PATIENCE_MS = 400;

export class Explorer extends Shown {
  constructor(model) {
    super(model);
    this.looks = new Looks(model);
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
    this.looks.stop();
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
        else this.tables.set(block.id, new Rows(block, this.looks.at(`rows ${block.id}`)));
        this.more(this.tables.get(block.id));
        const { query } = this.tables.get(block.id);
        if (query) this.model.send({ do: 'filter', grid: block.id, text: query });
      } else if (block.kind === 'curves') {
        const lines = new Lines(this.looks.at(`curves ${block.id}`));
        lines.take(block);
        this.curves.set(block.id, lines);
      }
    }
  }

  /** Ask for the rows that are not here yet, a page at a time, then for columns that were folded. */
  more(rows) {
    const { id, edition } = rows.spec;
    const ask = (request) => this.model.send({ grid: id, edition, ...request });
    const column = rows.columns.find((each) => rows.lacks(each));
    if (!rows.complete) ask({ do: 'rows', from: rows.rows.length });
    else if (column) ask({ do: 'column', column: column.key, from: rows.come.get(column.key) ?? 0 });
  }

  receive(message, buffers) {
    if (message.filter) {
      const rows = this.tables.get(message.grid);
      if (rows?.spec.edition !== message.edition) return;
      rows.keep(message.filter, new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength));
      for (const face of this.faces) face.parts.get(message.grid)?.rebuild();
    } else if (message.column) {
      const rows = this.tables.get(message.grid);
      if (rows?.spec.edition !== message.edition) return;
      rows.fill(message.column, message.from, message.values);
      for (const face of this.faces) face.parts.get(message.grid)?.rebuild();
      this.more(rows);
    } else if (message.done) {
      this.pending.get(message.done)?.();
      this.pending.delete(message.done);
    } else if (message.rows) {
      const rows = this.tables.get(message.grid);
      if (rows?.spec.edition !== message.edition || rows.rows.length !== message.from) return;
      rows.append(message.rows);
      for (const face of this.faces) face.parts.get(message.grid)?.refresh();
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

  face(root) {
    return new Face(this, root);
  }
}

class Text {
  constructor(block) {
    this.node = el('div', { class: 'tn-dim tn-text' });
    this.update(block);
  }

  update({ text }) {
    this.node.textContent = text;
  }

  leave() {
    this.node.remove();
  }
}

/** Kind of block -> what shows it: made of the first, updated by those that follow under its id. */
const PARTS = {
  grid: (block, explorer) => new Grid(explorer.tables.get(block.id), (request) => explorer.ask(request), (rows) => explorer.more(rows)),
  choices: (block, explorer) => new Choices(block, (request) => explorer.ask(request)),
  curves: (block, explorer) => new CurveSet(block, explorer.model.get('plotly'), ({ id }) => explorer.curves.get(id)),
  figure: (block, explorer) => new Figure(block, explorer.model.get('plotly')),
  courses: (block) => new Courses(block),
  lineage: (block) => new Lineage(block),
  text: (block) => new Text(block),
};

/** One showing of an explorer. */
class Face {
  constructor(explorer, root) {
    this.explorer = explorer;
    this.parts = new Map(); // block id -> what shows it
    this.places = { main: el('div', { class: 'tn-main' }), detail: el('div', { class: 'tn-detail' }) };
    this.note = el('div', { class: 'tn-note', role: 'status', 'aria-live': 'polite' });
    const refresh = el('button', { class: 'tn-refresh', text: 'Refresh', title: 'ask the store again', on: { click: () => explorer.ask({ do: 'refresh' }) } });
    root.append(el('div', { class: 'tn-explorer' }, refresh, this.places.main, this.places.detail, this.note));
    for (const name of ['main', 'detail']) this.show(name);
  }

  show(name) {
    const blocks = this.explorer.model.get(name);
    const kept = new Map(blocks.map((block) => [block.id, block.kind]));
    for (const [id, part] of this.parts) {
      if (part.where !== name || kept.get(id) === part.kind) continue;
      part.leave();
      this.parts.delete(id);
    }
    const nodes = blocks.map((block) => this.part(block, name).node);
    const place = this.places[name];
    if (nodes.length !== place.children.length || nodes.some((node, i) => node !== place.children[i])) place.replaceChildren(...nodes);
  }

  part(block, where) {
    const known = this.parts.get(block.id);
    if (known) known.update(block);
    else this.parts.set(block.id, Object.assign(PARTS[block.kind](block, this.explorer), { kind: block.kind, where }));
    return this.parts.get(block.id);
  }

  /** Say how it went where it was asked; what needs no words clears them. */
  tell(note) {
    const grid = this.parts.get(note.grid);
    this.note.className = `tn-note tn-${grid ? 'plain' : note.tone}`;
    this.note.textContent = grid ? '' : note.text;
    if (grid && note.text) grid.say(note);
    else if (grid) grid.hush();
  }

  leave() {
    for (const part of this.parts.values()) part.leave();
  }
}
