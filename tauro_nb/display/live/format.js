// How numbers, times and texts are written: short in the cell, whole in the title.

const DASH = '–';
const GROUPED = new Intl.NumberFormat('en-US');
const SPELLED = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity };

/** A number as Python sent it: JSON has no NaN or infinity, so these come as words. */
export function toNumber(value) {
  return typeof value === 'string' && value in SPELLED ? SPELLED[value] : value;
}

/** Four significant digits, or a whole number in full up to nine: as Python's display.format.short_number. */
export function number(value) {
  const v = toNumber(value);
  if (v === null || v === undefined) return DASH;
  if (typeof v !== 'number') return String(v);
  if (Number.isNaN(v)) return 'NaN';
  if (!Number.isFinite(v)) return v > 0 ? '∞' : '-∞';
  const size = Math.abs(v);
  if ((Number.isInteger(v) && size < 1e9) || (size >= 1000 && size < 1e9)) return GROUPED.format(Math.round(v));
  return String(Number(v.toPrecision(4)));
}

/** All digits, for a title. */
export function exact(value) {
  const v = toNumber(value);
  return v === null || v === undefined ? '' : String(v);
}

/** A span of time: `12 ms`, `3.4 s`, `2 min 5 s`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  if (seconds < 1) return `${Math.round(Math.max(0, seconds) * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  for (const [size, unit, small, smallUnit] of [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'min'], [60, 'min', 1, 's']]) {
    if (whole >= size) return `${Math.floor(whole / size)} ${unit} ${Math.floor((whole % size) / small)} ${smallUnit}`;
  }
  return `${whole} s`;
}

/** How long ago an instant was (seconds since the epoch), as seen from this page. */
export function ago(at) {
  if (at === null || at === undefined) return DASH;
  const s = Date.now() / 1000 - at;
  if (s < 10) return 'just now';
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  if (s < 86400 * 60) return `${Math.floor(s / 86400)} d ago`;
  return new Date(at * 1000).toISOString().slice(0, 10);
}

/** The instant itself, for a title. */
export function instant(at) {
  return at === null || at === undefined ? '' : new Date(at * 1000).toISOString().replace('T', ' ').replace(/\.\d+Z/, ' UTC');
}
