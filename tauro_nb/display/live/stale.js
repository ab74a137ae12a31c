// Outputs that were saved while a card was live, and loaded when it was over: the kernel knows how it ended. JupyterLab
// forgets which output an update is meant for when a page is loaded anew, so the notebook's own model is mended here.
const PLACEHOLDER = /^<div class="tn-mount tn-id-(\w+)"/;

/** The outputs of the model's notebook that hold a placeholder: uid, list of outputs and place in it. */
function placeholders(model) {
  const found = [];
  for (const cell of model.widget_manager?.context?.model?.cells ?? []) {
    const { outputs } = cell;
    for (let i = 0; i < (outputs?.length ?? 0); i += 1) {
      const uid = PLACEHOLDER.exec(outputs.get(i).data['text/html'])?.[1];
      if (uid) found.push({ uid, outputs, i });
    }
  }
  return found;
}

/** Ask the kernel of `model` how the cards ended whose placeholders stand here, and put that in their place. */
export function freshen(model) {
  model.on('msg:custom', ({ uid, data }) => {
    for (const { outputs, i } of placeholders(model).filter((each) => each.uid === uid)) {
      outputs.set(i, { ...outputs.get(i).toJSON(), data });
    }
  });
  const stale = placeholders(model).map(({ uid }) => uid);
  if (stale.length) model.send({ stale });
}
