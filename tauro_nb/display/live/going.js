// What the cards of runs and of pipelines have in common: a head that the kernel renews, and a clock that goes on by itself.
import { el, perFrame, setText } from './dom.js';
import { duration } from './format.js';

const TICK_MS = 1000;

/** Something that may be shown in more than one place: a notebook may show the same output twice. */
export class Shown {
  constructor(model) {
    this.model = model;
    this.faces = new Set();
  }

  /** Show it here; returns how to take it away. */
  draw(root) {
    const face = this.face(root);
    this.faces.add(face);
    return () => {
      this.faces.delete(face);
      face.leave();
    };
  }
}

export class Going extends Shown {
  constructor(model) {
    super(model);
    this.changed = perFrame(() => this.refresh());
    this.onHead = () => {
      this.head = model.get('head');
      this.headAt = performance.now();
      this.changed();
    };
    this.onHead();
    model.on('change:head', this.onHead);
  }

  stop() {
    this.changed.cancel();
    this.model.off('change:head', this.onHead);
  }

  refresh() {
    for (const face of this.faces) face.refresh();
  }

  elapsed() {
    const { elapsed_s: before, status } = this.head;
    return status === 'RUNNING' ? before + (performance.now() - this.headAt) / 1000 : before;
  }
}

/** One showing: `what` is a run or a pipeline. */
export class GoingFace {
  constructor(card, what) {
    this.card = card;
    this.state = el('span', { class: 'tn-state', role: 'status' });
    this.elapsed = el('span', { class: 'tn-num tn-dim', title: `time since the ${what} started` });
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Its first line: a strong name, the state, and what stands around the time. */
  heading(name, where, ...more) {
    return el('header', { class: 'tn-head' },
      el('strong', { class: 'tn-name', text: name, title: name }), this.state,
      el('span', { class: 'tn-dim', text: where }), this.elapsed, ...more);
  }

  tick() {
    setText(this.elapsed, duration(this.card.elapsed()));
  }

  refresh() {
    const { status } = this.card.head;
    setText(this.state, status);
    this.state.dataset.state = status;
    this.tick();
  }

  leave() {
    clearInterval(this.timer);
  }
}
