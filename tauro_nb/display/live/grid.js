// A table of any length: only the rows in sight are in the document. Sorting, filtering and choosing happen here;
// acting is asked of the kernel, with the command that does the same shown beside the button.
import { el, perFrame, setText } from './dom.js';
import { written } from './rows.js';

const ROW_PX = 26;
const MOST_ROWS = 14;
const OVERSCAN = 8;

export class Grid {
  /** `ask(request)` sends to the kernel and resolves when that has been done. */
  constructor(rows, ask) {
    this.rows = rows;
    this.ask = ask;
    this.drawn = new Map();
    this.last = null;
    this.search = el('input', {
      type: 'search', placeholder: 'filter', title: 'words that must all occur; "in quotes" as they are', 'aria-label': `filter ${rows.spec.title}`, value: rows.filter,
      on: { input: () => { rows.filter = this.search.value; rows.arrange(); this.refresh(); } },
    });
    this.count = el('span', { class: 'tn-dim tn-num', role: 'status' });
    this.buttons = el('span', { class: 'tn-actions' });
    this.line = el('div', { class: 'tn-command', role: 'status', 'aria-live': 'polite' });
    this.said = false;
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
    this.node = el('section', { class: 'tn-grid', 'aria-label': rows.spec.title, on: { keydown: (event) => this.key(event) } },
      el('header', { class: 'tn-bar' }, this.title, this.search, this.count, this.buttons), this.line, this.frame, this.empty);
    this.rebuild();
  }

  /** The table's columns, actions or edition changed. */
  rebuild() {
    const { rows } = this;
    const { spec } = rows;
    setText(this.title, spec.title);
    setText(this.empty, spec.empty);
    const visible = rows.columns.map((column, i) => ({ ...column, at: i + 1 })).filter((column) => !column.hidden);
    this.visible = visible;
    const widths = visible.map((column) => rows.width(column.at - 1));
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
    this.makeButtons();
    this.refresh();
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
    const part = rows.filter ? `${rows.shown.length.toLocaleString('en-US')} of ` : '';
    setText(this.count, `${part}${spec.total.toLocaleString('en-US')}${here}${chosen}`);
    this.search.hidden = spec.total < 6;
    this.frame.hidden = spec.total === 0;
    this.empty.hidden = spec.total > 0;
    this.buttons.hidden = spec.total === 0;
    this.line.hidden = !this.said && (!this.actions.length || spec.total === 0);
    if (this.all) {
      this.all.checked = rows.shown.length > 0 && rows.shown.every((row) => rows.chosen.has(row[0]));
      this.all.indeterminate = !this.all.checked && rows.shown.some((row) => rows.chosen.has(row[0]));
    }
    this.frame.style.maxHeight = `${(MOST_ROWS + 1) * ROW_PX + 16}px`;
    this.refreshButtons();
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

  makeCell(row, { key, kind, at, numeric }) {
    const [text, title] = written(kind, row[at]);
    const { spec } = this.rows;
    if (key === spec.name && spec.open) {
      return el('td', { title, class: 'tn-first' }, el('button', { class: 'tn-open', text, title: `${title}\nclick to open`, on: { click: () => this.open(row) } }));
    }
    if (kind === 'state' && text) return el('td', {}, el('span', { class: 'tn-state', 'data-state': text, text }));
    const named = key === spec.name;
    const own = look(numeric && 'tn-right', named && 'tn-strong', named && 'tn-first', kind === 'code' && 'tn-code', kind === 'muted' && 'tn-dim');
    return el('td', { class: own, text, title: title === text && text.length < 20 ? null : title });
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
    this.said = false;
    const touched = from < 0 ? [key] : keys.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const one of touched) {
      if (on) rows.chosen.add(one);
      else rows.chosen.delete(one);
    }
    this.last = key;
    this.refresh();
  }

  chooseAll() {
    const { rows } = this;
    for (const row of rows.shown) {
      if (this.all.checked) rows.chosen.add(row[0]);
      else rows.chosen.delete(row[0]);
    }
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

  makeButtons() {
    this.confirming = null;
    this.actions = this.rows.spec.actions.map((action) => {
      const say = () => {
        this.said = false;
        this.tell(action);
      };
      const button = el('button', { class: 'tn-action', text: action.label, on: { click: () => this.act(action), focus: say, mouseenter: say } });
      return { action, button };
    });
    this.buttons.replaceChildren(...this.actions.map(({ button }) => button));
  }

  refreshButtons() {
    let first = null;
    for (const { action, button } of this.actions) {
      const picked = this.rows.picked().length;
      const fits = picked >= action.least && (!action.most || picked <= action.most);
      button.disabled = !fits || this.asking;
      if (fits) first ??= action;
    }
    if (this.confirming) {
      if (this.confirming.keys !== this.keys()) this.cancel();
    } else this.tell(first);
  }

  keys() {
    return JSON.stringify(this.rows.picked().map((row) => row[0]));
  }

  /** Tell how it went, in the place of the command, until the person goes on. */
  say({ tone, text }) {
    this.said = true;
    this.confirming = null;
    this.line.hidden = false;
    this.line.replaceChildren(el('span', { class: `tn-note tn-${tone}`, text }));
  }

  /** Back to the command. */
  hush() {
    this.said = false;
    this.refreshButtons();
  }

  /** Show the command that does what a button does. */
  tell(action) {
    if (this.confirming || this.said) return;
    const hint = this.rows.spec.total ? this.rows.spec.hint : '';
    this.line.replaceChildren(action ? el('code', { class: 'tn-code', text: this.filled(action.command) }) : el('span', { class: 'tn-dim', text: hint }));
  }

  /** Fill a template with the chosen rows: {key!r} as Python writes it, {key} as it is, several with spaces. */
  filled(template) {
    const picked = this.rows.picked();
    return template.replace(/\{(\w+)(!r)?\}/g, (_, key, quoted) =>
      picked.map((row) => this.rows.value(row, key)).map((value) => (quoted ? JSON.stringify(value) : String(value))).join(' '));
  }

  act(action) {
    if (action.confirm) this.confirm(action);
    else this.send(action, false);
  }

  confirm(action) {
    this.confirming = { keys: this.keys() };
    const yes = el('button', { class: 'tn-yes', text: action.label, on: { click: () => { this.confirming = null; this.send(action, true); } } });
    const no = el('button', { text: 'Cancel', on: { click: () => this.cancel(action) } });
    this.line.replaceChildren(el('span', { role: 'alertdialog', 'aria-label': this.filled(action.confirm), on: { keydown: (event) => { if (event.key === 'Escape') this.cancel(action); } } },
      el('strong', { text: this.filled(action.confirm) }), ' ', el('code', { class: 'tn-code', text: this.filled(action.command) }), ' ', yes, ' ', no));
    (action.danger ? no : yes).focus();
  }

  cancel(action) {
    this.confirming = null;
    this.tell(action);
    this.actions.find((each) => each.action === action)?.button.focus();
  }

  async send(action, confirmed) {
    this.asking = true;
    this.said = false;
    this.refreshButtons();
    const keys = this.rows.picked().map((row) => row[0]);
    await this.ask({ do: action.do, grid: this.rows.spec.id, keys, confirmed });
    this.asking = false;
    this.refreshButtons();
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
