// A table of any length: only the rows in sight are in the document. Sorting, looking for words and choosing happen
// here; a filter in the grammar of `search_runs` is read by the kernel.
import { Actions } from './actions.js';
import { Chooser } from './chooser.js';
import { el, perFrame, setText } from './dom.js';
import { isQuery, signed, written } from './rows.js';

const ROW_PX = 26;
const MOST_ROWS = 14;
const OVERSCAN = 8;

export class Grid {
  /** `ask(request)` sends to the kernel and resolves when that has been done; `more(rows)` fetches what is lacking. */
  constructor(rows, ask, more) {
    this.rows = rows;
    this.ask = ask;
    this.drawn = new Map();
    this.last = null;
    const { filters, title } = rows.spec;
    this.search = el('input', {
      type: 'search', placeholder: filters ? 'words, or metrics.loss < 0.1' : 'filter', class: filters ? 'tn-long' : null, spellcheck: 'false', value: rows.query || rows.filter,
      title: `words that must all occur; "in quotes" as they are${filters ? "\nor a filter, with Enter: metrics.f1 > 0.9 and params.model = 'svm'" : ''}`, 'aria-label': `filter ${title}`,
      on: { input: () => this.typed(), keydown: (event) => { if (event.key === 'Enter') this.entered(); } },
    });
    this.count = el('span', { class: 'tn-dim tn-num', role: 'status' });
    this.actions = new Actions(rows, ask);
    this.chooser = new Chooser(rows, () => {
      more(rows);
      this.rebuild();
    });
    this.head = el('thead');
    this.above = el('tbody', { 'aria-hidden': 'true' });
    this.body = el('tbody');
    this.below = el('tbody', { 'aria-hidden': 'true' });
    this.columns = el('colgroup');
    this.table = el('table', { class: 'tn-table', 'aria-label': rows.spec.title }, this.columns, this.head, this.above, this.body, this.below);
    this.frame = el('div', { class: 'tn-frame', on: { scroll: () => this.scrolled() } }, this.table);
    this.empty = el('div', { class: 'tn-dim', text: rows.spec.empty });
    this.title = el('strong', { text: rows.spec.title });
    this.scrolled = perFrame(() => this.fill());
    this.node = el('section', { class: 'tn-grid', 'aria-label': title, on: { keydown: (event) => this.key(event) } },
      el('header', { class: 'tn-bar' }, this.title, this.search, this.count, this.actions.buttons, this.chooser.tools), this.actions.line, this.chooser.list, this.frame, this.empty);
    this.rebuild();
  }

  /** The table's columns, actions or edition changed. */
  rebuild() {
    const { rows } = this;
    const { spec } = rows;
    if (this.title.textContent !== spec.title) this.search.value = rows.query || rows.filter;
    setText(this.title, spec.title);
    setText(this.empty, spec.empty);
    const visible = rows.visible();
    this.visible = visible;
    const widths = visible.map((column) => rows.width(column));
    this.columns.replaceChildren(
      ...(spec.select === 'none' ? [] : [el('col', { style: 'width: 28px' })]),
      ...widths.map((width) => el('col', { style: `width: calc(${width}ch + 18px)` })));
    const total = widths.reduce((sum, width) => sum + width, 0);
    this.table.style.width = `calc(${total}ch + ${18 * widths.length + (spec.select === 'none' ? 0 : 28)}px)`;
    this.heads = new Map();
    this.all = spec.select === 'many' ? el('input', { type: 'checkbox', 'aria-label': 'choose all that are shown', on: { change: () => this.chooseAll() } }) : null;
    this.head.replaceChildren(el('tr', {},
      spec.select === 'none' ? null : el('th', { scope: 'col', class: 'tn-check' }, this.all),
      ...visible.map((column) => this.makeHead(column))));
    this.body.replaceChildren();
    this.drawn.clear();
    this.actions.rebuild();
    this.chooser.rebuild();
    this.refresh();
  }

  /** Another edition of the table came. */
  update() {
    this.rebuild();
  }

