// How a model's metrics went over its versions, as small pictures; and where one version came from.
import { el } from './dom.js';
import { exact, number, toNumber } from './format.js';

const WIDE = 132;
const HIGH = 30;
const EDGE = 4;

function drawn(tag, props, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A line over the versions; a dot where a value stands alone, a ring at the version in Production. */
function spark({ label, versions, values, marked }) {
  const numbers = values.map(toNumber);
  const finite = numbers.filter(Number.isFinite);
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low;
  const first = versions[0];
  const across = (i) => EDGE + (versions[i] - first) / (versions.at(-1) - first) * (WIDE - 2 * EDGE);
  const up = (value) => (span ? HIGH - EDGE - (value - low) / span * (HIGH - 2 * EDGE) : HIGH / 2);
  let path = '';
  let down = false;
  numbers.forEach((value, i) => {
    if (Number.isFinite(value)) path += `${down ? 'L' : 'M'}${across(i).toFixed(1)} ${up(value).toFixed(1)}`;
    down = Number.isFinite(value);
  });
  const said = `${label} of ${versions.length} versions: ${values.map((value, i) => `v${versions[i]} ${number(value)}`).join(', ')}`;
  const svg = drawn('svg', { class: 'tn-spark', width: WIDE, height: HIGH, viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': said },
    drawn('title', {}, said), drawn('path', { d: path || 'M0 0', fill: 'none' }));
  numbers.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    if (i === marked) svg.append(drawn('circle', { cx: across(i), cy: up(value), r: 3.5, class: 'tn-ring' }));
    else if (numbers.length <= 30) svg.append(drawn('circle', { cx: across(i), cy: up(value), r: 1.6 }));
  });
  return svg;
}

export class Courses {
  constructor(block) {
    this.node = el('section', { class: 'tn-courses', 'aria-label': 'metrics over the versions' });
    this.update(block);
  }

  update({ items }) {
    this.node.replaceChildren(...items.map((item) => el('figure', {},
      el('figcaption', {}, el('span', { class: 'tn-dim tn-tile-name', text: item.label, title: item.label }), ' ',
        el('span', { class: 'tn-num', text: number(item.values.at(-1)), title: `v${item.versions.at(-1)}: ${exact(item.values.at(-1))}` })),
      spark(item))));
  }

  leave() {
    this.node.remove();
  }
}

export class Lineage {
  constructor(block) {
    this.node = el('section', { class: 'tn-lineage' });
    this.update(block);
  }

  update({ title, steps, facts, command }) {
    this.node.setAttribute('aria-label', `where ${title} came from`);
    const step = ({ what, items }) => el('li', {}, el('div', {}, el('div', { class: 'tn-dim', text: what }),
      ...items.map(({ name, note, about }) => el('div', { title: about || null }, el('strong', { text: name }), ' ', el('span', { class: 'tn-code tn-dim', text: note })))));
    this.node.replaceChildren(
      el('header', { class: 'tn-bar' }, el('strong', { text: title }), el('code', { class: 'tn-code', text: command })),
      el('ol', {}, ...steps.map(step)),
      el('dl', {}, ...facts.flatMap(([name, value]) => [el('dt', { class: 'tn-dim', text: name }), el('dd', { text: value, title: value })])));
  }

  leave() {
    this.node.remove();
  }
}
