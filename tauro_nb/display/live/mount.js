// Live views over static HTML. A view is a widget model that is never displayed: it finds its placeholder in the page,
//   <div class="tn-mount tn-id-UID"><div class="tn-static">...</div></div>
// hides the static form and puts the live one beside it. Whatever goes wrong here, the static form stands.

const placeholders = document.getElementsByClassName('tn-mount'); // a live collection: a scan costs what it holds
const attached = new Map(); // uid -> Set of attachments
const OWNER = Symbol('tauro_nb.mounted');
const GONE_MS = 500;
const LABEL_MS = 300;

new MutationObserver(scan).observe(document.body, { subtree: true, childList: true });

function uidOf(node) {
  for (const name of node.classList) if (name.startsWith('tn-id-')) return name.slice(6);
  return null;
}

/**
 * Does this placeholder stand in the model's own document? UIDs repeat in the copy of a notebook, and JupyterLab shows
 * many notebooks in one page. The caption of a panel's tab names the path; a page with one document has no dock panel.
 */
function sameDocument(node, model) {
  const context = model.widget_manager?.context;
  const path = context?.contentsModel?.path ?? context?.path;
  const panel = node.closest('.jp-NotebookPanel');
  if (!path || !panel || !document.getElementById('jp-main-dock-panel')) return true;
  const caption = document.querySelector(`li[data-id="${CSS.escape(panel.id)}"]`)?.title;
  if (!caption) {
    setTimeout(scan, LABEL_MS); // the tab is not labelled yet
    return false;
  }
  return caption.split('\n').some((line) => line.endsWith(`: ${path}`));
}

function scan() {
  for (const node of [...placeholders]) {
    if (node[OWNER]) continue;
    for (const one of attached.get(uidOf(node)) ?? []) {
      if (sameDocument(node, one.model)) {
        one.mount(node);
        break;
      }
    }
  }
  for (const all of attached.values()) for (const one of all) one.prune();
}

class Attachment {
  constructor(model, view) {
    this.model = model;
    this.view = view;
    this.uid = model.get('uid');
    this.places = new Map(); // placeholder -> how to leave it
    this.timer = 0;
    this.session = model.widget_manager?.context?.sessionContext;
    this.onStatus = (_, status) => {
      if (/restarting|terminating|dead/.test(status)) this.detach();
    };
    this.onGone = () => this.detach();
    this.session?.statusChanged.connect(this.onStatus); // a shutdown sends no widget event
    this.session?.kernelChanged.connect(this.onGone);
    model.on('comm_live_update', this.onGone);
  }

  mount(node) {
    const still = node.querySelector(':scope > .tn-static');
    // JupyterLab's one-letter shortcuts must not act on the cell while a button here has the focus
    const live = document.createElement('div');
    live.className = 'tn-live';
    live.setAttribute('data-lm-suppress-shortcuts', 'true');
    let leave = () => {};
    try {
      node.append(live);
      leave = this.view.draw(live);
    } catch (error) {
      live.remove();
      console.warn('tauro_nb: the live view could not be drawn; the static form stands.', error);
      this.detach();
      return;
    }
    if (still) still.style.display = 'none';
    node[OWNER] = this;
    this.places.set(node, () => {
      leave();
      live.remove();
      if (still) still.style.display = '';
      delete node[OWNER];
    });
  }

  /** Leave placeholders that left the document (a cell that is only scrolled out of sight is detached whole). */
  prune() {
    let left = false;
    for (const [node, leave] of this.places) {
      if (node.isConnected || node.closest('.jp-Cell')) continue;
      leave();
      this.places.delete(node);
      left = true;
    }
    if (left && !this.places.size) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (!this.places.size) this.model.send({ do: 'gone' });
      }, GONE_MS);
    }
  }

  /** Back to the static form, for good. */
  detach() {
    clearTimeout(this.timer);
    this.session?.statusChanged.disconnect(this.onStatus);
    this.session?.kernelChanged.disconnect(this.onGone);
    this.model.off('comm_live_update', this.onGone);
    const all = attached.get(this.uid);
    all?.delete(this);
    if (all && !all.size) attached.delete(this.uid);
    for (const leave of this.places.values()) leave();
    this.places.clear();
    this.view.stop();
  }
}

/**
 * Mount `view` wherever the model's placeholder stands, now or later. The newest model of a UID in a document wins.
 * Returns the function that takes it down.
 */
export function attach(model, view) {
  const uid = model.get('uid');
  for (const old of [...(attached.get(uid) ?? [])]) if (old.model.widget_manager === model.widget_manager) old.detach();
  const one = new Attachment(model, view);
  if (!attached.has(uid)) attached.set(uid, new Set());
  attached.get(uid).add(one);
  scan();
  return () => one.detach();
}