  /** Words are looked for as they are typed; a filter waits until it is written. */
  typed() {
    const { rows } = this;
    const { value } = this.search;
    if (rows.spec.filters && isQuery(value)) {
      this.waits = true;
      this.actions.say({ tone: 'plain', text: 'Enter finds the runs that this filter keeps.' });
      return;
    }
    if (this.waits) this.actions.hush();
    this.waits = false;
    rows.search(value);
    this.refresh();
  }

  entered() {
    const { spec } = this.rows;
    const text = this.search.value;
    if (spec.filters && isQuery(text)) this.ask({ do: 'filter', grid: spec.id, text });
  }

  makeHead(column) {
    const mark = el('span', { class: 'tn-mark', 'aria-hidden': 'true' });
    const button = el('button', { title: `sort by ${column.title || column.label}`, on: { click: () => { this.rows.sortBy(column.key); this.refresh(); } } },
      column.numeric ? mark : null, el('span', { text: column.label }), column.numeric ? null : mark);
    const node = el('th', { scope: 'col', class: look(column.numeric && 'tn-right', column.key === this.rows.spec.name && 'tn-first') }, button);
    this.heads.set(column.key, { node, mark });
    return node;
  }

  /** Order, filter, choice or the number of rows changed. */
  refresh() {
    const { rows } = this;
    const { spec } = rows;
    for (const [key, { node, mark }] of this.heads) {
      const on = rows.sort?.column === key;
      setText(mark, on ? (rows.sort.down ? '▾' : '▴') : '');
      node.setAttribute('aria-sort', on ? (rows.sort.down ? 'descending' : 'ascending') : 'none');
    }
    const here = rows.rows.length < spec.total ? `, ${rows.rows.length.toLocaleString('en-US')} here` : '';
    const chosen = rows.chosen.size ? `, ${rows.chosen.size} chosen` : '';
    const part = rows.filter || rows.kept ? `${rows.shown.length.toLocaleString('en-US')} of ` : '';
    setText(this.count, `${part}${spec.total.toLocaleString('en-US')}${here}${chosen}`);
    this.search.hidden = spec.total < 6;
    this.frame.hidden = spec.total === 0;
    this.empty.hidden = spec.total > 0;
    if (this.all) {
      this.all.checked = rows.shown.length > 0 && rows.shown.every((row) => rows.chosen.has(row[0]));
      this.all.indeterminate = !this.all.checked && rows.shown.some((row) => rows.chosen.has(row[0]));
    }
    this.frame.style.maxHeight = `${(MOST_ROWS + 1) * ROW_PX + 16}px`;
    this.actions.refresh();
    this.fill();
  }

  /** Put the rows in sight into the document; those that were there stay the same nodes, so focus survives. */
  fill() {
    const { shown } = this.rows;
    const first = Math.max(0, Math.floor(this.frame.scrollTop / ROW_PX) - OVERSCAN);
    const slice = shown.slice(first, first + MOST_ROWS + 2 * OVERSCAN);
    const wanted = new Set(slice.map((row) => row[0]));
    for (const [key, node] of this.drawn) {
      if (wanted.has(key)) continue;
      node.remove();
      this.drawn.delete(key);
    }
    let before = this.body.firstElementChild;
    slice.forEach((row, i) => {
      let node = this.drawn.get(row[0]);
      if (!node) {
        node = this.makeRow(row);
        this.drawn.set(row[0], node);
      }
      if (node === before) before = before.nextElementSibling;
      else this.body.insertBefore(node, before);
      node.setAttribute('aria-rowindex', first + i + 2);
      this.markRow(node, row[0]);
    });
    this.table.setAttribute('aria-rowcount', shown.length + 1);
    spacer(this.above, first);
    spacer(this.below, shown.length - first - slice.length);
  }

  makeRow(row) {
    const { spec } = this.rows;
    const label = String(this.rows.value(row, spec.name) ?? row[0]);
    const check = spec.select === 'none' ? null : el('td', { class: 'tn-check' }, el('input', {
      type: spec.select === 'one' ? 'radio' : 'checkbox', 'aria-label': `choose ${label}`, 'data-key': row[0],
      on: { click: (event) => this.choose(row[0], event.target.checked, event.shiftKey) },
    }));
    return el('tr', {}, check, ...this.visible.map((column) => this.makeCell(row, column)));
  }

