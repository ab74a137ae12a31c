// The door: a view's model says what kind it is.
import { attach } from './mount.js';
import { Card } from './card.js';
import { Explorer } from './explorer.js';
import { Pipeline } from './pipeline.js';
import { Sweep } from './sweep.js';

export { freshen } from './stale.js';

const KINDS = { card: Card, explorer: Explorer, pipeline: Pipeline, sweep: Sweep };

/** Open the view of `model`; `early` are the messages that came before this code did. Returns how to close it. */
export function open(model, early) {
  const view = new KINDS[model.get('kind')](model);
  for (const [message, buffers] of early) view.receive(message, buffers);
  const receive = (message, buffers) => view.receive(message, buffers);
  model.on('msg:custom', receive);
  const detach = attach(model, view);
  model.send({ do: 'opened' });
  return () => {
    model.off('msg:custom', receive);
    detach();
  };
}
