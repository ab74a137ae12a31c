// One small chart: lines of one metric group over step or time, drawn by plotly.js. The legend is ours, in HTML.
import { el, perFrame, setText, whenPlotly } from './dom.js';
import { exact, number } from './format.js';
import { smoothed } from './line.js';


function swatch(colour, dash) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'tn-swatch');
  svg.setAttribute('viewBox', '0 0 20 8');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', 'M0 4H20');
  line.setAttribute('stroke', colour);
  line.setAttribute('stroke-width', '2.5');
  line.setAttribute('stroke-dasharray', dash);
  svg.append(line);
  return svg;
}

export class Panel {
  /**
   * @param title  the metric group's name
   * @param options  {x: 'step' | 'time', smooth: 0..1}, shared by all panels of a view and read at every drawing
   * @param own  how this panel is looked at: {log: bool, hidden: Set of line ids, zoom: {x, y} or null}
   * @param kept  to be called when that has changed
   */
  constructor(title, options, own, kept, version) {
    this.title = title;
    this.options = options;
    this.own = own;
    this.kept = kept;
    this.lines = [];
    this.keys = new Map();
    this.dead = false;
    this.seen = false;
    this.revision = 0;
    this.log = el('button', {
      class: 'tn-toggle', text: 'log', 'aria-pressed': String(own.log), title: 'logarithmic scale',
      on: { click: () => this.toggleLog() },
    });
    this.legend = el('div', { class: 'tn-legend' });
    this.plot = el('div', { class: 'tn-plot', role: 'img', 'aria-label': `chart of ${title}` });
    this.note = el('div', { class: 'tn-plot-note tn-dim', text: 'drawing…' });
    this.plot.append(this.note);
    this.node = el('figure', { class: 'tn-panel' },
      el('figcaption', { class: 'tn-panel-head' }, el('span', { class: 'tn-panel-title', text: title, title }), this.log),
      this.plot, this.legend);
    this.request = perFrame(() => this.draw());
    this.resize = perFrame(() => this.fit());
    this.sizes = new ResizeObserver(this.resize);
    this.sizes.observe(this.plot);
    this.sight = new IntersectionObserver((entries) => {
      this.seen = entries.at(-1).isIntersecting;
      if (this.seen) this.request();
    });
    this.sight.observe(this.plot);
    whenPlotly(version, this.note, 'the chart is in run.figure()', (plotly) => {
      this.plotly = plotly;
      this.request();
    });
  }

  /** Show these lines, each {id, label, title, about, line, last}; asks for a drawing. */
  update(lines) {
    this.lines = lines;
    for (const item of lines) this.keyOf(item);
    this.request();
  }

  keyOf(item) {
    let key = this.keys.get(item.id);
    if (!key) {
      const last = el('span', { class: 'tn-num' });
      const range = el('span', { class: 'tn-dim tn-range' });
      const button = el('button', {
        class: 'tn-key', 'aria-pressed': String(!this.own.hidden.has(item.id)),
        on: { click: () => this.toggleLine(item.id) },
      }, swatch(item.line.colour, item.line.dash), el('span', { class: 'tn-key-label', text: item.label }), last, range);
      key = { button, last, range };
      this.keys.set(item.id, key);
      this.legend.append(button);
    }
    setText(key.last, number(item.last));
    setText(key.range, ranged(item.line));
    key.button.title = `${item.title}\n${item.about}\nclick to hide or show`;
  }

  toggleLine(id) {
    const { hidden } = this.own;
    if (!hidden.delete(id)) hidden.add(id);
    this.keys.get(id).button.setAttribute('aria-pressed', String(!hidden.has(id)));
    this.kept();
    this.request();
  }

  toggleLog() {
    this.own.log = !this.own.log;
    this.log.setAttribute('aria-pressed', String(this.own.log));
    this.unzoom(); // it was in the other scale
    this.kept();
    this.request();
  }

  unzoom() {
    this.own.zoom = null;
    this.revision += 1;
  }

  /** Keep what a person zoomed to. */
  zoomed(change) {
    const by = Object.keys(change);
    if (!by.some((name) => /^[xy]axis\.(range|autorange)/.test(name))) return;
    const { xaxis, yaxis } = this.plot.layout;
    const [x, y] = [xaxis, yaxis].map(({ autorange, range }) => (autorange ? null : [...range]));
    this.own.zoom = x || y ? { x, y } : null;
    this.kept();
  }