  makeCell(row, column) {
    const { key, kind, at, numeric, bar } = column;
    const { rows } = this;
    const { spec } = rows;
    const [text, title] = written(kind, row[at]);
    if (kind === 'state' && text) return el('td', {}, el('span', { class: 'tn-state', 'data-state': text, text }));
    if (kind === 'badges') return el('td', { title }, ...(row[at] ?? []).map((each) => el('span', { class: 'tn-badge', text: each })));
    const named = key === spec.name;
    const own = look(numeric && 'tn-right', named && 'tn-first', named && !spec.open && 'tn-strong', kind === 'code' && 'tn-code', kind === 'muted' && 'tn-dim');
    if (named) {
      const mark = spec.mark ? rows.value(row, spec.mark) : '';
      const name = spec.open ? el('button', { class: 'tn-open', text, title: `${title}\nclick to open`, on: { click: () => this.open(row) } }) : text;
      return el('td', { title, class: look(own, mark && 'tn-marked') }, name, mark && el('span', { class: 'tn-dim tn-code', text: ` ${mark}` }));
    }
    const share = bar ? rows.share(row[at], column) : null;
    const by = bar ? rows.change(row, at) : null;
    return el('td', {
      class: look(own, share !== null && 'tn-share'), title: by !== null ? `${title}\n${signed(by)} against v${spec.base}` : title === text && text.length < 20 ? null : title,
      style: share === null ? null : `--tn-share: ${share.toFixed(4)}`,
    }, text, bar && spec.base && el('span', { class: 'tn-dim tn-change', text: by === null ? '' : signed(by) }));
  }

  markRow(node, key) {
    const on = this.rows.chosen.has(key);
    node.classList.toggle('tn-chosen', on);
    const input = node.querySelector('.tn-check input');
    if (input) input.checked = on;
  }

  choose(key, on, range) {
    const { rows } = this;
    if (rows.spec.select === 'one') rows.chosen.clear();
    const keys = rows.shown.map((row) => row[0]);
    const from = range && this.last !== null ? keys.indexOf(this.last) : -1;
    const to = keys.indexOf(key);
    this.actions.said = false;
    const touched = from < 0 ? [key] : keys.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of touched) {
      if (on) rows.chosen.add(one);
      else rows.chosen.delete(one);
    }
    this.last = key;
    rows.remember();
    this.refresh();
  }

  chooseAll() {
    const { rows } = this;
    for (const row of rows.shown) {
      if (this.all.checked) rows.chosen.add(row[0]);
      else rows.chosen.delete(row[0]);
    }
    rows.remember();
    this.refresh();
  }

  /** Arrows move between the rows' boxes, Enter opens. */
  key(event) {
    const key = event.target.dataset?.key;
    if (key === undefined || !['ArrowDown', 'ArrowUp', 'Enter'].includes(event.key)) return;
    event.preventDefault();
    const { shown, spec } = this.rows;
    const at = shown.findIndex((row) => row[0] === key);
    if (event.key === 'Enter') {
      if (spec.open) this.open(shown[at]);
      return;
    }
    const next = shown[at + (event.key === 'ArrowDown' ? 1 : -1)];
    if (!next) return;
    const top = (at + (event.key === 'ArrowDown' ? 1 : -1)) * ROW_PX;
    if (top < this.frame.scrollTop) this.frame.scrollTop = top;
    const lowest = this.frame.clientHeight - 2 * ROW_PX;
    if (top > this.frame.scrollTop + lowest) this.frame.scrollTop = top - lowest;
    this.fill();
    this.drawn.get(next[0])?.querySelector('.tn-check input')?.focus({ preventScroll: true });
  }

  open(row) {
    this.ask({ do: 'open', grid: this.rows.spec.id, keys: [row[0]] });
  }

  say(note) {
    this.actions.say(note);
  }

  hush() {
    this.actions.hush();
  }

  leave() {
    this.scrolled.cancel();
    this.node.remove();
  }
}

function look(...names) {
  return names.filter(Boolean).join(' ') || null;
}

function spacer(body, count) {
  if (!count) body.replaceChildren();
  else body.replaceChildren(el('tr', { style: `height: ${count * ROW_PX}px` }, el('td', { colspan: '100' })));
}
