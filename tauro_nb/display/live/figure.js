// A plotly figure that the kernel made, drawn by this page's plotly.js in this page's colours. Its caption is in HTML.
import { el, perFrame, setText, whenPlotly } from './dom.js';

const AXIS_PX = [88, 200]; // between axes of parallel coordinates, at least and at most
const LETTER_PX = 6.5;

export class Figure {
  constructor(block, version) {
    this.title = el('strong');
    this.note = el('span', { class: 'tn-dim' });
    this.plot = el('div', { class: 'tn-plot', role: 'img' });
    this.wait = el('div', { class: 'tn-plot-note tn-dim', text: 'drawing…' });
    this.plot.append(this.wait);
    this.node = el('figure', { class: 'tn-figure' }, el('figcaption', {}, this.title, ' ', this.note), el('div', { class: 'tn-wide' }, this.plot));
    this.dead = false;
    this.seen = false;
    this.request = perFrame(() => this.draw());
    this.sizes = new ResizeObserver(this.request);
    this.sizes.observe(this.node);
    this.sight = new IntersectionObserver((entries) => {
      this.seen = entries.at(-1).isIntersecting;
      if (this.seen) this.request();
    });
    this.sight.observe(this.plot);
    whenPlotly(version, this.wait, 'the figure is in runs.figure()', (plotly) => {
      this.plotly = plotly;
      this.request();
    });
    this.update(block);
  }

  update(block) {
    this.block = block;
    setText(this.title, block.title);
    setText(this.note, block.note);
    this.plot.setAttribute('aria-label', [block.title, block.note].filter(Boolean).join('. '));
    this.plot.style.height = `${block.layout.height}px`;
    const axes = block.data.find((trace) => trace.type === 'parcoords')?.dimensions;
    this.plot.style.minWidth = axes ? `${apart(axes) * axes.length + 100}px` : '';
    this.request();
  }

  layout() {
    const look = getComputedStyle(this.plot);
    const font = { family: look.fontFamily, size: parseFloat(look.fontSize), color: look.color };
    const grid = look.getPropertyValue('--tn-grid').trim();
    return {
      ...structuredClone(this.block.layout), font, width: this.plot.clientWidth, autosize: false,
      hoverlabel: { bgcolor: look.getPropertyValue('--tn-ground').trim(), bordercolor: grid, font, align: 'left' },
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: grid, activecolor: look.color },
    };
  }

  draw() {
    if (this.dead || !this.plotly || !this.seen || !this.plot.clientWidth) return;
    this.wait.remove();
    const config = {
      displaylogo: false, responsive: false, showTips: false, displayModeBar: 'hover',
      modeBarButtons: [['zoom2d', 'pan2d', 'resetScale2d', 'toImage']], // by name: none that leaves this machine
    };
    this.plotly.react(this.plot, structuredClone(this.block.data), this.layout(), config);
  }

  leave() {
    this.dead = true;
    this.request.cancel();
    this.sizes.disconnect();
    this.sight.disconnect();
    if (this.plotly) this.plotly.purge(this.plot);
    this.node.remove();
  }
}

/** Pixels between axes of parallel coordinates at which names and values hardly run into each other. */
function apart(axes) {
  const texts = axes.flatMap(({ label, ticktext }) => [label, ...ticktext]);
  const [least, most] = AXIS_PX;
  return Math.min(most, Math.max(least, 12 + LETTER_PX * Math.max(...texts.map((text) => text.length))));
}
