// The rows of one table as this page holds them: what came, in which order it is shown, what is chosen.
import { ago, duration, exact, instant, number, toNumber } from './format.js';

const NUMERIC = new Set(['number', 'change', 'time', 'duration']);
const MOST_KEPT = 1000; // chosen rows
const ORDER = new Intl.Collator(); // with numbers in order by itself it takes ten times as long
const DIGITS = 16; // of a number in a text, as it is compared
const MARK_CH = 9; // room for the mark behind a name
const LOG_FROM = 100; // a parameter of positive numbers is compared by size where its greatest is so many times its least
const QUERY = /[<>=]|\s(i?like\s|(not\s+)?in\s*\(|is\s+(not\s+)?null)|^\s*(metrics?|params?|parameters?|tags?|attributes?|attr|run)\./i;

/** Is this text meant as a filter, which the kernel reads, rather than as words? */
export function isQuery(text) {
  return QUERY.test(text);
}

/** Text and title of a cell. */
export function written(kind, value) {
  if (value === null || value === undefined) return ['', ''];
  switch (kind) {
    case 'number':
      return [number(value), exact(value)];
    case 'change':
      return [signed(value), exact(value)];
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

/** A number with its sign; what did not change says so. */
export function signed(value) {
  const v = toNumber(value);
  return v > 0 ? `+${number(v)}` : v === 0 ? '±0' : number(v);
}

export class Rows {
  /** `looks` is {told, keep}: how the table was looked at, and how that is kept. */
  constructor(spec, looks) {
    const { told } = looks;
    const mine = told.title === spec.title ? told : {};
    this.sort = told.sort ?? null; // {column, down}
    this.filter = mine.filter ?? ''; // words
    this.query = mine.query ?? ''; // a filter that the kernel has read
    this.kept = null; // of each row whether that filter keeps it
    this.chosen = new Set(mine.chosen);
    this.unfolded = new Map(told.unfolded); // column key -> whether a person wants to see it
    this.onlyDiffering = told.onlyDiffering ?? false;
    this.looks = looks;
    this.take(spec);
  }

  /** Keep how it is looked at. */
  remember() {
    const { title } = this.spec;
    const { sort, filter, query, onlyDiffering } = this;
    this.looks.keep({ title, sort, filter, query, onlyDiffering, chosen: [...this.chosen].slice(0, MOST_KEPT), unfolded: [...this.unfolded] });
  }

  /** A new edition of the table: order, filter and choice stay as far as they still make sense. */
  take(spec) {
    if (this.spec && this.spec.title !== spec.title) this.forget();
    this.spec = spec;
    this.kept = null;
    this.ranges = new Map();
    this.columns = spec.columns;
    this.worded = spec.columns.filter(({ kind, folded }) => !folded && !NUMERIC.has(kind));
    this.rows = [...spec.rows];
    this.come = new Map(); // key of a folded column -> of how many rows its values are here
    this.texts = new Map();
    if (this.sort && !this.columns.some((column) => column.key === this.sort.column)) this.sort = null;
    if (this.complete) this.dropMissing();
    this.arrange();
  }

  /** The table is about something else now: its rows are others, though their keys may be the same. */
  forget() {
    this.filter = '';
    this.query = '';
    this.chosen.clear();
  }

  /** More rows of the same edition. */
  append(rows) {
    this.rows.push(...rows);
    for (const [at, range] of this.ranges) widen(range, rows, at);
    if (this.complete) this.dropMissing();
    this.arrange();
  }

  /** Values of a folded column. */
  fill(key, from, values) {
    const column = this.columns.find((each) => each.key === key);
    values.forEach((value, i) => { this.rows[from + i][column.at] = value; });
    this.come.set(key, from + values.length);
    if (values.length && !this.lacks(column)) {
      this.ranges.delete(column.at);
      this.arrange();
    }
  }

  /** Is a column asked for whose values are not all here? */
  lacks({ key, folded }) {
    return folded && this.unfolded.get(key) && (this.come.get(key) ?? 0) < this.rows.length;
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
    this.remember();
    this.arrange();
  }

  /** Compute `shown`: what passes the filter, in order. */
  arrange() {
    const terms = [...this.filter.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)].map((found) => found[1] ?? found[2]);
    const found = this.kept ? this.rows.filter((_, i) => this.kept[i]) : [...this.rows];
    this.shown = terms.length ? found.filter((row) => terms.every((term) => this.textOf(row).includes(term))) : found;
    if (!this.sort) return;
    const { at, kind } = this.columns.find((column) => column.key === this.sort.column);
    const keyOf = NUMERIC.has(kind) ? toNumber : ordered;
    const sign = this.sort.down ? -1 : 1;
    const keyed = this.shown.map((row) => ({ row, key: keyOf(row[at]) }));
    this.shown = keyed.sort((a, b) => compare(a.key, b.key, sign)).map(({ row }) => row);
  }

  /** What words are looked for in; digits of measured numbers would be found everywhere. */
  textOf(row) {
    let text = this.texts.get(row[0]);
    if (text === undefined) {
      text = this.worded.map(({ kind, at }) => written(kind, row[at])[0]).join('\n').toLowerCase();
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
    return row[this.columns.find((column) => column.key === key).at];
  }

  /** Show what a filter keeps: of each row 1 or 0. */
  keep(query, kept) {
    this.query = query;
    this.kept = kept;
    this.filter = '';
    this.remember();
    this.arrange();
  }

  /** Show what has all of these words. */
  search(words) {
    this.query = '';
    this.kept = null;
    this.filter = words;
    this.remember();
    this.arrange();
  }

  isUnfolded(column) {
    return this.unfolded.get(column.key) ?? !column.folded;
  }

  /** The columns to show, each with the place of its values in a row. */
  visible() {
    const { name } = this.spec;
    return this.columns.filter((column) => !column.hidden
      && (column.key === name || (this.isUnfolded(column) && (!this.onlyDiffering || this.differs(column.at)))));
  }

  /** Do the shown rows differ in this column? */
  differs(at) {
    const first = String(this.shown[0]?.[at]);
    return this.shown.some((row) => String(row[at]) !== first);
  }

  /** Where a number is between the least and the greatest of its column: 0 to 1, or null. */
  share(value, { key, at }) {
    const v = toNumber(value);
    if (!Number.isFinite(v)) return null;
    if (!this.ranges.has(at)) this.ranges.set(at, widen({ low: Infinity, high: -Infinity }, this.rows, at));
    const { low, high } = this.ranges.get(at);
    if (!(high > low)) return null;
    if (key.startsWith('params.') && low > 0 && high / low >= LOG_FROM) return Math.log(v / low) / Math.log(high / low);
    return (v - low) / (high - low);
  }

  /** By how much a number differs from that of the base row; null where there is nothing to tell. */
  change(row, at) {
    const { base } = this.spec;
    if (!base || row[0] === base) return null;
    const than = this.rows.find((each) => each[0] === base);
    const by = than && row[at] !== null && than[at] !== null ? toNumber(row[at]) - toNumber(than[at]) : NaN;
    return Number.isFinite(by) && by !== 0 ? by : null;
  }

  /** Characters that a column needs, by the rows that are here. */
  width({ key, kind, label, bar, at }) {
    const { name, mark, base } = this.spec;
    const beside = { state: () => 2, badges: (row) => 2 * (row[at]?.length ?? 0) }[kind] ?? (() => 0);
    const besideName = key === name && mark ? (row) => (this.value(row, mark) ? MARK_CH : 0) : beside;
    let most = 1.1 * label.length + 3; // it is bold, and has a mark beside it
    for (const row of this.rows.slice(0, 300)) most = Math.max(most, written(kind, row[at])[0].length + besideName(row));
    return Math.min(Math.max(most, 4) + (bar && base ? 9 : 0), kind === 'text' || kind === 'badges' ? 32 : 24);
  }
}

/** Let a range hold the finite numbers of these rows too. */
function widen(range, rows, at) {
  for (const row of rows) {
    const value = toNumber(row[at]);
    if (!Number.isFinite(value)) continue;
    if (value < range.low) range.low = value;
    if (value > range.high) range.high = value;
  }
  return range;
}

/** A text so that its numbers stand in order when it is compared. */
function ordered(value) {
  return typeof value === 'string' ? value.replace(/\d+/g, (digits) => digits.padStart(DIGITS, '0')) : value;
}

/** Missing values and NaN come last, either way; numbers come before texts. */
function compare(x, y, sign) {
  const noX = x === null || x === undefined || Number.isNaN(x);
  const noY = y === null || y === undefined || Number.isNaN(y);
  if (noX || noY) return noX - noY;
  if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
  if (typeof x === 'number' || typeof y === 'number') return typeof x === 'number' ? -sign : sign;
  return sign * ORDER.compare(x, y);
}
