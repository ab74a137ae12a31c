// The rows of one table as this page holds them: what came, in which order it is shown, what is chosen.
import { ago, duration, exact, instant, number, toNumber } from './format.js';

const NUMERIC = new Set(['number', 'time', 'duration']);

/** Text and title of a cell. */
export function written(kind, value) {
  if (value === null || value === undefined) return ['', ''];
  switch (kind) {
    case 'number':
      return [number(value), exact(value)];
    case 'time':
      return [ago(value), instant(value)];
    case 'duration':
      return [duration(value), `${value} s`];
    case 'badges':
      return [value.join(', '), value.join(', ')];
    default:
      return [String(value), String(value)];
  }
}

export class Rows {
  constructor(spec) {
    this.sort = null; // {column, down}
    this.filter = '';
    this.chosen = new Set();
    this.take(spec);
  }

  /** A new edition of the table: order, filter and choice stay as far as they still make sense. */
  take(spec) {
    this.spec = spec;
    this.columns = spec.columns;
    this.rows = [...spec.rows];
    this.texts = new Map();
    if (this.sort && !this.columns.some((column) => column.key === this.sort.column)) this.sort = null;
    if (this.complete) this.dropMissing();
    this.arrange();
  }

  /** More rows of the same edition. */
  append(rows) {
    this.rows.push(...rows);
    if (this.complete) this.dropMissing();
    this.arrange();
  }

  get complete() {
    return this.rows.length >= this.spec.total;
  }

  dropMissing() {
    const keys = new Set(this.rows.map((row) => row[0]));
    for (const key of this.chosen) if (!keys.has(key)) this.chosen.delete(key);
  }

  /** Sort by a column: first the way that is asked for more often, then the other, then not at all. */
  sortBy(key) {
    const down = NUMERIC.has(this.columns.find((column) => column.key === key).kind);
    if (this.sort?.column !== key) this.sort = { column: key, down };
    else if (this.sort.down === down) this.sort = { column: key, down: !down };
    else this.sort = null;
    this.arrange();
  }

  /** Compute `shown`: what passes the filter, in order. */
  arrange() {
    const terms = [...this.filter.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)].map((found) => found[1] ?? found[2]);
    this.shown = terms.length ? this.rows.filter((row) => terms.every((term) => this.textOf(row).includes(term))) : [...this.rows];
    if (!this.sort) return;
    const at = this.columns.findIndex((column) => column.key === this.sort.column) + 1;
    const numeric = NUMERIC.has(this.columns[at - 1].kind);
    const sign = this.sort.down ? -1 : 1;
    this.shown.sort((a, b) => compare(a[at], b[at], numeric, sign));
  }

  textOf(row) {
    let text = this.texts.get(row[0]);
    if (text === undefined) {
      text = this.columns.map((column, i) => written(column.kind, row[i + 1])[0]).join('\n').toLowerCase();
      this.texts.set(row[0], text);
    }
    return text;
  }

  /** The chosen rows, in the order in which they came. */
  picked() {
    return this.rows.filter((row) => this.chosen.has(row[0]));
  }

  /** The value of a column, by name. */
  value(row, key) {
    return row[this.columns.findIndex((column) => column.key === key) + 1];
  }

  /** Characters that a column needs, by the rows that are here. */
  width(index) {
    const { kind, label } = this.columns[index];
    let most = label.length + 2;
    for (const row of this.rows.slice(0, 300)) most = Math.max(most, written(kind, row[index + 1])[0].length + (kind === 'state' ? 2 : 0));
    return Math.min(Math.max(most, 4), kind === 'text' ? 32 : 24);
  }
}

/** Missing values and NaN come last, either way. */
function compare(a, b, numeric, sign) {
  const [x, y] = numeric ? [toNumber(a), toNumber(b)] : [a, b];
  const noX = x === null || x === undefined || Number.isNaN(x);
  const noY = y === null || y === undefined || Number.isNaN(y);
  if (noX || noY) return noX - noY;
  if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
  return sign * String(x).localeCompare(String(y), undefined, { numeric: true });
}