  traces() {
    const out = [];
    for (const { id, label, line } of this.lines) {
      const { colour } = line;
      const dash = line.dash.replaceAll(' ', 'px,').concat(line.dash ? 'px' : 'solid');
      if (this.own.hidden.has(id)) continue;
      const x = line.column(this.options.x);
      const y = line.column('value');
      const base = { x, type: 'scatter', mode: y.length > 1 ? 'lines' : 'markers', name: label, connectgaps: false };
      const text = { hovertemplate: '%{y:.4~g}' };
      if (this.options.smooth > 0) {
        out.push({ ...base, y, hoverinfo: 'skip', opacity: 0.25, line: { color: colour, width: 1 } });
        out.push({ ...base, ...text, y: smoothed(y, this.options.smooth), line: { color: colour, dash, width: 1.8 } });
      } else {
        out.push({ ...base, ...text, y, line: { color: colour, dash, width: 1.8 }, marker: { color: colour, size: 7 } });
      }
      const bad = lost(x, y);
      if (bad.x.length) {
        out.push({
          ...bad, type: 'scatter', mode: 'markers', name: label, yaxis: 'y2', hovertemplate: '%{text}',
          marker: { symbol: 'x-thin', size: 8, color: colour, line: { color: colour, width: 2 } },
        });
      }
    }
    return out;
  }

  layout() {
    const look = getComputedStyle(this.plot);
    const ink = look.color;
    const grid = look.getPropertyValue('--tn-grid').trim();
    const font = { family: look.fontFamily, size: parseFloat(look.fontSize), color: ink };
    const axis = { gridcolor: grid, zeroline: false, linecolor: grid, ticks: '', fixedrange: false };
    const seconds = this.options.x === 'time';
    return {
      font, autosize: true, height: this.plot.clientHeight, width: this.plot.clientWidth,
      margin: { l: 50, r: 10, t: 8, b: 26 }, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      showlegend: false, hovermode: 'x unified', dragmode: 'zoom',
      hoverlabel: { bgcolor: look.getPropertyValue('--tn-ground').trim(), bordercolor: grid, font },
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: grid, activecolor: ink, orientation: 'h' },
      xaxis: { ...axis, ...within(this.own.zoom?.x), nticks: 6, spikethickness: 1, spikecolor: ink, ticksuffix: seconds ? ' s' : '', hoverformat: seconds ? '.4~g' : '.10~g' },
      yaxis: { ...axis, ...within(this.own.zoom?.y), nticks: 5, type: this.own.log ? 'log' : 'linear', exponentformat: 'e' },
      yaxis2: { overlaying: 'y', range: [0, 1], visible: false, fixedrange: true },
      uirevision: `${this.options.x} ${this.revision}`, datarevision: (this.drawn = (this.drawn ?? 0) + 1),
    };
  }

  draw() {
    if (this.dead || !this.plotly || !this.seen || !this.plot.clientWidth) return;
    this.note.remove();
    const config = {
      displaylogo: false, responsive: false, showTips: false, displayModeBar: 'hover',
      modeBarButtons: [['zoom2d', 'pan2d', 'resetScale2d', 'toImage']], // by name: none that leaves this machine
    };
    const first = !this.plot.classList.contains('js-plotly-plot');
    this.plotly.react(this.plot, this.traces(), this.layout(), config);
    if (first) this.plot.on('plotly_relayout', (change) => this.zoomed(change));
  }

  fit() {
    if (this.dead || !this.plot.classList.contains('js-plotly-plot')) return;
    this.draw();
  }

  destroy() {
    this.dead = true;
    this.request.cancel();
    this.resize.cancel();
    this.sizes.disconnect();
    this.sight.disconnect();
    if (this.plotly) this.plotly.purge(this.plot);
    this.node.remove();
  }
}

/** Where a line has no finite value: crosses on the floor of the panel, so that a diverged loss is seen. */
function lost(x, y) {
  const out = { x: [], y: [], text: [] };
  for (let i = 0; i < y.length; i++) {
    if (Number.isFinite(y[i])) continue;
    out.x.push(x[i]);
    out.y.push(0.03);
    out.text.push(number(y[i]));
  }
  return out;
}

function within(range) {
  return range ? { range: [...range], autorange: false } : { autorange: true };
}

/** Least and greatest of a line, in short. */
function ranged({ min, max, count }) {
  return count > 1 ? `${number(min)} … ${number(max)}` : '';
}

/** Last, least and greatest in words, for a title. */
export function about({ last, min, max, count }) {
  return `last ${exact(last)}\nmin ${exact(min)}\nmax ${exact(max)}\n${count} points`;
}

