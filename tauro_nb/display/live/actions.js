// The buttons over a table: each shows the command that does the same, asks before it acts where that is due, and tells
// how it went in the same line.
import { el } from './dom.js';

const MOST_NAMED = 6; // rows that a command names before it only counts them

export class Actions {
  /** `ask(request)` sends to the kernel and resolves when that has been done. */
  constructor(rows, ask) {
    this.rows = rows;
    this.ask = ask;
    this.said = false;
    this.list = [];
    this.buttons = el('span', { class: 'tn-actions' });
    this.line = el('div', { class: 'tn-command', role: 'status', 'aria-live': 'polite' });
  }

  /** The table's actions may be others. Those that stay keep their buttons, and so the focus. */
  rebuild() {
    const { actions } = this.rows.spec;
    const spelled = JSON.stringify(actions);
    if (spelled === this.spelled) return;
    this.spelled = spelled;
    this.confirming = null;
    this.list = actions.map((action) => {
      const say = () => {
        this.said = false;
        this.tell(action);
      };
      const button = el('button', { class: 'tn-action', text: action.label, on: { click: () => this.act(action), focus: say, mouseenter: say } });
      return { action, button };
    });
    this.buttons.replaceChildren(...this.list.map(({ button }) => button));
  }

  refresh() {
    const { total } = this.rows.spec;
    const picked = this.rows.picked().length;
    let first = null;
    this.buttons.hidden = total === 0;
    this.line.hidden = !this.said && (!this.list.length || total === 0);
    for (const { action, button } of this.list) {
      const { least, most } = action;
      const fits = picked >= least && (!most || picked <= most);
      button.disabled = !fits || Boolean(this.asking);
      button.title = fits ? '' : `choose ${least === most ? least : most ? `${least} to ${most.toLocaleString('en-US')}` : `at least ${least}`}`;
      if (fits && least) first ??= action;
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
    this.refresh();
  }

  /** Show the command that does what a button does. */
  tell(action) {
    if (this.confirming || this.said) return;
    const hint = this.rows.spec.total ? this.rows.spec.hint : '';
    this.line.replaceChildren(action ? el('code', { class: 'tn-code', text: this.filled(action.command) }) : el('span', { class: 'tn-dim', text: hint }));
  }

  /** Fill a template: {key!r} as Python writes it, {key} as it is; several rows with spaces; for {key,} ascending, with commas.
   *  What is yet to be typed is an ellipsis. */
  filled(template, given = {}) {
    const { spec } = this.rows;
    const picked = this.rows.picked();
    return template.replace(/\{(\w+)(!r)?(,)?\}/g, (_, key, quoted, comma) => {
      const known = { ...spec.facts, ...given };
      const awaited = !(key in known) && !this.rows.columns.some((column) => column.key === key);
      if (awaited) return quoted ? '"…"' : '…';
      const values = key in known ? [known[key]] : picked.slice(0, MOST_NAMED).map((row) => this.rows.value(row, key));
      if (comma) values.sort((a, b) => a - b);
      const texts = values.map((value) => (quoted ? JSON.stringify(value) : String(value)));
      if (!(key in known) && picked.length > MOST_NAMED) texts.push(`… (${picked.length.toLocaleString('en-US')} in all)`);
      return texts.join(comma ? ', ' : ' ');
    });
  }

  act(action) {
    if (action.confirm) this.confirm(action);
    else this.send(action, { confirmed: false });
  }

  confirm(action) {
    this.said = false;
    this.confirming = { keys: this.keys() };
    const { asks } = action;
    const given = () => (asks ? { [asks]: field.value.trim() } : {});
    const command = el('code', { class: 'tn-code', text: this.filled(action.command, asks ? { [asks]: '' } : {}) });
    const go = () => {
      if (asks && !field.value.trim()) return;
      this.confirming = null;
      this.send(action, { confirmed: true, answer: asks ? given()[asks] : '' });
    };
    const yes = el('button', { class: 'tn-yes', text: action.label, disabled: Boolean(asks), on: { click: go } });
    const no = el('button', { text: 'Cancel', on: { click: () => this.cancel(action) } });
    const field = asks && el('input', {
      type: 'text', 'aria-label': asks, placeholder: asks, maxlength: 250, autocomplete: 'off', spellcheck: 'false',
      on: {
        input: () => {
          command.textContent = this.filled(action.command, given());
          yes.disabled = !field.value.trim();
        },
        keydown: (event) => { if (event.key === 'Enter') go(); },
      },
    });
    const question = this.filled(action.confirm);
    this.line.replaceChildren(el('span', {
      class: 'tn-question', role: 'alertdialog', 'aria-label': question, on: { keydown: (event) => { if (event.key === 'Escape') this.cancel(action); } },
    }, el('strong', { text: question }), field, command, yes, no));
    (field || (action.danger ? no : yes)).focus();
  }

  cancel(action) {
    this.confirming = null;
    this.tell(action);
    this.list.find((each) => each.action === action)?.button.focus();
  }

  async send(action, answer) {
    this.asking = true;
    this.said = false;
    this.refresh();
    const keys = this.rows.picked().map((row) => row[0]);
    await this.ask({ do: action.do, grid: this.rows.spec.id, keys: action.least ? keys : [], ...answer });
    this.asking = false;
    this.refresh();
  }
}
