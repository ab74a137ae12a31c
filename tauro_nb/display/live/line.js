// The points of one metric as this page holds them: three growing columns, filled from float64 buffers.

/** A widget's binary part as numbers; its bytes need not be aligned. */
export function floats(view) {
  return new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

export class Line {
  /** `spec` is {id, key, group, label, colour, dash}. */
  constructor(spec) {
    Object.assign(this, spec);
    this.length = 0;
    this.columns = { step: new Float64Array(256), time: new Float64Array(256), value: new Float64Array(256) };
  }

  /** Replace everything from `offset` on. False if points before `offset` are missing here. */
  splice(offset, part) {
    if (offset > this.length) return false;
    const length = offset + part.value.length;
    for (const [name, old] of Object.entries(this.columns)) {
      let column = old;
      if (length > old.length) {
        column = new Float64Array(Math.max(length, 2 * old.length));
        column.set(old.subarray(0, offset));
        this.columns[name] = column;
      }
      column.set(part[name], offset);
    }
    this.length = length;
    return true;
  }

  /** A view of one column: 'step', 'time' or 'value'. */
  column(name) {
    return this.columns[name].subarray(0, this.length);
  }
}

/** An exponential moving average; what is not finite is passed on and forgotten. */
export function smoothed(values, weight) {
  const out = new Float64Array(values.length);
  let mean = 0;
  let norm = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      out[i] = NaN;
      continue;
    }
    mean = weight * mean + (1 - weight) * values[i];
    norm = weight * norm + (1 - weight);
    out[i] = mean / norm;
  }
  return out;
}
